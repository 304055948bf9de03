"""The node of the stand-in cluster: a pod's container is a process of this machine.

What a real node has and this one has not: a file system, a user and a network of the pod's own. An image is
a folder whose `bin` comes first in PATH; an emptyDir is a folder of the pod, and its path is put in its place
in the environment. Everything else in the environment comes from the manifest, as in a container.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apistatus import ApiError
from apistore import Event, Object, Resource, Store, now

STATUS_LAG = 0.2  # seconds until the server hears that a container has ended, as from a real kubelet


@dataclass
class Image:
    """A folder of programs, and the environment that the image brings."""

    bin: Path
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One line of a log, and when it came: epoch nanoseconds. Those of the kubelet's own have no stamp."""

    time: int
    text: str
    own: bool = False

    @property
    def stamp(self) -> str:
        moment = datetime.fromtimestamp(self.time // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{moment}.{self.time % 10**9:09d}".rstrip("0").rstrip(".") + "Z"


class Log:
    """What a container wrote; followers wait on `changed`."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.over = False
        self.changed = asyncio.Event()

    def add(self, text: str, *, own: bool = False) -> None:
        self.lines.append(Line(time.time_ns(), text, own))
        self._wake()

    def end(self) -> None:
        self.over = True
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Node:
    """Runs the pods of a store. While it is not `schedulable`, new pods wait.

    With `refusal`, a reason and a message, it turns new pods down before it makes their container.
    """

    def __init__(self, store: Store, pods: Resource, secrets: Resource) -> None:
        self.images: dict[str, Image] = {}
        self.schedulable = True
        self.refusal: tuple[str, str] | None = None
        self.store, self.pods, self.secrets = store, pods, secrets
        self._running: dict[str, PodRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        store.listen(self._hear)

    def run(self, uid: str) -> PodRun:
        """That of a pod, by its unique id."""
        return self._running[uid]

    def last_lines(self) -> list[str]:
        """Of the log of each pod that ever ran."""
        return [run.log.lines[-1].text for run in self._running.values() if run.log.lines]

    async def close(self) -> None:
        """End every process, at once."""
        for run in self._running.values():
            run.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for run in self._running.values():
            if run.process is not None:
                await run.process.wait()

    def _hear(self, resource: Resource, event: Event) -> None:
        if resource is not self.pods or event.new is None:
            return
        uid = event.new["metadata"]["uid"]
        if "nodeName" in event.new["spec"]:
            return  # it is another machine's
        if event.old is None:
            run = self._running[uid] = PodRun(self, event.new)
            run.life = self._spawn(run.live())
        elif (
            "deletionTimestamp" in event.new["metadata"] and "deletionTimestamp" not in event.old["metadata"]
        ):
            self._spawn(self._running[uid].end())

    def _spawn(self, steps: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(steps)
        self._tasks.add(task)
        return task


class PodRun:
    """One pod from its creation to its removal."""

    def __init__(self, node: Node, pod: Object) -> None:
        self.log = Log()
        self.process: asyncio.subprocess.Process | None = None
        self.life: asyncio.Task[None] | None = None
        self._node, self._store = node, node.store
        self._namespace, self._name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self._spec: dict[str, Any] = pod["spec"]
        self._container: dict[str, Any] = pod["spec"]["containers"][0]

    async def live(self) -> None:
        """Find a place, pull the image, run the program, tell how it ended."""
        while not self._node.schedulable:
            self._condition("False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")
            await asyncio.sleep(0.1)
        self._condition("True")
        if self._node.refusal:
            self._refuse(*self._node.refusal)
            return
        self._waiting("ContainerCreating")
        await asyncio.sleep(0.1)
        image = await self._pull(self._container["image"])
        with tempfile.TemporaryDirectory(prefix="pod", ignore_cleanup_errors=True) as folder:
            await self._execute(await self._environment(image, Path(folder)), folder)

    async def end(self) -> None:
        """SIGTERM, and SIGKILL when the grace is over; then the object goes."""
        assert self.life is not None
        meta = self._pod()["metadata"]
        if self.process is None:
            self.life.cancel()
        elif self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await asyncio.wait({self.life}, timeout=meta["deletionGracePeriodSeconds"])
            self.kill()
        await asyncio.wait({self.life})
        self.log.end()
        self._store.remove(self._node.pods, self._namespace, self._name)

    def kill(self) -> None:
        """The whole group: a container leaves nothing behind."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def _pull(self, image: str) -> Image:
        while image not in self._node.images:
            failed = f'failed to pull and unpack image "{image}": not found'
            self._waiting("ErrImagePull", failed)
            await asyncio.sleep(0.3)
            self._waiting("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {failed}')
            await asyncio.sleep(0.5)
        return self._node.images[image]

    async def _environment(self, image: Image, folder: Path) -> dict[str, str]:
        """Waits for a secret that is not there, as the real one."""
        empty = {volume["name"] for volume in self._spec.get("volumes", ()) if "emptyDir" in volume}
        mounts = [m for m in self._container.get("volumeMounts", ()) if m["name"] in empty]
        for mount in mounts:
            (folder / mount["name"]).mkdir()
        environment = {"PATH": f"{image.bin}:/usr/bin:/bin", **image.environment}
        for variable in self._container.get("env", ()):
            value = await self._value(variable)
            for mount in mounts:
                path = mount["mountPath"]
                if value == path or value.startswith(f"{path}/"):
                    value = f"{folder / mount['name']}{value.removeprefix(path)}"
            environment[variable["name"]] = value
        return environment

    async def _value(self, variable: dict[str, Any]) -> str:
        if "valueFrom" not in variable:
            return str(variable.get("value", ""))
        source = variable["valueFrom"]["secretKeyRef"]
        name, key = source["name"], source["key"]
        while True:
            try:
                secret = self._store.get(self._node.secrets, self._namespace, name)
                return base64.b64decode((secret.get("data") or {})[key]).decode()
            except ApiError:
                message = f'secret "{name}" not found'
            except KeyError:
                message = f"couldn't find key {key} in Secret {self._namespace}/{name}"
            self._waiting("CreateContainerConfigError", message)
            await asyncio.sleep(0.2)

    async def _execute(self, environment: dict[str, str], folder: str) -> None:
        command = [*self._container["command"], *self._container.get("args", ())]
        program = shutil.which(command[0], path=environment["PATH"])
        if program is None:
            message = f'exec: "{command[0]}": executable file not found in $PATH: unknown'
            self._terminated(128, "StartError", message)
            return
        process = self.process = await asyncio.create_subprocess_exec(
            program,
            *command[1:],
            env=environment,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**22,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._state({"running": {"startedAt": now()}}, "Running")
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                self.log.add(line.decode(errors="replace").rstrip("\n"))
            code = await process.wait()
        finally:
            self.kill()
        self.log.end()
        await asyncio.sleep(STATUS_LAG)
        self._terminated(code if code >= 0 else 128 - code, "Error" if code else "Completed")

    def _pod(self) -> Object:
        return self._store.get(self._node.pods, self._namespace, self._name)

    def _refuse(self, reason: str, message: str) -> None:
        self.log.end()
        pod = self._pod()
        pod["status"] |= {"phase": "Failed", "reason": reason, "message": message}
        self._store.update(self._node.pods, pod)

    def _waiting(self, reason: str, message: str = "") -> None:
        self._state({"waiting": {"reason": reason, **({"message": message} if message else {})}})

    def _terminated(self, code: int, reason: str, message: str = "") -> None:
        self.log.end()
        how = {"exitCode": code, "reason": reason, "startedAt": now(), "finishedAt": now()}
        if message:
            how["message"] = message
        self._state({"terminated": how}, "Failed" if code else "Succeeded")

    def _state(self, state: dict[str, Any], phase: str = "Pending") -> None:
        pod, running = self._pod(), "running" in state
        container = {"name": self._container["name"], "image": self._container["image"], "imageID": ""}
        status = {**container, "ready": running, "started": running, "restartCount": 0, "state": state}
        pod["status"] |= {"phase": phase, "containerStatuses": [status]}
        self._store.update(self._node.pods, pod)

    def _condition(self, status: str, reason: str = "", message: str = "") -> None:
        pod = self._pod()
        words = {"reason": reason, "message": message} if reason else {}
        pod["status"]["conditions"] = [{"type": "PodScheduled", "status": status, **words}]
        self._store.update(self._node.pods, pod)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)

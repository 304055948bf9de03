"""A fault that Chaos Mesh makes in the pod of one server."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Coroutine
from contextlib import aclosing
from functools import partial
from typing import Final

import yaml
from kubernetes_asyncio.client import V1Pod

from distdiag_tui.anomalies.chaos import manifests as drafts
from distdiag_tui.anomalies.chaos.manifests import KINDS, Draft, Manifest, Prey, make_manifest
from distdiag_tui.anomalies.chaos.objects import Mark, Objects, at
from distdiag_tui.anomalies.chaos.status import State, read_state
from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.kube.cluster import AbsentError, Cluster, ForbiddenError, MissingError, opened
from distdiag_tui.kube.oceanbase import find_servers, match
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import DistdiagError, KubernetesError

START: Final = 30.0
"""Seconds that Chaos Mesh may take to inject."""

PATIENCE: Final = 10.0
"""Seconds that the API server may be away before an attempt is given up."""

_NOTE: Final = "object"
_REMOVAL: Final = 8.0  # seconds to recover, until the next attempt
_AGAIN: Final = 1.0  # seconds between two attempts to follow what goes on anyway
_LOOK: Final = 1.0


class Chaos:
    """`words` says how far it is, for people. `start` and `patience` are seconds."""

    def __init__(self, draft: Draft, site: Site, *, start: float = START, patience: float = PATIENCE) -> None:
        self.words = ""
        self._draft, self._site = draft, site
        self._start, self._patience = start, patience
        self._mark: Mark | None = None
        self._victim = ("", "")  # name and unique id of a pod that is killed

    def manifest(self, prey: Prey) -> Manifest:
        """The object that is made for that pod."""
        return make_manifest(self._draft, self._site.values, prey, self._site.injection, self._site.seconds)

    async def plan(self) -> list[str]:
        """The manifest in lines, as `kubectl apply` takes it."""
        async with opened(Place.of(self._site.kube), self._patience) as cluster:
            manifest = await self._aimed(cluster)
            context = ["--context", cluster.context] if cluster.context else []
            name, space = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
            undo = ["kubectl", *context, "-n", space, "delete", KINDS[manifest["kind"]], name]
            return [
                f"# at {cluster.where}, for server {self._site.label}",
                *yaml.safe_dump(manifest, sort_keys=False).splitlines(),
                f"# undone with: {shlex.join(undo)}",
            ]

    async def apply(self, note: Note) -> None:
        """Until Chaos Mesh says that all is injected."""
        self.words = "looking for the pod"
        async with opened(Place.of(self._site.kube), self._patience) as cluster:
            manifest = await self._aimed(cluster)
            if manifest["spec"].get("action") == "pod-kill":
                self._victim = await _identity(cluster, manifest)
            mark = self._mark = Mark.of(cluster, manifest)
            note(_NOTE, mark.to_json())
            objects = Objects(cluster)
            try:
                await objects.create(manifest)
            except AbsentError as error:
                raise KubernetesError(f"Chaos Mesh is not installed: {error}") from error
            self.words = "created"
            await self._injected(objects, mark)

    async def hold(self) -> str:
        """Until the object is over or was deleted, or the killed pod is back; a silence is outlasted."""
        assert self._mark is not None
        while True:
            try:
                async with at(self._mark, self._patience) as cluster:
                    return await self._first(self._over(cluster, self._mark), self._returned(cluster))
            except DistdiagError as error:
                self.words = f"{error}; it goes on meanwhile"
            await asyncio.sleep(_AGAIN)

    async def revert(self, notes: Notes) -> None:
        """Delete the object and see that it goes, which it does once Chaos Mesh has recovered the pod."""
        if _NOTE not in notes:
            return
        mark = Mark.from_json(notes[_NOTE])
        async with at(mark, self._patience) as cluster:
            objects = Objects(cluster)
            found = await objects.get(mark)
            if found is None or not mark.is_of(found):
                return
            self.words = "recovering"
            await objects.delete(found)
            await objects.gone(mark, _REMOVAL)
            self.words = "recovered"

    async def remains(self, notes: Notes) -> str:
        """The object, if it is there."""
        if _NOTE not in notes:
            return ""
        mark = Mark.from_json(notes[_NOTE])
        async with at(mark, self._patience) as cluster:
            found = await Objects(cluster).get(mark)
        if found is None or not mark.is_of(found):
            return ""
        return f"{mark.label} is still there: {read_state(found).words}"

    async def events(self) -> list[str]:
        """What Kubernetes tells about the object, in lines; nothing before it is made."""
        if self._mark is None:
            return []
        async with at(self._mark, self._patience) as cluster:
            return await Objects(cluster).events(self._mark)

    async def _aimed(self, cluster: Cluster) -> Manifest:
        servers = await find_servers(cluster, Place.of(self._site.kube).cluster)
        server = match(servers, self._site.endpoint, cluster.namespace)
        others = sorted(each.pod for each in servers if each.cluster == server.cluster and each != server)
        return self.manifest(Prey(server.pod, cluster.namespace, tuple(others)))

    async def _injected(self, objects: Objects, mark: Mark) -> None:
        """Wait for it; KubernetesError says why it is not."""
        state = State()
        try:
            async with asyncio.timeout(self._start), aclosing(objects.follow(mark)) as found:
                async for item in found:
                    state = _present(item, mark)
                    self.words = state.words
                    if state.injected:
                        return
                    if state.trouble:
                        raise KubernetesError(f"{mark.label}: {state.trouble}")
        except TimeoutError:
            last = (await objects.events(mark))[-1:]
            words = "; ".join([_obstacle(state), *last])
            raise KubernetesError(f"{mark.label}: not injected in {self._start:.0f} s: {words}") from None

    async def _over(self, cluster: Cluster, mark: Mark) -> str:
        async with aclosing(Objects(cluster).follow(mark)) as found:
            async for item in found:
                if item is None or not mark.is_of(item):
                    return f"{mark.label} was deleted by somebody else"
                state = read_state(item)
                self.words = state.words
                if state.over:
                    return f"its duration of {item['spec']['duration']} was over"
                if state.leaving:
                    return f"{mark.label} is being deleted by somebody else"
        raise AssertionError  # it is followed until it goes

    async def _returned(self, cluster: Cluster) -> str:
        """Until another pod is ready in the killed one's place."""
        name, uid = self._victim
        while uid:
            await asyncio.sleep(_LOOK)
            try:
                pod = await cluster.call(
                    "get", "pods", cluster.core.read_namespaced_pod, name, cluster.namespace
                )
            except MissingError:
                continue
            if pod.metadata.uid != uid and _is_ready(pod):
                return f"pod {name} was made anew and is ready"
        return await asyncio.Future()

    @staticmethod
    async def _first(*waits: Coroutine[object, object, str]) -> str:
        tasks = [asyncio.create_task(wait) for wait in waits]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _present(item: Manifest | None, mark: Mark) -> State:
    if item is None or not mark.is_of(item):
        raise KubernetesError(f"{mark.label} was deleted by somebody else")
    return read_state(item)


def _is_ready(pod: V1Pod) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ())


def _obstacle(state: State) -> str:
    if not state.taken:
        return "no controller of Chaos Mesh has taken it up"
    return state.words if state.pods else "no target: Chaos Mesh selects no pod (Selected is False)"


async def _identity(cluster: Cluster, manifest: Manifest) -> tuple[str, str]:
    """Name and unique id of the pod that is selected; no id for who may not read pods."""
    [name] = manifest["spec"]["selector"]["pods"][cluster.namespace]
    try:
        pod = await cluster.call("get", "pods", cluster.core.read_namespaced_pod, name, cluster.namespace)
    except (MissingError, AbsentError, ForbiddenError):
        return name, ""
    return name, str(pod.metadata.uid)


CpuStress = partial(Chaos, drafts.cpu)
MemoryStress = partial(Chaos, drafts.memory)
DiskLatency = partial(Chaos, drafts.disk)
BadNetwork = partial(Chaos, drafts.network)
Partition = partial(Chaos, drafts.partition)
PodKill = partial(Chaos, drafts.kill)
PodFailure = partial(Chaos, drafts.failure)
ClockSkew = partial(Chaos, drafts.clock)

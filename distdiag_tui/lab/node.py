"""One server of the lab: start its process, wait until it is ready for use, stop it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from distdiag_tui.lab import access, logs, processes
from distdiag_tui.lab.binary import Server
from distdiag_tui.lab.report import NodeProgress, Stage
from distdiag_tui.lab.state import NodeRecord, node_folder
from distdiag_tui.model.errors import LabError
from distdiag_tui.model.target import Secret

if TYPE_CHECKING:
    import psutil

_STOP_PATIENCE = 10.0  # seconds from SIGTERM to SIGKILL; a clean stop takes 1.4
_KILL_PATIENCE = 5.0
_POLL = 0.1
_SETTINGS = ("memory_limit=1G", "datafile_size=256M", "log_disk_size=2G", "cpu_count=2")


def spawn(server: Server, home: Path, node: NodeRecord) -> tuple[NodeRecord, psutil.Process]:
    """Start the node's server, which outlives this command; the record completed, and the process."""
    import psutil  # noqa: PLC0415

    folder = node_folder(home, node.name)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        pid = _spawn(server, _command(server, folder, node.port), logs.output_file(home, node.name))
        process = psutil.Process(pid)
        return replace(node, pid=pid, started=process.create_time()), process
    except OSError as error:
        raise LabError(f"cannot start node {node.name} in {folder}: {error.strerror}") from error
    except psutil.NoSuchProcess as error:
        raise LabError(f"node {node.name} ended at once: {logs.last_words(home, node.name, 0)}") from error


def _command(server: Server, folder: Path, port: int) -> list[str]:
    settings = [word for setting in _SETTINGS for word in ("--parameter", setting)]
    return [
        str(server.executable),
        *("--nodaemon", "--port", str(port), "--base-dir", str(folder)),
        *settings,
    ]


def _spawn(server: Server, command: list[str], output: Path) -> int:
    # not subprocess: its object warns when it is dropped while the server lives on, as it is meant to
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        server.executable,
        command,
        server.environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, appending, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


@dataclass(slots=True)
class Start:
    """Follows one node from its process to readiness, reporting each stage once it is true."""

    home: Path
    node: NodeRecord
    process: psutil.Process
    log_offset: int  # bytes of the server's log that older starts wrote
    report: Callable[[NodeProgress], None]
    _shown: tuple[Stage, float] = (Stage.WAITING, -1.0)

    async def wait_ready(self, password: Secret, timeout: float) -> None:  # noqa: ASYNC109  a promise to users
        """Return once the node answers queries under `password`; LabError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not await self._advance(password):
            if time.monotonic() > deadline:
                raise LabError(
                    f"node {self.node.name} did not answer within {timeout:.0f} s; "
                    f"see: distdiag lab logs {self.node.name}"
                )
            await asyncio.sleep(_POLL)
        self._show(Stage.SECURED, 1.0)

    async def _advance(self, password: Secret) -> bool:
        if not processes.is_alive(self.process):
            raise LabError(self._obituary())
        if not processes.listens(self.process, self.node.port):
            boot = logs.boot_fraction(logs.server_log(self.home, self.node.name), self.log_offset)
            self._show(Stage.STARTED, 0.05 + 0.75 * boot)
            return False
        self._show(Stage.ACCEPTING, 0.85)
        return await self._ask(password)

    async def _ask(self, password: Secret) -> bool:
        from asyncmy.errors import MySQLError  # noqa: PLC0415

        try:
            return await access.try_secure(
                self.node.port, password, lambda: self._show(Stage.ANSWERING, 0.95)
            )
        except access.AccessDenied:
            raise LabError(f"node {self.node.name} does not accept the lab's password") from None
        except (MySQLError, OSError, TimeoutError):
            return False

    def _obituary(self) -> str:
        words = logs.last_words(self.home, self.node.name, self.log_offset)
        if f"listen port: {self.node.port} " in words:
            words = f"port {self.node.port} is in use"
        return f"node {self.node.name} ended while starting: {words}"

    def _show(self, stage: Stage, fraction: float) -> None:
        if fraction > self._shown[1]:
            self._shown = stage, fraction
            self.report(NodeProgress(self.node.name, stage, fraction))


async def stop(process: psutil.Process) -> None:
    """End a server, cleanly if it can; returns when it is gone or can not be ended."""
    processes.terminate(process)
    if not await _gone(process, _STOP_PATIENCE):
        processes.kill(process)
        await _gone(process, _KILL_PATIENCE)


async def _gone(process: psutil.Process, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while processes.is_alive(process):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL / 2)
    return True

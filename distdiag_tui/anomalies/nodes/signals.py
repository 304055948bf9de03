"""Signals to the process of a lab node: too little CPU, hung, killed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from distdiag_tui.anomalies.nodes.node import Node
from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.lab import processes
from distdiag_tui.model.errors import AnomalyError

if TYPE_CHECKING:
    import psutil

_WATCH_SECONDS: Final = 0.25
_OBEY_SECONDS: Final = 5.0


class CpuStress:
    """Lets the node run only a part of the time. What outlives us is a node that was stopped just then."""

    def __init__(self, site: Site) -> None:
        self._node = Node(site)
        self._stop, self._run = (float(site.values[name]) / 1e3 for name in ("stop_ms", "run_ms"))

    async def plan(self) -> list[str]:
        """The signals."""
        pid = self._node.require().pid
        return [
            f"every {(self._stop + self._run) * 1e3:g} ms, to process {pid} of {self._node.label}:",
            f"  kill -STOP {pid}; {self._stop * 1e3:g} ms later kill -CONT {pid}",
            f"undo: kill -CONT {pid}",
        ]

    async def apply(self, note: Note) -> None:
        """The first stop."""
        note("process", str(self._node.require().pid))
        _send(self._node.require(), signal.SIGSTOP)

    async def hold(self) -> str:
        """Stop and go; a node that was started anew meanwhile is stressed as well."""
        while True:
            process = self._node.process()
            if process is None:
                return f"{self._node.name} does not run any more"
            try:
                await self._stress(process)
            finally:
                processes.thaw(process)

    async def _stress(self, process: psutil.Process) -> None:
        """Until the process has gone."""
        import psutil  # noqa: PLC0415

        with suppress(psutil.NoSuchProcess):
            while True:
                process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(self._stop)
                process.send_signal(signal.SIGCONT)
                await asyncio.sleep(self._run)

    async def revert(self, notes: Notes) -> None:
        """Let it run."""
        if notes:
            self._node.thaw()

    async def remains(self, notes: Notes) -> str:
        """Whether it is frozen."""
        return self._node.frozen() if notes else ""


class NodeHang:
    """Freezes the node."""

    def __init__(self, site: Site) -> None:
        self._node = Node(site)

    async def plan(self) -> list[str]:
        """The signals."""
        pid = self._node.require().pid
        return [f"kill -STOP {pid}  ({self._node.label})", f"undo: kill -CONT {pid}"]

    async def apply(self, note: Note) -> None:
        """Stop it, and see it stopped: on a busy machine its threads take a while."""
        process = self._node.require()
        note("process", str(process.pid))
        _send(process, signal.SIGSTOP)
        await _until(lambda: bool(self._node.frozen()), f"process {process.pid} does not stop")

    async def hold(self) -> str:
        """Until somebody else lets it run or ends it."""
        while self._node.frozen():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(_WATCH_SECONDS)
        return f"{self._node.name} was set going by somebody else"

    async def revert(self, notes: Notes) -> None:
        """Let it run."""
        if notes:
            self._node.thaw()

    async def remains(self, notes: Notes) -> str:
        """Whether it is frozen."""
        return self._node.frozen() if notes else ""


class NodeDown:
    """Kills the node; afterwards it is started again, unless somebody stopped the lab meanwhile."""

    def __init__(self, site: Site) -> None:
        self._node = Node(site)

    async def plan(self) -> list[str]:
        """The signal, and the command that undoes it."""
        pid = self._node.require().pid
        return [f"kill -KILL {pid}  ({self._node.label})", f"undo: start {self._node.name} again"]

    async def apply(self, note: Note) -> None:
        """Kill it, and see it gone."""
        process = self._node.require()
        note("process", str(process.pid))
        processes.kill(process)
        await _until(lambda: not processes.is_alive(process), f"process {process.pid} does not end")

    async def hold(self) -> str:
        """Until somebody else starts it, or does away with it."""
        while not self._node.process():
            if self._node.stopped():
                return f"{self._node.name} was stopped for good"
            await asyncio.sleep(_WATCH_SECONDS)
        return f"{self._node.name} was started by somebody else"

    async def revert(self, notes: Notes) -> None:
        """Start it; LabError if it does not come up."""
        if notes and not self._node.stopped():
            await self._node.start()

    async def remains(self, notes: Notes) -> str:
        """Whether it serves again."""
        return self._node.silent() if notes else ""


def _send(process: psutil.Process, number: signal.Signals) -> None:
    import psutil  # noqa: PLC0415

    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        raise AnomalyError(f"process {process.pid} has just ended") from None


async def _until(true: Callable[[], bool], complaint: str) -> None:
    try:
        async with asyncio.timeout(_OBEY_SECONDS):
            while not true():  # noqa: ASYNC110  the kernel tells nobody but its parent
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AnomalyError(complaint) from None

"""stress-ng, where it is installed: CPU taken from the whole machine."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from distdiag_tui.anomalies.nodes.node import Node
from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.workloads.children import dies_with_us, environment

if TYPE_CHECKING:
    import psutil

PROGRAM: Final = "stress-ng"
_MARK: Final = "DISTDIAG_INJECTION"
_GRACE: Final = 10  # seconds after which it ends by itself, were nobody left to end it


def missing() -> str:
    """What to install first, "" if it is there."""
    return "" if shutil.which(PROGRAM) else f"{PROGRAM} (apt-get install {PROGRAM})"


class StressNg:
    """A stress-ng of our own, in a session of its own."""

    def __init__(self, site: Site) -> None:
        self._node = Node(site)
        self._mark = f"distdiag-{site.injection}"
        self._command = [
            PROGRAM, "--quiet", "--cpu", str(site.values["workers"]), "--cpu-load", str(site.values["load"]),
            "--timeout", f"{math.ceil(site.seconds) + _GRACE}s", "--temp-path", "/tmp",  # noqa: S108 - unused by cpu
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None

    async def plan(self) -> list[str]:
        """The command."""
        return [" ".join(self._command), "undo: end it"]

    async def apply(self, note: Note) -> None:
        """Start it; AnomalyError if it is not installed."""
        self._node.require()
        if what := missing():
            raise AnomalyError(f"not installed here: {what}")
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**environment(login=False), _MARK: self._mark},
            start_new_session=True,
            preexec_fn=dies_with_us(),
        )
        note("session", str(self._process.pid))

    async def hold(self) -> str:
        """Until it ends by itself."""
        assert self._process is not None
        assert self._process.stderr is not None
        complaint = (await self._process.stderr.read()).decode(errors="replace").strip()
        code = await self._process.wait()
        return complaint.splitlines()[-1] if complaint else f"{PROGRAM} ended with code {code}"

    async def revert(self, notes: Notes) -> None:
        """End it with all its workers."""
        import psutil  # noqa: PLC0415

        for process in self._ours(notes):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    async def remains(self, notes: Notes) -> str:
        """Whether any of its processes lives."""
        left = [str(process.pid) for process in self._ours(notes)]
        return f"{PROGRAM} still runs: process {', '.join(left)}" if left else ""

    def _ours(self, notes: Notes) -> list[psutil.Process]:
        """All that live in its session, which has the first process's number, noted or by its mark.

        Workers have neither: they overwrite their environment with their title.
        """
        import psutil  # noqa: PLC0415

        alive = []
        for process in psutil.process_iter(["name", "status"]):
            mine = (process.info["name"] or "").startswith(PROGRAM)
            if mine and process.info["status"] != psutil.STATUS_ZOMBIE:
                alive.append(process)
        sessions = {int(notes["session"])} if "session" in notes else set()
        for process in alive:
            with suppress(psutil.Error):
                if process.environ().get(_MARK) == self._mark:
                    sessions.add(process.pid)
        return [process for process in alive if _session(process.pid) in sessions]


def _session(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return 0

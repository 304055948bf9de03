"""The console's end of the load: starts the worker process, hears its reports, tells it to change or stop.

Light to import: the database driver is loaded in the worker only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.oltp.config import OltpConfig, check_rate, check_threads
from distdiag_tui.workloads.report import IntervalReport

Phase = Literal["idle", "preparing", "running", "stopped", "failed"]

_STOP_SECONDS = 2.0
_KEPT_REPORTS = 600  # for a reader that falls behind: the oldest go first
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class LoadState:
    """Where a load is: `fraction` 0..1 of the rows in place while preparing, `message` one line if failed."""

    phase: Phase = "idle"
    fraction: float = 0.0
    message: str = ""


class LoadProcess:
    """One load in a process of its own, which dies with this one. To be started once."""

    def __init__(self) -> None:
        self.state = LoadState()
        self.refusal = ""
        self._process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None
        self._reports: deque[IntervalReport] = deque(maxlen=_KEPT_REPORTS)
        self._news = asyncio.Event()
        self._killed = False

    @property
    def pid(self) -> int | None:
        """The worker's, once started."""
        return self._process.pid if self._process else None

    async def start(self, target: Target, config: OltpConfig) -> None:
        """Launch the worker and return; preparing goes on (see `state`). WorkloadError if it cannot start."""
        if self._process is not None:
            raise WorkloadError("this load was started before")
        self.state = LoadState("preparing")
        try:
            # a group of its own: Ctrl-C in the terminal is ours to handle
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "distdiag_tui.workloads.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(),
                process_group=0,
            )
        except OSError as error:
            self.state = LoadState("failed", message=f"the load does not start: {error}")
            raise WorkloadError(self.state.message) from error
        self._send(_request(target, config))
        self._pump = asyncio.create_task(self._listen(self._process))

    async def reports(self) -> AsyncIterator[IntervalReport]:
        """Interval reports as they come, the last one (`total`) of the whole run; ends with the load.

        One reader only. A failure does not raise here: look at `state` afterwards.
        """
        while True:
            while self._reports:
                yield self._reports.popleft()
            if self._pump is None or self._pump.done():
                return
            self._news.clear()
            await self._news.wait()

    def set_threads(self, threads: int) -> None:
        """From the next moment on; ConfigError unless 1..1024."""
        check_threads(threads)
        self._send({"threads": threads})

    def set_rate(self, rate: float) -> None:
        """Transactions a second, 0 without limit; ConfigError out of bounds."""
        check_rate(rate)
        self._send({"rate": rate})

    async def stop(self) -> None:
        """Ask the worker to end, kill it after 2 s. Reports not yet read can still be read."""
        if self._process is None or self._pump is None:
            return
        self._send({"stop": True})
        done, _ = await asyncio.wait({self._pump}, timeout=_STOP_SECONDS)
        if not done:
            self.kill()
            await asyncio.wait({self._pump})

    def kill(self) -> None:
        """End the worker this instant, without waiting: for exit handlers."""
        self._killed = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _send(self, order: dict[str, Any]) -> None:
        """Orders to a worker that has gone are lost without harm."""
        stdin = self._process.stdin if self._process else None
        if stdin is not None and not stdin.is_closing():
            stdin.write(json.dumps(order).encode() + b"\n")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Follow the worker to its end."""
        assert process.stdout is not None
        assert process.stderr is not None
        complaints = asyncio.create_task(_last_line(process.stderr))
        try:
            async for line in process.stdout:
                self._hear(json.loads(line))
            code = await process.wait()
            self._conclude(code, await complaints)
        finally:
            complaints.cancel()
            self._news.set()

    def _hear(self, record: dict[str, Any]) -> None:
        event = record.get("event")
        if event is None:
            self._reports.append(IntervalReport.from_fields(record))
            self._news.set()
        elif event == "preparing":
            self.state = LoadState("preparing", record["fraction"])
        elif event == "running":
            self.state = LoadState("running", 1.0)
        elif event == "failed":
            self.state = LoadState("failed", message=record["message"])
        elif event == "refused":
            self.refusal = record["message"]

    def _conclude(self, code: int, complaint: str) -> None:
        if self.state.phase == "failed":
            return
        if code == 0 or self._killed:
            self.state = LoadState("stopped")
        else:
            self.state = LoadState("failed", message=complaint or f"the load process ended with code {code}")


def _environment() -> dict[str, str]:
    """Only what Python needs: a password in our own environment is not handed on."""
    return {k: v for k, v in os.environ.items() if k in _ENVIRONMENT or k.startswith("PYTHON")}


def _request(target: Target, config: OltpConfig) -> dict[str, Any]:
    endpoints = [{"host": e.host, "port": e.port, "name": e.name} for e in target.endpoints]
    account = {"user": target.user, "password": target.password.reveal()}
    return {"endpoints": endpoints, **account, "config": config.to_fields()}


async def _last_line(stream: asyncio.StreamReader) -> str:
    last = ""
    async for line in stream:
        last = line.decode(errors="replace").strip() or last
    return last

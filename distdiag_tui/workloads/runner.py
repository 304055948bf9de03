"""The console's end of a workload: starts its process, hears its reports, tells it to change or stop.

Light to import: the database driver is loaded in the worker only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, cast

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.children import environment
from distdiag_tui.workloads.journal import KILLED, Journal, Phase, RunRecord
from distdiag_tui.workloads.options import RATE, THREADS
from distdiag_tui.workloads.protocol import FAREWELL, Check
from distdiag_tui.workloads.report import IntervalReport

_ANSWER = 2.5  # seconds for a line from the worker, on top of what the load itself needs
_KEPT_REPORTS = 600  # for a reader that falls behind: the oldest go first
_LONGEST_LINE = 4 << 20  # bytes; a report with its histogram can have more than asyncio's 64 KiB


@dataclass(frozen=True, slots=True)
class Order:
    """What to do where. `runner` is empty for this machine, else what the Kubernetes runner needs."""

    target: Target
    record: RunRecord
    runner: Mapping[str, Any] = field(default_factory=dict)


class LoadProcess:
    """One run in a process of its own, which dies with this one unless it was let go. To be started once."""

    def __init__(self, order: Order, journal: Journal | None = None) -> None:
        self.record = order.record
        self.refusal = ""
        self.checks: list[Check] = []
        self._order, self._journal = order, journal
        self._process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None
        self._reports: deque[IntervalReport] | None = None  # none are kept for nobody
        self._news = asyncio.Event()
        self._detached = asyncio.Event()
        self._killed = False

    @property
    def detached(self) -> bool:
        """Whether it was let go."""
        return self._detached.is_set()

    @property
    def exit_code(self) -> int | None:
        """The worker's, once it has ended: that of the error, 0 after a stop."""
        return self._process.returncode if self._process else None

    @property
    def pid(self) -> int | None:
        """The worker's, once started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Launch the worker and return. WorkloadError if it cannot start, or such a run goes on already.

        To be called in the main thread: Linux ends the worker with the thread that started it.
        """
        if self._process is not None:
            raise WorkloadError("this load was started before")
        with self._journal.admit(self.record) if self._journal else nullcontext() as lock:
            self._process = await self._launch(lock)
        self.record = replace(self.record, pid=self._process.pid)
        self._send(self._request())
        self._pump = asyncio.create_task(self._listen(self._process))

    def reports(self) -> AsyncIterator[IntervalReport]:
        """Interval reports from now on, the last one (`total`) of the whole run; ends with the run.

        One reader only. A failure does not raise here: look at `record` afterwards.
        """
        self._reports = deque(maxlen=_KEPT_REPORTS)
        return self._each(self._reports)

    async def _each(self, reports: deque[IntervalReport]) -> AsyncIterator[IntervalReport]:
        while True:
            while reports:
                yield reports.popleft()
            if self._pump is None or self._pump.done():
                return
            await self.news()

    async def news(self) -> None:
        """Wait until there is something new in `record`, `checks` or the reports."""
        self._news.clear()
        await self._news.wait()

    async def ended(self) -> None:
        """Wait for the run's end."""
        if self._pump is not None:
            await asyncio.wait({self._pump})

    def set_threads(self, threads: int) -> None:
        """From the next moment on; ConfigError unless 1..1024."""
        self.refusal = ""
        self._send({"threads": THREADS.read(threads)})

    def set_rate(self, rate: float) -> None:
        """Transactions a second, 0 without limit; ConfigError out of bounds."""
        self.refusal = ""
        self._send({"rate": RATE.read(rate)})

    def take_refusal(self) -> str:
        """Why the worker did not do what it was told last, "" if it did; from now on that is known."""
        taken, self.refusal = self.refusal, ""
        return taken

    async def stop(self) -> None:
        """Ask the worker to end, kill it if it does not; nothing if it was let go.

        Reports not yet read can still be read.
        """
        if self._process is None or self._pump is None or self.detached:
            return
        self._send({"stop": True})
        done, _ = await asyncio.wait({self._pump}, timeout=self.record.farewell + _ANSWER)
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait({self._pump})

    async def let_go(self) -> None:
        """From now on the run goes on without us. WorkloadError if it has ended, or does not answer."""
        if self._pump is None:
            raise WorkloadError("this load was not started yet")
        self._send({"detach": True})
        waiting = asyncio.create_task(self._detached.wait())
        patience = FAREWELL + _ANSWER
        await asyncio.wait({waiting, self._pump}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            why = self.record.message or ("no answer" if self.record.active else "it has ended")
            raise WorkloadError(f"{self.record.id} could not be left running: {why}")

    def kill(self) -> None:
        """End the worker without waiting: for exit handlers. Nothing if it was let go.

        One that has something to clear up elsewhere is only told to end.
        """
        if not self.detached:
            lasting = self._order.runner or self.record.farewell > FAREWELL
            self._signal(signal.SIGTERM if lasting else signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        self._killed = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def _launch(self, lock: int | None) -> asyncio.subprocess.Process:
        try:
            # a session of its own: Ctrl-C in the terminal is ours to handle, and so is its end
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "distdiag_tui.workloads.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment(login=bool(self._order.runner)),
                start_new_session=True,
                limit=_LONGEST_LINE,
                pass_fds=() if lock is None else (lock,),
            )
        except OSError as error:
            self._end("failed", f"the load does not start: {error}")
            raise WorkloadError(self.record.message) from error

    def _request(self) -> dict[str, Any]:
        target = self._order.target
        return {
            "endpoints": [{"host": e.host, "port": e.port, "name": e.name} for e in target.endpoints],
            "user": target.user,
            "password": target.password.reveal(),
            "record": self.record.to_fields(),
            "journal": str(self._journal.folder) if self._journal else "",
            "runner": dict(self._order.runner),
        }

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
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                    self._hear(json.loads(line))  # what is not ours is passed over
                self._news.set()
            code = await process.wait()
            self._conclude(code, await complaints)
        finally:
            complaints.cancel()
            self._transport(process).close()  # else it complains on stderr once the loop is closed
            self._news.set()

    def _hear(self, event: dict[str, Any]) -> None:
        match event.pop("event", None):
            case None:
                report = IntervalReport.from_fields(event)
                if self.record.phase != "running" and not report.total and self._journal is not None:
                    self.record = self._journal.read(self.record.id) or self.record  # that it runs went lost
                self.record = replace(self.record, report=report)
                if self._reports is not None:
                    self._reports.append(report)
            case "phase":
                self.record = replace(self.record, **event)
            case "checked":
                self.checks.append(Check(**event))
            case "options":
                self.record = replace(self.record, options=event["options"])
            case "refused":
                self.refusal = event["message"]
            case "detached":
                self._disown()

    def _disown(self) -> None:
        """asyncio kills what still runs when it drops its own end: let it believe that this has ended."""
        assert self._process is not None
        self._transport(self._process).get_extra_info("subprocess").returncode = 0
        self._detached.set()

    @staticmethod
    def _transport(process: asyncio.subprocess.Process) -> asyncio.SubprocessTransport:
        """Ours of its pipes: asyncio has no other way to it."""
        return cast("asyncio.SubprocessTransport", cast(Any, process)._transport)

    def _conclude(self, code: int, complaint: str) -> None:
        if self.record.active and self._journal is not None:  # its last word may not have come through
            self.record = self._journal.read(self.record.id) or self.record
        if not self.record.active:
            return
        if code == 0 or self._killed:
            self._end("stopped", "")
        else:
            how = KILLED if code == -signal.SIGKILL else f"its process ended with code {code}"
            self._end("failed", complaint or how)

    def _end(self, phase: Phase, message: str) -> None:
        self.record = replace(self.record, phase=phase, message=message, ended=time.time())
        if self._journal is not None:
            with contextlib.suppress(OSError):
                self._journal.write(self.record)


async def _last_line(stream: asyncio.StreamReader) -> str:
    last = ""
    async for line in stream:
        last = line.decode(errors="replace").strip() or last
    return last

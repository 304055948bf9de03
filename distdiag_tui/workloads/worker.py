"""The process that runs a workload: `python -m distdiag_tui.workloads.worker`, spoken to in JSON lines.

stdin: first {"endpoints", "user", "password", "record", "journal", "runner"}, then control lines
{"threads": 8}, {"rate": 100}, {"stop": true} or {"detach": true}. stdout: interval reports, and events
{"event": "phase", "phase", "fraction", "words", "message", "running_since", "ended"}, {"event": "checked",
"name", "passed", "detail"}, {"event": "options", "options"} after a change, {"event": "detached"}, and
{"event": "refused", "message"} for a control line that makes no sense. It ends when stdin does, for then its
parent is gone; unless it was detached.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from distdiag_tui.model.errors import ConfigError, DistdiagError, WorkloadError
from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.children import open_stdin, run_and_leave
from distdiag_tui.workloads.database import Database
from distdiag_tui.workloads.journal import ENDED, Journal, Phase, RunRecord
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value, sizes, worded
from distdiag_tui.workloads.protocol import FAREWELL, Step, Workload, farewell, lacks
from distdiag_tui.workloads.session import Node

_STEP = 0.01  # least change of the fraction worth a line
_WORDS_EVERY = 0.25  # seconds
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Entry point of the process; the exit code is the error's, 0 after a stop."""
    _die_with_parent(True)
    os.set_blocking(sys.stdout.fileno(), False)
    run_and_leave(_serve)


def _die_with_parent(wanted: bool) -> None:
    """A second belt to the end of stdin: the kernel kills us when the parent dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if wanted else 0)


class _Outbox:
    """Lines to the parent. If it is stuck or gone they are dropped: the load must not wait for it."""

    def __init__(self) -> None:
        self._rest = b""

    def put(self, line: str) -> None:
        """Write one line, or none of it."""
        if self._flush():
            self._rest = line.encode() + b"\n"
            self._flush()

    def event(self, event: str, **fields: object) -> None:
        """Write one event."""
        self.put(json.dumps({"event": event, **fields}))

    def _flush(self) -> bool:
        """Whether nothing is left of the line before."""
        try:
            while self._rest:
                self._rest = self._rest[os.write(sys.stdout.fileno(), self._rest) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:  # the end of stdin tells us so as well, if it matters
            self._rest = b""
        return True


class _Job:
    """One step after the other; control lines apply to any of them. Every change goes into the record."""

    def __init__(self, request: dict[str, Any], out: _Outbox) -> None:
        self.out = out
        self.record = replace(RunRecord.from_fields(request["record"]), pid=os.getpid())
        self._journal = Journal(Path(request["journal"])) if request["journal"] else None
        self._nodes = _nodes(request)
        self._kind = find_kind(self.record.kind)
        self._runner: dict[str, Any] = request["runner"]
        self._workload: Workload | None = None
        self._database = Database(self._kind.database, self._nodes)
        self._stopped = False
        self._told = 0.0
        self.detached = False

    @property
    def workload(self) -> Workload:
        """What is to be steered; WorkloadError while there is none."""
        if self._workload is None:
            raise WorkloadError("there is nothing to steer yet")
        return self._workload

    async def run(self) -> int:
        """The exit code."""
        self._keep(self.record)  # with our process id: who wants us to stop can ask from now on
        try:
            self._workload = self._create()
            for step in self.record.steps:
                if not self._stopped:
                    await self._step(cast(Step, step))
        except DistdiagError as error:
            return self._fail(str(error), error.exit_code)
        except Exception as error:  # a bug: the record must tell it, for there may be nobody who listens
            traceback.print_exc()
            return self._fail(f"unexpected {type(error).__name__}: {error}", 1)
        self._phase("stopped" if self._stopped else "done")
        return 0

    def _create(self) -> Workload:
        workload = self._kind.create(self._nodes, self.record.options)
        if self._runner:
            from distdiag_tui.workloads.k8s.jobs import create  # noqa: PLC0415  half a second, and an extra

            where = (self._nodes, self.record, self._runner, self._journal)
            workload = create(self._kind, workload, *where, partial(self._phase, "running", 0.0))
        elif "run" in self.record.steps and (words := lacks(workload)):
            raise ConfigError(words)  # before data is made for it
        seconds = farewell(workload)
        if seconds > FAREWELL:  # killed with our parent it could not clear up: the end of stdin must do
            _die_with_parent(False)
            self.record = replace(self.record, farewell=seconds)
        return workload

    def _fail(self, why: str, code: int) -> int:
        self._phase("failed", message=" ".join(why.split()))
        return code

    def stop(self) -> None:
        """End the present step soon, and begin no other."""
        self._stopped = True
        if self._workload is not None:
            self._workload.stop()

    def adopt(self, option: str, value: Value) -> None:
        """An option was changed while running."""
        self._keep(replace(self.record, options={**self.record.options, option: value}))
        self.out.event("options", options=self.record.options)

    def cut_short(self) -> None:
        """A step was cancelled: by us after a stop, else because the parent has gone."""
        self._phase("stopped", message="" if self._stopped else "the console that started it has gone")

    async def _step(self, step: Step) -> None:
        match step:
            case "prepare":
                await self._prepare()
            case "run":
                await self._run()
            case "verify":
                await self._verify()
            case "cleanup":
                self._phase("cleaning")
                gone = await self._database.drop()
                self._phase("cleaning", 1.0, "dropped" if gone else "there was nothing to drop")

    async def _prepare(self) -> None:
        self._phase("preparing")
        wanted = sizes(self._kind.options, self.record.options)
        await self._database.fill(self.workload, wanted, self._progress)
        self._phase("preparing", 1.0, f"prepared with {worded(wanted)}")

    async def _run(self) -> None:
        self.record = replace(self.record, running_since=time.time())
        self._phase("running")
        with self._time_limit():
            async with aclosing(self.workload.run()) as reports:  # type: ignore[type-var]
                async for report in reports:
                    self.out.put(report.to_json())
                    self._keep(replace(self.record, report=report, fraction=1.0))

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        seconds = float(self.record.options.get("time", 0))
        if not seconds or self._runner:  # jobs have their own clocks
            yield
            return
        timer = asyncio.get_running_loop().call_later(seconds, self.workload.stop)
        try:
            yield
        finally:
            timer.cancel()

    async def _verify(self) -> None:
        self._phase("verifying")
        stores = await self._database.stores()
        failed = checks = 0
        async for check in self.workload.verify(stores, self._progress):
            self.out.event("checked", name=check.name, passed=check.passed, detail=check.detail)
            checks, failed = checks + 1, failed + (not check.passed)
        words = f"{failed} of {checks} checks failed" if failed else f"all {checks} checks passed"
        self._phase("verifying", 1.0, words)
        if failed:
            raise WorkloadError(words)

    def _progress(self, fraction: float, words: str = "") -> None:
        now = time.monotonic()
        enough = fraction - self.record.fraction >= _STEP or now - self._told >= _WORDS_EVERY
        if enough or fraction == 1.0:
            self._told = now
            self._phase(self.record.phase, fraction, words)

    def _phase(self, phase: Phase, fraction: float = 0.0, words: str = "", message: str = "") -> None:
        ended = time.time() if phase in ENDED else None
        if ended:
            fraction, words = self.record.fraction, self.record.words
        self._keep(replace(
            self.record, phase=phase, fraction=fraction, words=words, message=message, ended=ended
        ))  # fmt: skip
        told = ("phase", "fraction", "words", "message", "running_since", "ended", "farewell")
        self.out.event("phase", **{name: getattr(self.record, name) for name in told})

    def _keep(self, record: RunRecord) -> None:
        self.record = record
        if self._journal is not None:
            with suppress(OSError):  # a full disk here must not end the load
                self._journal.write(record)


def _nodes(request: dict[str, Any]) -> list[Node]:
    password = Secret(request["password"])
    return [Node(Endpoint(**fields), request["user"], password) for fields in request["endpoints"]]


async def _serve() -> int:
    stdin = await open_stdin()
    out = _Outbox()
    job = _Job(json.loads(await stdin.readline()), out)
    work = asyncio.create_task(job.run())
    control = asyncio.create_task(_obey(stdin, job, work))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: _end(job, work))
    await asyncio.wait({work, control}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        work.cancel()
        await asyncio.wait({work}, timeout=job.record.farewell)
    if work.done() and not work.cancelled():
        return work.result()
    job.cut_short()
    return 0


def _end(job: _Job, work: asyncio.Task[int]) -> None:
    """Stop in order, which for a load brings its total; what does not stop is cut short."""
    job.stop()
    if job.record.phase == "running":
        asyncio.get_running_loop().call_later(job.record.farewell, work.cancel)
    else:
        work.cancel()


async def _obey(stdin: asyncio.StreamReader, job: _Job, work: asyncio.Task[int]) -> None:
    """Apply control lines; returns when the parent has gone, unless it let us go."""
    while line := await stdin.readline():
        try:
            _apply(json.loads(line), job, work)
        except (DistdiagError, ValueError, TypeError, AttributeError) as error:
            job.out.event("refused", message=str(error))
    if job.detached:
        await asyncio.wait({work})


def _apply(order: dict[str, Any], job: _Job, work: asyncio.Task[int]) -> None:
    if "threads" in order:
        job.workload.set_threads(int(order["threads"]))
        job.adopt("threads", int(order["threads"]))
    if "rate" in order:
        job.workload.set_rate(float(order["rate"]))
        job.adopt("rate", float(order["rate"]))
    if order.get("detach"):
        _die_with_parent(False)
        job.detached = True
        job.out.event("detached")
    if order.get("stop"):
        _end(job, work)


if __name__ == "__main__":
    main()

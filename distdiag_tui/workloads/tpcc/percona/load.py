"""tpcc_start against every server, the reports added up. It tells neither statements nor mean latencies."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from distdiag_tui.model.errors import ConfigError, WorkloadError
from distdiag_tui.workloads.options import Values
from distdiag_tui.workloads.report import ErrorKey, IntervalReport
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.load import TpccLoad
from distdiag_tui.workloads.tpcc.percona.output import Beat, Complaint
from distdiag_tui.workloads.tpcc.percona.program import PROGRAM, tpcc_start


@dataclass(slots=True)
class _Sum:
    """Of all servers: the running interval, or the whole run. `seconds` is the time it spans."""

    threads: int
    seconds: int = 0
    orders: int = 0
    transactions: int = 0
    errors: Counter[ErrorKey] = field(default_factory=Counter)

    def add(self, beats: Sequence[Beat], seconds: int) -> None:
        self.seconds += seconds
        self.orders += sum(beat.orders for beat in beats)
        self.transactions += sum(beat.transactions for beat in beats)

    def report(self, elapsed: float, *, total: bool) -> IntervalReport:
        span = self.seconds or 1
        figures = {"tpmC": 60 * self.orders / span}
        return IntervalReport(
            time.time(), elapsed, self.threads, self.transactions / span, 0.0,
            errors=dict(self.errors), total=total, figures=figures,
        )  # fmt: skip


class PerconaLoad(TpccLoad):
    """The data and its check are ours. Of latencies it tells New-Order's p95 and p99, of intervals only."""

    def __init__(self, nodes: Sequence[Node], values: Values) -> None:
        if values["keying"] or values["rate"]:
            raise ConfigError(f"{PROGRAM} knows neither --keying nor --rate")
        super().__init__(nodes, values)
        self._threads_of = _shares(nodes, int(values["threads"]))
        self._seconds = max(round(float(values["interval"])), 1)
        self._events: asyncio.Queue[Beat | Complaint | str | None] = asyncio.Queue()

    @property
    def lacks(self) -> str:
        """See `Workload`."""
        here = shutil.which(PROGRAM)
        return "" if here else f"--driver percona needs {PROGRAM}, of Percona's tpcc-mysql, on the PATH"

    def set_threads(self, threads: int) -> None:
        """ConfigError: it cannot."""
        raise ConfigError(f"{PROGRAM} cannot change to {threads} threads while it runs")

    def set_rate(self, rate: float) -> None:
        """ConfigError: it cannot."""
        raise ConfigError(f"{PROGRAM} runs as fast as it can, not at {rate:g}/s")

    def stop(self) -> None:
        """End `run` at once."""
        self._events.put_nowait(None)

    async def run(self) -> AsyncIterator[IntervalReport]:
        """Reports at whole seconds, at last the total; WorkloadError if a program ends by itself."""
        threads = sum(self._threads_of.values())
        whole, running = _Sum(threads), _Sum(threads)
        due: dict[int, list[Beat]] = {}
        async with AsyncExitStack() as stack:
            await self._start(stack)
            while (event := await self._events.get()) is not None:
                if isinstance(event, str):
                    raise WorkloadError(event)
                if isinstance(event, Complaint):
                    running.errors[event.code] += 1
                    whole.errors[event.code] += 1
                    continue
                due.setdefault(event.second, []).append(event)
                if len(due[event.second]) == len(self._threads_of):
                    beats = due.pop(event.second)
                    running.add(beats, self._seconds)
                    whole.add(beats, self._seconds)
                    yield _with_latencies(running.report(event.second, total=False), beats)
                    running = _Sum(threads)
        yield whole.report(whole.seconds, total=True)

    async def _start(self, stack: AsyncExitStack) -> None:
        for node, threads in self._threads_of.items():
            one = tpcc_start(node, self._warehouses, threads, self._seconds, self._events.put_nowait)
            await stack.enter_async_context(one)


def _shares(nodes: Sequence[Node], threads: int) -> dict[Node, int]:
    """Threads of each server that gets any."""
    each, more = divmod(threads, len(nodes))
    return {node: each + (i < more) for i, node in enumerate(nodes) if each or i < more}


def _with_latencies(report: IntervalReport, beats: Sequence[Beat]) -> IntervalReport:
    """The slowest server's."""
    report.figures["new_order p95 ms"] = max(beat.p95 for beat in beats)
    report.figures["new_order p99 ms"] = max(beat.p99 for beat in beats)
    return report

"""The sysbench load: a sysbench for each server, their reports added up."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from distdiag_tui.workloads.options import THREADS, Values
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.sysbench.config import SysbenchConfig, shares, whole_rate
from distdiag_tui.workloads.sysbench.lane import GRACE, Lane
from distdiag_tui.workloads.sysbench.tables import fill, verify
from distdiag_tui.workloads.sysbench.tally import Tally

_LATE: Final = 1.5  # seconds a report waits for a server that is at work but silent
_LOOK_EVERY: Final = 0.25  # seconds: that a server takes too long to connect is no news
_FAREWELL: Final = 0.3


class SysbenchLoad:
    """Clients stay on one server each. To change their number or rate, sysbench is started again."""

    def __init__(self, nodes: Sequence[Node], config: SysbenchConfig) -> None:
        self._config, self._threads, self._rate = config, config.threads, config.rate
        self._tally = Tally()
        self._news = asyncio.Event()
        self._lanes = [
            Lane(index, node, config, self._tally, self._news.set) for index, node in enumerate(nodes)
        ]
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = self._cut_off = False
        self._failure: BaseException | None = None
        self._share()

    async def fill(self, stores: Sequence[Node], _: Values | None, progress: Progress) -> None:
        """Bring every store's tables to their size, by sysbench's own prepare."""
        await fill(stores, self._config, progress)

    def verify(self, stores: Sequence[Node], progress: Progress) -> AsyncIterator[Check]:
        """Every table has its rows, unless a script changed their number."""
        return verify(stores, self._config, progress)

    def set_threads(self, threads: int) -> None:
        """From the next report on; ConfigError out of bounds."""
        self._threads = int(THREADS.read(threads))
        self._share()

    def set_rate(self, rate: float) -> None:
        """Whole transactions a second over all servers, 0 without limit; ConfigError out of bounds."""
        self._rate = whole_rate(rate)
        self._share()

    def stop(self) -> None:
        """End `run` with the reports that are due, 1.2 s later at most."""
        if not self._stopping:
            self._stopping = True
            for lane in self._lanes:
                lane.stop()
            asyncio.get_running_loop().call_later(GRACE, self._cut)

    async def run(self) -> AsyncIterator[IntervalReport]:
        """Reports at each interval until `stop` or the time is over, at last the total.

        Raises what ended a lane, after the total.
        """
        for lane in self._lanes:
            if self._config.time:
                lane.deadline = time.monotonic() + self._config.time
            self._start(lane)
        try:
            while await self._due():
                yield self._tally.interval()
            yield self._tally.total(sum(lane.share.threads for lane in self._lanes))
        finally:
            await self._end()
        if self._failure is not None:
            raise self._failure

    def _share(self) -> None:
        parts = shares(self._threads, self._rate, len(self._lanes))
        for lane, share in zip(self._lanes, parts, strict=True):
            lane.set_share(share)

    def _start(self, lane: Lane) -> None:
        task = asyncio.create_task(lane.run())
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self.stop()

    async def _due(self) -> bool:
        """Wait until every server that is at work has reported for an interval; False when all have ended."""
        end = time.monotonic() + self._config.interval
        while not self._complete():
            if self._cut_off or not self._running:
                return False
            patience = _LATE if any(lane.awaited for lane in self._lanes) else 0.0
            left = _LOOK_EVERY if self._stopping else end + patience - time.monotonic()
            if left <= 0:
                return True
            await self._something_new(min(left, _LOOK_EVERY))
        return True

    async def _something_new(self, seconds: float) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def _complete(self) -> bool:
        """Whether all that are to report have done so; at the end those that have gone count too."""
        at_work = [lane for lane in self._lanes if (lane.share.threads if self._stopping else lane.awaited)]
        return bool(at_work) and all(lane.reports >= self._config.interval for lane in at_work)

    def _cut(self) -> None:
        self._cut_off = True
        self._news.set()
        for lane in self._lanes:
            lane.cut()

    async def _end(self) -> None:
        """Leave no sysbench behind, whatever brought us here."""
        self._cut()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_FAREWELL)


def create(nodes: Sequence[Node], values: Values) -> SysbenchLoad:
    """For the catalogue of kinds."""
    return SysbenchLoad(nodes, SysbenchConfig.of(values))

"""One server's share of the load: a sysbench that is started, heard, and started again.

sysbench 1.0.20 would take lists of hosts and ports, but joins every host with every port: right only where
all servers have the same port, or the same host. It also ends as a whole when one server does. So each
server has a process of its own, and a dead server stalls only its share.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from math import ceil, inf
from typing import Final

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.pauses import pauses
from distdiag_tui.workloads.session import Node, error_key
from distdiag_tui.workloads.sysbench.config import Share, SysbenchConfig, bulk_tables
from distdiag_tui.workloads.sysbench.output import Interval, Started
from distdiag_tui.workloads.sysbench.program import Child
from distdiag_tui.workloads.sysbench.ready import make_ready
from distdiag_tui.workloads.sysbench.segment import Segment
from distdiag_tui.workloads.sysbench.tally import Tally
from distdiag_tui.workloads.sysbench.verdict import Judge

GRACE: Final = 1.2  # seconds to end with a whole report, or with the summary that is due
_STARTS_WITHIN: Final = 1.5  # seconds in which a report waits for a sysbench that connects


class Lane:
    """Keeps sysbench at work against one server; `tell` is called whenever there is something new."""

    def __init__(
        self, server: int, node: Node, config: SysbenchConfig, tally: Tally, tell: Callable[[], None]
    ) -> None:
        self.share = Share(0, 0)
        self.deadline = inf
        self._server, self._node, self._config, self._tally, self._tell = server, node, config, tally, tell
        self._judge = Judge(node.label, tally)
        self._child: Child | None = None
        self._emptied: set[int] = set()
        self._segment = Segment(server, tally)
        self._since = 0.0
        self._ends = inf
        self._woken = asyncio.Event()
        self._stopping = False

    @property
    def awaited(self) -> bool:
        """Whether a report of it is to be expected soon."""
        if self._child is None:
            return False
        return self._segment.started or time.monotonic() - self._since < _STARTS_WITHIN

    @property
    def reports(self) -> int:
        """How many there are in this interval."""
        return self._tally.samples(self._server)

    def set_share(self, share: Share) -> None:
        """From the next report on, so that no transaction goes uncounted; at once if it has not begun."""
        if share != self.share:
            self.share = share
            self._interrupt()

    def stop(self) -> None:
        """End with the next report, or with the summary if that is due."""
        self._stopping = True
        self._interrupt()

    def cut(self) -> None:
        """End this instant."""
        self._stopping = True
        self._woken.set()
        if self._child is not None:
            self._child.kill()

    async def run(self) -> None:
        """Until stopped, or the time is over; WorkloadError for what another try will not mend."""
        waits = pauses()
        try:
            while not self._stopping and time.monotonic() < self.deadline:
                if not self.share.threads:
                    await self._sleep(None)
                elif not await self._work(self.share):
                    await self._sleep(next(waits))
                if self._segment.sums.transactions:
                    waits = pauses()
        finally:
            self.cut()

    def _interrupt(self) -> None:
        self._woken.set()
        if self._child is not None and not self._segment.started:
            self._child.kill()

    async def _sleep(self, seconds: float | None) -> None:
        self._woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _work(self, share: Share) -> bool:
        """One sysbench, to its end; False if the server is to be left alone for a moment."""
        tables = bulk_tables(self._server, share.threads)
        try:
            await make_ready(self._node, self._config, tables, self._emptied)
        except DistdiagError as error:
            cause = error.__cause__
            self._tally.failed(error_key(cause if isinstance(cause, Exception) else error))
            return False
        self._emptied.clear()  # it fills them
        self._segment, self._since = Segment(self._server, self._tally), time.monotonic()
        self._child = await Child.start(self._node, self._arguments(share), self._variables(share))
        try:
            return await self._follow(self._child, self._segment, share)
        finally:
            await self._child.end()
            self._child = None
            self._tell()

    async def _follow(self, child: Child, segment: Segment, share: Share) -> bool:
        async for line in child.lines():
            event = segment.hear(line)
            if event is None:
                continue
            if isinstance(event, Started):
                self._judge.begun(share.threads)
            elif isinstance(event, Interval) and self._obsolete(share):
                child.kill()
            self._tell()
        code = await child.ended()
        return child.killed or self._judge.ended(code, segment)

    def _obsolete(self, share: Share) -> bool:
        ends_soon = self._ends - time.monotonic() < GRACE
        return share != self.share or (self._stopping and not ends_soon)

    def _arguments(self, share: Share) -> list[str]:
        """For a run; a second more rather than less where the time is no whole number."""
        left = 0 if self.deadline == inf else max(ceil(self.deadline - time.monotonic()), 1)
        self._ends = self._since + left if left else inf
        return [
            *self._config.data,
            *self._config.traffic,
            f"--threads={share.threads}",
            f"--rate={share.rate}",
            f"--time={left}",
            "--report-interval=1",
            "--histogram=on",
            "run",
        ]

    def _variables(self, share: Share) -> dict[str, str]:
        variables = {"DISTDIAG_SCRIPT": self._config.script}
        if self._config.bulk:
            variables["DISTDIAG_FIRST"] = str(bulk_tables(self._server, share.threads).start)
        return variables

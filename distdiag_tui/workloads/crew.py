"""Clients at work: starts and stops them, spreads them over the nodes, and reports at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final, Protocol

from distdiag_tui.model.pauses import pauses
from distdiag_tui.workloads.meter import Meter
from distdiag_tui.workloads.options import RATE, THREADS
from distdiag_tui.workloads.pacer import Pacer
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.session import Node, Session, error_key, watch

_FAREWELL: Final = 0.3  # seconds for cancelled clients to close their connections


class Client(Protocol):
    """One client: runs transactions until cancelled. WorkloadError ends the whole load."""

    @property
    def sessions(self) -> Sequence[Session]:
        """Its connections, for the watchdog."""
        ...

    async def run(self) -> None:
        """For ever."""
        ...


NewClient = Callable[[Sequence[Node], Pacer, Meter], Client]
"""Makes a client that uses these nodes, takes its turns from the pacer and tells the meter."""


class _Lane:
    """Clients that share a queue of due transactions: those of one node, or in coupled mode all."""

    def __init__(self, nodes: Sequence[Node], meter: Meter) -> None:
        self.nodes = nodes
        self.pacer = Pacer(0.0, lambda count: meter.failed("dropped", count))
        self.clients: list[tuple[Client, asyncio.Task[None]]] = []


class Crew:
    """All clients of a load; their number and rate may change at any time.

    Each group of nodes has its own share of clients and rate, so that a dead node stalls only its share.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Node]],
        new: NewClient,
        threads: int,
        rate: float,
        interval: float = 1.0,
    ) -> None:
        self.meter = Meter()
        self._new, self._rate, self._interval = new, rate, interval
        self._lanes = [_Lane(group, self.meter) for group in groups]
        self._threads, self._wanted = 0, threads
        self._running = False
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None

    def set_threads(self, threads: int) -> None:
        """Start clients or cancel the youngest (their transactions roll back); ConfigError out of bounds.

        Before `run` it only takes note: there are no tables yet.
        """
        self._wanted = int(THREADS.read(threads))
        if self._running:
            self._staff()

    def set_rate(self, rate: float) -> None:
        """Transactions a second over all clients, 0 without limit; ConfigError out of bounds."""
        self._rate = float(RATE.read(rate))
        if self._running:
            self._share_rate()

    def stop(self) -> None:
        """End `run` at once."""
        self._stopping.set()

    async def run(self) -> AsyncIterator[IntervalReport]:
        """Reports at each interval until `stop`, at last the total. To be iterated once, to its end.

        Raises what ended a client, after the total.
        """
        watchdog = asyncio.create_task(watch(self._sessions))
        self._running = True
        self.meter.begin()
        self._staff()
        try:
            while not await self._stopped_within(self._interval):
                yield self.meter.interval(self._threads)
            yield self.meter.total(self._threads)
        finally:
            tasks = [watchdog, *(task for lane in self._lanes for _, task in lane.clients)]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_FAREWELL)
        if self._failure is not None:
            raise self._failure

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    def _staff(self) -> None:
        while self._threads < self._wanted:
            self._start_client(self._lanes[self._threads % len(self._lanes)])
            self._threads += 1
        while self._threads > self._wanted:
            self._threads -= 1
            _, task = self._lanes[self._threads % len(self._lanes)].clients.pop()
            task.cancel()
        self._share_rate()

    def _start_client(self, lane: _Lane) -> None:
        client = self._new(lane.nodes, lane.pacer, self.meter)
        task = asyncio.create_task(client.run())
        task.add_done_callback(self._ended)
        lane.clients.append((client, task))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._stopping.set()

    def _share_rate(self) -> None:
        for lane in self._lanes:
            lane.pacer.set_rate(self._rate * len(lane.clients) / self._threads)

    def _sessions(self) -> Iterator[Session]:
        return (s for lane in self._lanes for client, _ in lane.clients for s in client.sessions)


async def connect(session: Session, meter: Meter) -> None:
    """Connect a client's session, however long it takes; what fails is counted."""
    for pause in pauses():
        try:
            await session.connect()
        except Exception as error:  # whatever a torn stream raises, the load goes on
            meter.failed(error_key(error))
            await asyncio.sleep(pause)
        else:
            return

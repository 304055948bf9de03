"""One run: starts and stops clients, spreads them over the nodes, and reports at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from distdiag_tui.workloads.oltp.clients import Client
from distdiag_tui.workloads.oltp.config import OltpConfig, check_rate, check_threads
from distdiag_tui.workloads.oltp.meter import Meter
from distdiag_tui.workloads.oltp.pacer import Pacer
from distdiag_tui.workloads.oltp.session import Node, Session, watch
from distdiag_tui.workloads.report import IntervalReport

_FAREWELL = 0.3  # seconds for cancelled clients to close their connections


class _Lane:
    """Clients that share a queue of due transactions: those of one node, or in coupled mode all."""

    def __init__(self, nodes: Sequence[Node], meter: Meter) -> None:
        self.nodes = nodes
        self.pacer = Pacer(0.0, lambda count: meter.failed("dropped", count))
        self.clients: list[tuple[Client, asyncio.Task[None]]] = []


class OltpLoad:
    """The running load on prepared nodes; threads and rate may change at any time.

    In independent mode each node has its own share of the rate, so that a dead node stalls only its share.
    """

    def __init__(self, nodes: Sequence[Node], config: OltpConfig) -> None:
        self._config, self._rate = config, config.rate
        self._meter = Meter()
        groups = [nodes] if config.mode == "coupled" else [[node] for node in nodes]
        self._lanes = [_Lane(group, self._meter) for group in groups]
        self._threads, self._wanted = 0, config.threads
        self._running = False
        self._stopping = asyncio.Event()

    def set_threads(self, threads: int) -> None:
        """Start clients or cancel the youngest (their transactions roll back); ConfigError out of bounds.

        Before `run` it only takes note: there are no tables yet.
        """
        check_threads(threads)
        self._wanted = threads
        if self._running:
            self._staff()

    def set_rate(self, rate: float) -> None:
        """Transactions a second over all clients, 0 without limit; ConfigError out of bounds."""
        check_rate(rate)
        self._rate = rate
        if self._running:
            self._share_rate()

    def stop(self) -> None:
        """End `run` at once."""
        self._stopping.set()

    async def run(self) -> AsyncIterator[IntervalReport]:
        """Reports at each interval until `stop`, at last the total. To be iterated once, to its end."""
        watchdog = asyncio.create_task(watch(self._sessions))
        self._running = True
        self._meter.begin()
        self._staff()
        try:
            while not await self._stopped_within(self._config.interval):
                yield self._meter.interval(self._threads)
            yield self._meter.total(self._threads)
        finally:
            tasks = [watchdog, *(task for lane in self._lanes for _, task in lane.clients)]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_FAREWELL)

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
        client = Client(lane.nodes, self._config, lane.pacer, self._meter)
        lane.clients.append((client, asyncio.create_task(client.run())))

    def _share_rate(self) -> None:
        for lane in self._lanes:
            lane.pacer.set_rate(self._rate * len(lane.clients) / self._threads)

    def _sessions(self) -> Iterator[Session]:
        return (s for lane in self._lanes for client, _ in lane.clients for s in client.sessions)

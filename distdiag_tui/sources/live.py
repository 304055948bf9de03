"""The live source: polls every server once a tick and waits for none of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.target import Target
from distdiag_tui.model.topology import Event
from distdiag_tui.sources.discovery.changes import changes
from distdiag_tui.sources.discovery.history import History
from distdiag_tui.sources.discovery.known import Key, Known
from distdiag_tui.sources.discovery.look import Discovery
from distdiag_tui.sources.fleet import Fleet
from distdiag_tui.sources.frame import Frame, Sample
from distdiag_tui.sources.node import Node
from distdiag_tui.sources.session import TIMEOUT
from distdiag_tui.sources.trouble import diagnose

log = logging.getLogger(__name__)

SHORTEST: Final = 0.2
LONGEST: Final = 60.0
WARM_UP: Final = 0.2  # s between the first two samples, so that rates appear at once
PATIENCE: Final = 0.25  # the share of a tick that a frame waits for answers, at most MOST_PATIENCE
MOST_PATIENCE: Final = 0.25  # s
READ_PATIENCE: Final = 0.7  # the share for the answer about all: with 1,000 servers it takes some 0.4 s
LOOK_EVERY: Final = 10.0  # s, between looks at what the cluster consists of
LOOK_AGAIN: Final = 2.0  # s, after a look that failed, or a server that changed how it answers

_Polls = dict[Node, asyncio.Task[Sample | None]]


class LiveSource:
    """Frames of a target's servers, one every `interval` seconds (0.2 to 60)."""

    def __init__(self, target: Target, interval: float = 1.0, look_every: float = LOOK_EVERY) -> None:
        self.target = target
        self.interval = min(LONGEST, max(SHORTEST, interval))
        self.look_every = look_every
        self.fleet = Fleet(target)
        self._discovery = Discovery(target)
        self._history = History()
        self._running: _Polls = {}
        self._reading: asyncio.Task[Mapping[Key, Sample]] | None = None
        self._look: asyncio.Task[tuple[Known, tuple[Event, ...]]] | None = None
        self._look_at = 0.0
        self._answers: dict[str, bool] = {}
        self._epoch = time.time() - elapsed()

    @property
    def nodes(self) -> list[Node]:
        """Servers with a connection of their own."""
        return self.fleet.nodes

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Two frames as soon as servers answer, WARM_UP apart; from then on one a tick."""
        try:
            yield await self._first_frame()
            await asyncio.sleep(WARM_UP)
            while True:
                yield await self._frame(patience=min(MOST_PATIENCE, PATIENCE * self.interval))
                await self._next_tick()
        finally:
            await self._close()

    def _now(self) -> float:
        """Epoch seconds that never jump: ticks count these, whatever happens to the clock."""
        return self._epoch + elapsed()

    async def _next_tick(self) -> None:
        """Sleep to the next multiple of the interval; a tick that was overslept is skipped."""
        await asyncio.sleep(self.interval - self._now() % self.interval)

    async def _first_frame(self) -> Frame:
        """With servers as the cluster tells them, if it is quick to do so."""
        started = elapsed()
        await self._wait(self._poll_all(), 2 * MOST_PATIENCE)
        if self.fleet.clustered:
            self._start_look()
            await self._wait([self._look], 2 * MOST_PATIENCE)
        events = self._take_look()
        return await self._frame(2 * MOST_PATIENCE, started, events)

    async def _frame(
        self, patience: float, started: float | None = None, events: tuple[Event, ...] = ()
    ) -> Frame:
        started, now = started or elapsed(), self._now()
        if elapsed() >= self._look_at and self.fleet.clustered:
            self._start_look()
        reading = self._read()
        await self._wait([*self._poll_all(), reading], patience)
        await self._wait([reading], READ_PATIENCE * self.interval - patience)
        events = (*events, *self._take_look())
        samples = self._collect()
        servers = self.fleet.servers()
        self._notice({server.name: server.status.answers for server in servers})
        return Frame(
            tick=round(now / self.interval),
            time=time.time(),
            interval=self.interval,
            servers=servers,
            samples=samples,
            latency=elapsed() - started,
            layout=self.fleet.layout,
            events=events,
        )

    async def _wait(self, tasks: list[asyncio.Task[object] | None], patience: float) -> None:
        awaited = [task for task in tasks if task is not None]
        if awaited:
            await asyncio.wait(awaited, timeout=patience)

    # -- figures ------------------------------------------------------------------------------------

    def _poll_all(self) -> list[asyncio.Task[object] | None]:
        return [self._poll(node) for node in self.nodes]

    def _poll(self, node: Node) -> asyncio.Task[Sample | None] | None:
        """Ask a server that is not being asked already; the task, if it is worth waiting for in this frame.

        A server that has let us wait before, or is down, comes in when it comes.
        """
        if node in self._running:
            return None
        prompt = node.prompt
        self._running[node] = asyncio.create_task(node.poll(), name=f"poll {node.name}")
        return self._running[node] if prompt else None

    def _read(self) -> asyncio.Task[Mapping[Key, Sample]] | None:
        """Ask for all servers at once, if some do not answer themselves."""
        if self._reading is not None or not self.fleet.reads:
            return None
        reader = self.fleet.reader
        prompt = reader.prompt
        self._reading = asyncio.create_task(reader.poll(self.fleet.entrances()), name="read the cluster")
        return self._reading if prompt else None

    def _collect(self) -> dict[str, Sample]:
        """Take what has arrived; an answer that comes later goes into the next frame."""
        done = [node for node, task in self._running.items() if task.done()]
        finished = {node: self._running.pop(node).result() for node in done}
        found = {
            node.name: sample
            for node, sample in finished.items()
            if sample is not None and node in self.nodes
        }
        if self._reading is not None and self._reading.done():
            read, self._reading = self._reading.result(), None
            if self.fleet.known is not None:
                found |= self.fleet.read(read, found)
                if self.fleet.unknown(read):
                    self._look_soon()
        return found

    # -- what the cluster consists of ---------------------------------------------------------------

    def _start_look(self) -> None:
        if self._look is None:
            self._look_at = elapsed() + self.look_every
            self._look = asyncio.create_task(self._discover(), name="look at the cluster")

    async def _discover(self) -> tuple[Known, tuple[Event, ...]]:
        before = self.fleet.known
        known = await self._discovery.look(self.fleet.entrances(), self.fleet.given(), before)
        seen = () if before is None else changes(before, known, time.time())
        return known, (*seen, *await self._history.fresh(self._discovery.session, known, seen))

    def _take_look(self) -> tuple[Event, ...]:
        """What a look that is over has found: events. One that failed costs nothing but time."""
        if self._look is None or not self._look.done():
            return ()
        look, self._look = self._look, None
        if (error := look.exception()) is None:
            known, events = look.result()
            if known.places:
                self.fleet.adopt(known)
                return events
            error = LookupError("the cluster tells of no servers")
        if not isinstance(error, Exception):
            raise error
        status, words = diagnose(error, TIMEOUT)
        log.info("no look at the cluster: %s (%s)", words, type(error).__name__)
        if self.fleet.known is None:
            self.fleet.trouble = status, words
        self._look_soon()
        return ()

    def _look_soon(self) -> None:
        self._look_at = min(self._look_at, elapsed() + LOOK_AGAIN)

    def _notice(self, answers: dict[str, bool]) -> None:
        """A server that begins or ceases to answer is a reason to look what there is."""
        if any(self._answers.get(name, now) != now for name, now in answers.items()):
            self._look_soon()
        self._answers = answers

    async def _close(self) -> None:
        tasks: list[asyncio.Task[object]] = [*self._running.values()]
        tasks += [task for task in (self._reading, self._look) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()
        self._reading = self._look = None
        self._discovery.close()
        self.fleet.close()

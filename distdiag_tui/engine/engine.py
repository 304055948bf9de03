"""One tick: sample, compute, store, publish. Every face is a reader of `Engine.snapshots`."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from distdiag_tui.engine.rates import Rates
from distdiag_tui.engine.rollup import RollUp
from distdiag_tui.model.snapshot import Health, History, Snapshot, Values
from distdiag_tui.model.topology import Event
from distdiag_tui.sources.frame import Frame, Source
from distdiag_tui.sources.held import Held
from distdiag_tui.store import Store

if TYPE_CHECKING:
    from distdiag_tui.diagnosis.diagnoser import Diagnoser
    from distdiag_tui.engine.hours_before import HoursBefore
    from distdiag_tui.engine.memory import Memory

MOST_EVENTS = 500
REMEMBERED = 3600.0  # s, of events
KEEP_EVERY = 600.0  # s after which what is usual is kept anew
FRESH = 86400.0  # s: what is remembered from then on is better than what servers tell of their last hours


class Engine:
    """Owns a source and the store. One reader drives it: `async for snapshot in engine.snapshots()`.

    With a `diagnoser` snapshots say what is wrong; it may come later, for a start does not need it. From a
    `memory` it knows what was usual the last time, and there it is kept for the next one; if that is long ago
    it asks for the hours `before`.
    """

    def __init__(
        self,
        source: Source,
        cluster: str,
        *,
        production: bool = False,
        memory: Memory | None = None,
        before: HoursBefore | None = None,
    ) -> None:
        self.cluster = cluster
        self.store = Store()
        self.history: History = self.store
        """What snapshots show of the past: it may reach back further than the store does."""
        self.diagnoser: Diagnoser | None = None
        self._usual: Mapping[str, Values] = {}
        self._memory = memory
        self._before = before
        self._kept: float | None = None
        self._source = source
        self._production = production
        self._rates, self._host_rates, self._roll_up = Rates(), Rates(), RollUp()
        self._held = Held()
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._samples = 0
        self._dropped = 0

    @property
    def reach(self) -> int:
        """Ticks that are kept."""
        return self.store.capacity

    def begin_with(self, usual: Mapping[str, Values]) -> None:
        """Let diagnosis, once there is some, know what servers were like before: see its `begin_with`."""
        self._usual = usual

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """One immutable snapshot a tick. Closing the iterator closes the source."""
        frame = None
        try:
            async with aclosing(self._source.frames()) as frames:
                async for frame in frames:
                    yield self.take(frame)
        finally:
            if frame is not None:
                self._keep(frame.time)
            if self._before is not None:
                await self._before.close()

    def take(self, frame: Frame) -> Snapshot:
        """One frame more: stored, and as a snapshot."""
        rates = self._rates.take(frame.samples, frame.interval)
        read = self._host_rates.take(frame.hosts, frame.interval)
        hosts, host_rates = self._held.take(frame.time, frame.hosts, read)
        values = self._roll_up.table(frame.servers, frame.samples, rates, hosts, host_rates)
        self.store.append(frame.tick, values)
        self._remember(frame)
        self._samples += len(frame.samples)
        self._dropped += sum(s.age is not None and s.name not in frame.samples for s in frame.servers)
        snapshot = Snapshot(
            tick=frame.tick,
            time=frame.time,
            interval=frame.interval,
            cluster=self.cluster,
            servers=frame.servers,
            values=values,
            history=self.history,
            health=Health(frame.latency, self._samples, self._dropped),
            production=self._production,
            layout=frame.layout,
            events=tuple(self._events),
            machines=frame.machines,
            totals=dict(self._rates.last),
            hosts=dict(self._host_rates.last),
        )
        if self.diagnoser is None:
            return snapshot
        self._recall(frame.time)
        found = self.diagnoser.feed(
            frame.time,
            frame.interval,
            frame.servers,
            values,
            frame.layout,
            snapshot.totals,
            snapshot.hosts,
        )
        if self._usual:
            self.diagnoser.begin_with(self._usual)
            self._usual = {}
        if self._before is not None and (earlier := self._before.take(snapshot)) is not None:
            self.diagnoser.correct(earlier)
        return replace(snapshot, diagnosis=found)

    def _recall(self, time: float) -> None:
        """Once; and keep from time to time what is usual now, for a process may be killed."""
        if self._memory is None or self.diagnoser is None:
            return
        if self._kept is None:
            self._kept = time
            if (usual := self._memory.recall(time)) is not None:
                self.diagnoser.remember(usual)
                if time - usual.time <= FRESH:
                    self._before = None
        elif time - self._kept >= KEEP_EVERY:
            self._keep(time)

    def _keep(self, time: float) -> None:
        if self._memory is not None and self.diagnoser is not None:
            self._kept = time
            self._memory.keep(self.diagnoser.usual())

    def _remember(self, frame: Frame) -> None:
        self._events.extend(frame.events)
        while self._events and self._events[0].time < frame.time - REMEMBERED:
            self._events.popleft()

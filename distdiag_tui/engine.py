"""One tick: sample, compute, store, publish. Every face is a reader of `Engine.snapshots`."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from distdiag_tui.model.arithmetic import Floats, add_rows, evaluate, per_second
from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.model.snapshot import Health, History, Snapshot, Values
from distdiag_tui.model.topology import Event, Server, Subject
from distdiag_tui.sources.frame import SERVER_WIDE, Frame, Sample, Source
from distdiag_tui.store import Store

if TYPE_CHECKING:
    from distdiag_tui.diagnosis.diagnoser import Diagnoser

LONGEST_STEP = 3.5  # ticks; a rate over a longer pause says nothing about the tick it would be drawn at

MOST_EVENTS = 500
REMEMBERED = 3600.0  # s, of events

TenantRates = Mapping[int, Floats]  # raw columns per second by tenant id


class Engine:
    """Owns a source and the store. One reader drives it: `async for snapshot in engine.snapshots()`.

    With a `diagnoser` snapshots say what is wrong; it may come later, for a start does not need it.
    """

    def __init__(self, source: Source, cluster: str, *, production: bool = False) -> None:
        self.cluster = cluster
        self.store = Store()
        self.history: History = self.store
        """What snapshots show of the past: it may reach back further than the store does."""
        self.diagnoser: Diagnoser | None = None
        self._source = source
        self._production = production
        self._previous: dict[str, Sample] = {}
        self._hosts: dict[str, Sample] = {}
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._samples = 0
        self._dropped = 0

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """One immutable snapshot a tick. Closing the iterator closes the source."""
        async with aclosing(self._source.frames()) as frames:
            async for frame in frames:
                yield self.take(frame)

    def take(self, frame: Frame) -> Snapshot:
        """One frame more: stored, and as a snapshot."""
        values = _values(frame.servers, self._rates(frame))
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
            totals=dict(self._previous),
            hosts=dict(self._hosts),
        )
        if self.diagnoser is None:
            return snapshot
        found = self.diagnoser.feed(frame.time, frame.interval, frame.servers, values)
        return replace(snapshot, diagnosis=found)

    def _remember(self, frame: Frame) -> None:
        self._events.extend(frame.events)
        while self._events and self._events[0].time < frame.time - REMEMBERED:
            self._events.popleft()

    def _rates(self, frame: Frame) -> Mapping[str, TenantRates]:
        """Rates of every server with a new sample, which becomes the predecessor of the next one."""
        rates: dict[str, dict[int, Floats]] = {}
        for name, sample in frame.samples.items():
            rates[name] = dict(_rates_between(self._previous.get(name), sample, frame.interval))
            self._previous[name] = sample
        for name, sample in frame.hosts.items():
            own = _rates_between(self._hosts.get(name), sample, frame.interval)[SERVER_WIDE]
            rows = rates.setdefault(name, {})
            rows[SERVER_WIDE] = np.where(np.isnan(own), rows.get(SERVER_WIDE, own), own)
            self._hosts[name] = sample
        return rates


def _rates_between(previous: Sample | None, sample: Sample, interval: float) -> TenantRates:
    """Columns per second by tenant; totals are NaN where the predecessor is missing or not comparable."""
    seconds = 0.0
    before: dict[int, Floats] = {}
    if previous is not None and previous.epoch == sample.epoch:
        seconds = sample.at - previous.at
        before = dict(zip(previous.tenants, previous.columns, strict=True))
    if seconds > LONGEST_STEP * max(interval, 1.0):
        before = {}
    nothing = np.full(len(COLUMNS), np.nan)
    return {
        tenant: per_second(before.get(tenant, nothing), row, seconds)
        for tenant, row in zip(sample.tenants, sample.columns, strict=True)
    }


def _values(servers: tuple[Server, ...], rates: Mapping[str, TenantRates]) -> dict[Subject, Values]:
    """Metrics of every subject. Sums are taken over raw columns, so no ratio is ever averaged."""
    parts: dict[Subject, list[Floats]] = {}
    for server in servers:
        names = {tenant.id: tenant.name for tenant in server.tenants}
        for tenant, row in rates.get(server.name, {}).items():
            for subject in _subjects(server, names.get(tenant, "")):
                parts.setdefault(subject, []).append(row)
    if not parts:
        return {}
    columns = np.stack([add_rows(np.stack(rows)) for rows in parts.values()])
    metrics = evaluate(columns).astype(np.float32)
    metrics.flags.writeable = False
    return dict(zip(parts, metrics, strict=True))


def _subjects(server: Server, tenant: str) -> list[Subject]:
    """Everything that a tenant's figures on a server count towards."""
    wider = [Subject(), Subject(server.zone), Subject(server.zone, server.name)]
    return [*wider, Subject(server.zone, server.name, tenant)] if tenant else wider

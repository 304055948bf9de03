"""The past of a cluster from Prometheus, the newest part first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.snapshot import Snapshot, Values
from distdiag_tui.model.topology import Server, Subject
from distdiag_tui.prometheus.dialects import Dialect, obagent, own
from distdiag_tui.prometheus.readback import Gathering, Ticks, columns_by_tick
from distdiag_tui.prometheus.reader import Found, Reader, in_thread

EXACT: Final = 300.0  # s that are read as they were sampled
STEP: Final = 15.0  # s between the samples that are read of what is older
MOST_SERVERS: Final = 100


@dataclass(frozen=True, slots=True)
class Piece:
    """Metrics (M, N) of subjects in the N ticks from `begin` on."""

    begin: int
    values: dict[Subject, Values]


class Backfill:
    """Reads what was before tick `first` of a snapshot's servers. PrometheusError ends it."""

    def __init__(self, reader: Reader, prometheus: PrometheusServer, snapshot: Snapshot, first: int) -> None:
        self._reader = reader
        self._prometheus = prometheus
        self._cluster = snapshot.cluster
        self._interval = snapshot.interval
        self._servers = snapshot.servers[:MOST_SERVERS]
        self._first = first

    async def pieces(self, room: int) -> AsyncIterator[Piece]:
        """Of the last `room` ticks before `first`: server by server, then what they add up to."""
        exact = min(room, round(EXACT / self._interval))
        spans = [Ticks(self._first - exact, self._first, self._interval)]
        if room > exact and self._interval < STEP:
            spans.append(Ticks(self._first - room, self._first - exact, self._interval))
        for ticks in spans:
            gathering, any_found = Gathering(), False
            for server in self._servers:
                values = await self._values(server, ticks, gathering)
                any_found = any_found or bool(values)
                yield Piece(ticks.first, values)
            if not any_found:  # what is older is not read where nobody has taken anything of late
                return
            yield Piece(ticks.first, gathering.wider())

    async def _values(self, server: Server, ticks: Ticks, gathering: Gathering) -> dict[Subject, Values]:
        for dialect in (
            own(server, self._cluster, self._prometheus),
            obagent(server, self._servers, self._prometheus),
        ):
            if dialect is not None and (found := await self._read(dialect, ticks)):
                columns = await in_thread(lambda d=dialect, f=found: columns_by_tick(f, d, ticks))  # type: ignore[misc]
                return gathering.add(server, columns)
        return {}

    async def _read(self, dialect: Dialect, ticks: Ticks) -> Found:
        begin, end = ((tick + 0.5) * self._interval for tick in (ticks.first - 1, ticks.last - 1))
        if ticks.last == self._first:
            span = end - begin + 2 * STEP  # a rate needs a sample before
            return await self._reader.samples(f"{dialect.select}[{round(span)}s]", end)
        query = f"last_over_time({dialect.select}[{STEP:g}s])"
        return await self._reader.steps(query, begin - STEP, end + STEP, STEP)

"""The past of a cluster from Prometheus, the newest part first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
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
AT_ONCE: Final = 60  # samples of a series in one answer: to take one apart must not be felt
MOST_SERVERS: Final = 100  # that are read; of more, what all add up to has no past


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
        self._whole = len(self._servers) == len(snapshot.servers)
        self._first = first

    async def pieces(self, room: int) -> AsyncIterator[Piece]:
        """Of the last `room` ticks before `first`: server by server, then what they add up to."""
        exact = self._first - min(room, round(EXACT / self._interval))
        any_found = False
        for ticks in self._spans(self._first, exact, 1):
            async for piece in self._span(ticks, None):
                any_found = any_found or bool(piece.values)
                yield piece
        if not any_found or self._interval >= STEP:
            return  # what is older is not read where nobody has taken anything of late
        for ticks in self._spans(exact, self._first - room, round(STEP / self._interval)):
            async for piece in self._span(ticks, STEP):
                yield piece

    def _spans(self, last: int, first: int, step: int) -> Iterator[Ticks]:
        """From tick `last` back to `first`, AT_ONCE steps (ticks) each."""
        for end in range(last, first, -AT_ONCE * step):
            yield Ticks(max(first, end - AT_ONCE * step), end, self._interval)

    async def _span(self, ticks: Ticks, step: float | None) -> AsyncIterator[Piece]:
        gathering = Gathering()
        for server in self._servers:
            yield Piece(ticks.first, await self._values(server, ticks, step, gathering))
        if self._whole:
            yield Piece(ticks.first, gathering.wider())

    async def _values(
        self, server: Server, ticks: Ticks, step: float | None, gathering: Gathering
    ) -> dict[Subject, Values]:
        for dialect in (
            own(server, self._cluster, self._prometheus),
            obagent(server, self._servers, self._prometheus),
        ):
            if dialect is not None and (found := await self._read(dialect, ticks, step)):
                columns = await in_thread(lambda d=dialect, f=found: columns_by_tick(f, d, ticks))  # type: ignore[misc]
                return gathering.add(server, columns)
        return {}

    async def _read(self, dialect: Dialect, ticks: Ticks, step: float | None) -> Found:
        """Samples as they are, or with a `step` (s) only the last one in each."""
        begin, end = ((tick + 0.5) * self._interval for tick in (ticks.first - 1, ticks.last - 1))
        if step is None:
            span = end - begin + 2 * STEP  # a rate needs a sample before
            return await self._reader.samples(f"{dialect.select}[{round(span)}s]", end)
        query = f"last_over_time({dialect.select}[{step:g}s])"
        return await self._reader.steps(query, begin - step, end + step, step)

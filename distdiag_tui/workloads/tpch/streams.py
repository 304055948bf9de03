"""One stream of queries: a client that goes through all 22 in its own order, outliving any error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from distdiag_tui.model.pauses import pauses
from distdiag_tui.workloads.meter import Meter
from distdiag_tui.workloads.session import Node, Session, error_key, require_data
from distdiag_tui.workloads.tpch.kind import TPCH
from distdiag_tui.workloads.tpch.queries import Query, orders


@dataclass(frozen=True, slots=True)
class Plan:
    """What every stream does, and who is at it. `rounds` is 0 for no end, `timeout` in seconds for a query.

    `over` is called when no stream is left.
    """

    queries: list[Query]
    rounds: int
    timeout: float
    over: Callable[[], None]
    active: set[Stream] = field(default_factory=set)

    @property
    def figures(self) -> dict[str, float]:
        """What goes on: the number of the query that runs longest, since when, how many are left.

        A report counts queries that have ended; this is to show one that does not.
        """
        now = asyncio.get_running_loop().time()
        running = [(now - stream.since, stream.at.number) for stream in self.active if stream.at]
        figures: dict[str, float] = {}
        if running:
            seconds, number = max(running)
            figures = {"query": number, "running s": round(seconds, 3)}
        if self.rounds:
            figures["left"] = sum(stream.left for stream in self.active)
        return figures


class Stream:
    """Stream `number`, on one node. While it is at a query, `at` and `since` (loop time) tell which."""

    def __init__(self, number: int, node: Node, plan: Plan, meter: Meter) -> None:
        self.sessions = [Session(node, plan.timeout)]
        self.at: Query | None = None
        self.since = 0.0
        self.left = plan.rounds * len(plan.queries)
        self._number, self._plan, self._meter = number, plan, meter
        self._clock = asyncio.get_running_loop().time
        self._was_connected = False
        self._pauses = pauses()

    async def run(self) -> None:
        """To the end of its rounds. A query that fails is counted; WorkloadError if the data is gone."""
        active = self._plan.active
        active.add(self)
        try:
            for query in self._queries():
                await self._connected()
                await self._try(query)
                self.left -= 1
        finally:
            self.sessions[0].close()
            active.discard(self)
            if not active:
                self._plan.over()

    def _queries(self) -> Iterator[Query]:
        rounds = orders(self._number, self._plan.queries)
        for order in islice(rounds, self._plan.rounds or None):
            yield from order

    async def _try(self, query: Query) -> None:
        self.at, self.since = query, self._clock()
        try:
            await self.sessions[0].query(query.sql)
        except Exception as error:  # whatever a torn stream raises, the next query is tried
            self.at = None
            await self._failed(error)
        else:
            self._meter.committed(self._clock() - self.since, 1, query.name)
            self._pauses = pauses()
        finally:
            self.at = None

    async def _failed(self, error: Exception) -> None:
        """Count it and wait, longer each time in a row: what fails at once must not spin."""
        require_data(error)
        self._meter.failed("timeout" if self.sessions[0].timed_out else error_key(error))
        await asyncio.sleep(next(self._pauses))

    async def _connected(self) -> None:
        session = self.sessions[0]
        while session.broken:
            try:
                await session.connect()
                await session.query(f"USE {TPCH.database}")
            except Exception as error:  # as in run
                session.close()
                await self._failed(error)
            else:
                if self._was_connected:
                    self._meter.reconnected()
                self._was_connected = True

"""One client: runs the mix at a terminal, repeats what lost a conflict, outlives any other error."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from distdiag_tui.workloads.crew import connect
from distdiag_tui.workloads.meter import Meter
from distdiag_tui.workloads.pacer import Pacer
from distdiag_tui.workloads.session import Node, Session, error_key, require_data
from distdiag_tui.workloads.tpcc.deck import TIMES, Deck, Name, think_time
from distdiag_tui.workloads.tpcc.delivery import OvertakenError, delivery
from distdiag_tui.workloads.tpcc.draws import Constants, Draws
from distdiag_tui.workloads.tpcc.enquiries import order_status, stock_level
from distdiag_tui.workloads.tpcc.inputs import Inputs
from distdiag_tui.workloads.tpcc.new_order import new_order
from distdiag_tui.workloads.tpcc.payment import payment
from distdiag_tui.workloads.tpcc.scale import DISTRICTS, Scale
from distdiag_tui.workloads.tpcc.talk import Talk

ATTEMPTS: Final = 5
_PAUSE: Final = 0.01  # seconds, on average, after the first conflict; doubles
_CONFLICTS: Final = frozenset({
    1020,  # MariaDB: a row changed since it was read
    1205,  # lock wait timeout
    1213,  # deadlock
    6002, 6003, 6005, 6211, 6224, 6235,  # OceanBase: rolled back, row locked, killed, not serializable
})  # fmt: skip


class Seats:
    """The terminals of a store that are not in use, as (warehouse, district); the lowest first."""

    def __init__(self, warehouses: int) -> None:
        self._warehouses = warehouses
        self._taken: Counter[int] = Counter()

    @contextmanager
    def sit(self) -> Iterator[tuple[int, int]]:
        """A terminal for as long as it lasts; when all are taken, they are shared out again."""
        seats = self._warehouses * DISTRICTS
        seat = min(range(seats), key=lambda number: self._taken[number])
        self._taken[seat] += 1
        try:
            yield seat // DISTRICTS + 1, seat % DISTRICTS + 1
        finally:
            self._taken[seat] -= 1


@dataclass(slots=True)
class Floor:
    """What all clients of a run share. `seats` is by node; `retries` counts conflicts overcome or not."""

    warehouses: int
    keying: bool
    statement_timeout: float
    scale: Scale
    constants: Constants
    seats: dict[Node, Seats] = field(default_factory=dict)
    retries: int = 0

    @property
    def settings(self) -> tuple[str, ...]:
        """Of each connection. Rows are locked where they are read to be written, so no more is needed."""
        seconds = max(int(self.statement_timeout), 1)
        return (
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            f"SET innodb_lock_wait_timeout = {seconds}",
        )


class Terminal:
    """With keying times it is bound to a warehouse and a district; without it serves any warehouse."""

    def __init__(self, floor: Floor, nodes: Sequence[Node], pacer: Pacer, meter: Meter) -> None:
        [self._node] = nodes
        self.sessions = [Session(self._node, floor.statement_timeout, floor.settings)]
        self._floor, self._pacer, self._meter = floor, pacer, meter
        draws = Draws()
        self._rng, self._deck = draws.rng, Deck(draws.rng)
        self._inputs = Inputs(draws, floor.scale, floor.warehouses, floor.constants)
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> None:
        """For ever. WorkloadError if the data is gone."""
        try:
            await connect(self.sessions[0], self._meter)
            with self._floor.seats[self._node].sit() as seat:
                while True:
                    await (self._turn_with_times(*seat) if self._floor.keying else self._turn())
        finally:
            self.sessions[0].close()

    async def _turn(self) -> None:
        name = self._deck.deal()
        due = await self._pacer.turn()
        await self._serve(name, due, self._inputs.warehouse(), 0)

    async def _turn_with_times(self, warehouse: int, district: int) -> None:
        """Clause 5.2.2: key the input in, wait for the answer, think about it."""
        name = self._deck.deal()
        await asyncio.sleep(TIMES[name].keying)
        due = await self._pacer.turn()
        await self._serve(name, due, warehouse, district)
        await asyncio.sleep(think_time(name, self._rng))

    async def _serve(self, name: Name, due: float, warehouse: int, district: int) -> None:
        session = self.sessions[0]
        try:
            queries = await self._insist(self._job(name, warehouse, district))
        except Exception as error:  # whatever a torn stream raises, the load goes on
            require_data(error)
            self._meter.failed("timeout" if session.timed_out else error_key(error))
            await session.clear()
        else:
            self._meter.committed(self._clock() - due, queries, name)
        if session.broken:
            await connect(session, self._meter)
            self._meter.reconnected()

    async def _insist(self, job: Callable[[Talk], Awaitable[object]]) -> int:
        """Repeat what lost against another transaction; returns the statements sent."""
        session, talk = self.sessions[0], Talk(self.sessions[0])
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await job(talk)
                break
            except Exception as error:
                if attempt == ATTEMPTS or session.broken or not is_conflict(error):
                    raise
            self._floor.retries += 1
            await session.clear()
            await asyncio.sleep(self._rng.random() * _PAUSE * 2**attempt)
        return talk.queries

    def _job(self, name: Name, warehouse: int, district: int) -> Callable[[Talk], Awaitable[object]]:
        """The transaction with its input, which stays the same however often it is repeated."""
        inputs = self._inputs
        match name:
            case "new_order":
                return partial(new_order, wish=inputs.new_order(warehouse))
            case "payment":
                return partial(payment, wish=inputs.payment(warehouse))
            case "order_status":
                return partial(order_status, wish=inputs.order_status(warehouse))
            case "delivery":
                return partial(delivery, wish=inputs.delivery(warehouse))
            case "stock_level":
                return partial(stock_level, wish=inputs.stock_level(warehouse, district))


def is_conflict(error: Exception) -> bool:
    """Whether the same transaction may well succeed a moment later."""
    return isinstance(error, OvertakenError) or error_key(error) in _CONFLICTS

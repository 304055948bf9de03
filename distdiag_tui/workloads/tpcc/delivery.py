"""The Delivery transaction (clause 2.7): the oldest order of all ten districts, a statement a table.

It is carried out at once, where the specification lets it wait in a queue: the load shows what it costs.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import Any, Final

from distdiag_tui.workloads.tpcc.inputs import Delivery
from distdiag_tui.workloads.tpcc.scale import DISTRICTS
from distdiag_tui.workloads.tpcc.schema import sql
from distdiag_tui.workloads.tpcc.talk import Talk


def _each(table: str, row: str) -> str:
    """One row in each district, by a condition of the form in which every server finds the primary key."""
    rows = " OR ".join([f"({table}_d_id = ? AND {row} = ?)"] * DISTRICTS)
    return f"{table}_w_id = ? AND ({rows})"


_OLDEST_OF_ONE: Final = (
    "(SELECT no_d_id, no_o_id FROM {new_orders} WHERE no_w_id = ? AND no_d_id = {d} ORDER BY no_o_id LIMIT 1)"
)
_WAITING, _ORDERS, _LINES = _each("no", "no_o_id"), _each("o", "o_id"), _each("ol", "ol_o_id")
QUEUE: Final = sql(
    "SELECT no_o_id FROM {new_orders} WHERE no_w_id = ? AND no_d_id = 1 ORDER BY no_o_id LIMIT 1 FOR UPDATE"
)
OLDEST: Final = " UNION ALL ".join(sql(_OLDEST_OF_ONE, d=d) for d in range(1, DISTRICTS + 1))
TAKE: Final = sql("DELETE FROM {new_orders} WHERE {rows}", rows=_WAITING)
BUYERS: Final = sql("SELECT o_d_id, o_c_id FROM {orders} WHERE {rows}", rows=_ORDERS)
SHIP: Final = sql("UPDATE {orders} SET o_carrier_id = ? WHERE {rows}", rows=_ORDERS)
LINES: Final = sql("UPDATE {order_line} SET ol_delivery_d = NOW() WHERE {rows}", rows=_LINES)
AMOUNTS: Final = sql(
    "SELECT ol_d_id, SUM(ol_amount) FROM {order_line} WHERE {rows} GROUP BY ol_d_id", rows=_LINES
)
CHARGE: Final = sql(
    "UPDATE {customer} SET c_balance = c_balance + CASE c_d_id {amounts} END, "
    "c_delivery_cnt = c_delivery_cnt + 1 WHERE {rows}",
    amounts=" ".join(["WHEN ? THEN ?"] * DISTRICTS),
    rows=_each("c", "c_id"),
)


class OvertakenError(Exception):
    """Another delivery of the same warehouse was quicker: to be tried again."""


async def delivery(talk: Talk, wish: Delivery) -> dict[int, int]:
    """The order delivered in each district; districts where none waits are left out (clause 2.7.4.2)."""
    await talk.begin()
    await talk.rows(QUEUE, wish.warehouse)  # deliveries of a warehouse take turns
    oldest: dict[int, int] = dict(await talk.rows(OLDEST, *[wish.warehouse] * DISTRICTS))
    if oldest:
        await _deliver(talk, wish, oldest)
    await talk.commit()
    return oldest


async def _deliver(talk: Talk, wish: Delivery, oldest: dict[int, int]) -> None:
    orders = _each_district(oldest)
    if await talk.change(TAKE, wish.warehouse, *orders) < len(oldest):
        raise OvertakenError
    buyers: dict[int, int] = dict(await talk.rows(BUYERS, wish.warehouse, *orders))
    await talk.change(SHIP, wish.carrier, wish.warehouse, *orders)
    await talk.change(LINES, wish.warehouse, *orders)
    amounts: dict[int, Decimal] = dict(await talk.rows(AMOUNTS, wish.warehouse, *orders))
    await talk.change(CHARGE, *_each_district(amounts), wish.warehouse, *_each_district(buyers))


def _each_district(values: dict[int, Any]) -> list[Any]:
    """District, value, for all ten: a statement of one form; 0 where there is none, which no row has."""
    return list(chain.from_iterable((d, values.get(d, 0)) for d in range(1, DISTRICTS + 1)))

"""What a new order takes from the stock: a supplying warehouse at a time, rows locked in order of keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from distdiag_tui.workloads.session import Argument
from distdiag_tui.workloads.tpcc.inputs import Line, NewOrder
from distdiag_tui.workloads.tpcc.scale import DISTRICTS
from distdiag_tui.workloads.tpcc.schema import sql
from distdiag_tui.workloads.tpcc.talk import Talk

ORIGINAL: Final = "ORIGINAL"
MOST_LINES: Final = 15
"""Lists of items are filled up to this by repeating one: OceanBase lets a session prepare 50 statements."""

_PIECES: Final = {
    "ids": ", ".join("?" * MOST_LINES),
    "places": ", ".join(f"s_dist_{district:02d}" for district in range(1, DISTRICTS + 1)),
    "case": f"CASE s_i_id {'WHEN ? THEN ? ' * MOST_LINES}END",
}
STOCK: Final = sql(  # parameters: district, warehouse, ids
    "SELECT s_i_id, s_quantity, ELT(?, {places}), s_data FROM {stock} "
    "WHERE s_w_id = ? AND s_i_id IN ({ids}) ORDER BY s_i_id FOR UPDATE",
    **_PIECES,
)
TAKE: Final = (
    sql(  # parameters: (id, left)…, (id, taken)…, (id, orders)…, (id, remote orders)…, warehouse, ids
        "UPDATE {stock} SET s_quantity = {case}, s_ytd = s_ytd + {case}, "
        "s_order_cnt = s_order_cnt + {case}, s_remote_cnt = s_remote_cnt + {case} "
        "WHERE s_w_id = ? AND s_i_id IN ({ids})",
        **_PIECES,
    )
)


class Taken(NamedTuple):
    """What the stock says of an item: the text for the district, and whether it is original."""

    place: str
    original: bool


async def take(talk: Talk, wish: NewOrder, lines: Sequence[Line]) -> dict[tuple[int, int], Taken]:
    """By (supplying warehouse, item)."""
    taken: dict[tuple[int, int], Taken] = {}
    by_key = sorted(lines, key=lambda line: (line.supply, line.item))
    for supply, group in groupby(by_key, key=lambda line: line.supply):
        orders = _by_item(group)
        found = await talk.rows(STOCK, wish.district, supply, *filled([*orders]))
        if len(found) < len(orders):
            raise LookupError(f"warehouse {supply} lacks stock of {sorted(orders)}")
        taken |= {(supply, item): Taken(place, ORIGINAL in data) for item, _, place, data in found}
        left = {item: remaining(quantity, orders[item]) for item, quantity, _, _ in found}
        await talk.change(TAKE, *_take_values(supply, orders, left, supply != wish.warehouse))
    return taken


def remaining(stock: int, quantities: Sequence[int]) -> int:
    """Of each quantity: taken off, and 91 added where less than ten would be left (clause 2.4.2.2).

    >>> remaining(15, [5]), remaining(14, [5])
    (10, 100)
    """
    for quantity in quantities:
        stock -= quantity
        stock += 91 if stock < 10 else 0
    return stock


def filled(items: list[int]) -> list[int]:
    """As many as the statements have room for."""
    return items + items[-1:] * (MOST_LINES - len(items))


def _by_item(lines: Iterable[Line]) -> dict[int, list[int]]:
    """The quantities ordered of each item: an order may name one twice."""
    orders: dict[int, list[int]] = {}
    for line in lines:
        orders.setdefault(line.item, []).append(line.quantity)
    return orders


def _take_values(
    supply: int, orders: dict[int, list[int]], left: dict[int, int], remote: bool
) -> list[Argument]:
    items = filled([*orders])
    values: list[Argument] = []
    for item in items:
        values += (item, left[item])
    for item in items:
        values += (item, sum(orders[item]))
    for item in items:
        values += (item, len(orders[item]))
    for item in items:
        values += (item, len(orders[item]) if remote else 0)
    return [*values, supply, *items]

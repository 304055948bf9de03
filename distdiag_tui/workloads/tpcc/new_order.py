"""The New-Order transaction (clause 2.4): locks the stock in the order of keys, then the district; inserts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any, Final, NamedTuple

from distdiag_tui.workloads.session import Argument
from distdiag_tui.workloads.tpcc.inputs import Line, NewOrder
from distdiag_tui.workloads.tpcc.scale import DISTRICTS
from distdiag_tui.workloads.tpcc.schema import sql
from distdiag_tui.workloads.tpcc.talk import Talk

MOST_LINES: Final = 15
"""Lists of items are filled up to this by repeating one: OceanBase lets a session prepare 50 statements."""

_PIECES: Final = {
    "ids": ", ".join("?" * MOST_LINES),
    "places": ", ".join(f"s_dist_{district:02d}" for district in range(1, DISTRICTS + 1)),
    "case": f"CASE s_i_id {'WHEN ? THEN ? ' * MOST_LINES}END",
}

CUSTOMER: Final = sql(
    "SELECT c_discount, c_last, c_credit, w_tax FROM {customer}, {warehouse} "
    "WHERE w_id = ? AND c_w_id = w_id AND c_d_id = ? AND c_id = ?"
)
DISTRICT: Final = sql("SELECT d_next_o_id, d_tax FROM {district} WHERE d_w_id = ? AND d_id = ? FOR UPDATE")
NEXT: Final = sql("UPDATE {district} SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = ? AND d_id = ?")
ITEMS: Final = sql(  # parameters: ids
    "SELECT i_id, i_price, i_name, i_data FROM {item} WHERE i_id IN ({ids}) ORDER BY i_id", **_PIECES
)
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
ORDER: Final = sql("INSERT INTO {orders} VALUES (?, ?, ?, ?, NOW(), NULL, ?, ?)")
WAITING: Final = sql("INSERT INTO {new_orders} VALUES (?, ?, ?)")


class Ordered(NamedTuple):
    """What the terminal shows; `order` is 0 if an item does not exist and all was rolled back."""

    order: int
    total: Decimal


async def new_order(talk: Talk, wish: NewOrder) -> Ordered:
    """A batch of statements a table, whatever the number of lines."""
    await talk.begin()
    discount, _, _, w_tax = await talk.row(CUSTOMER, wish.warehouse, wish.district, wish.customer)
    items = await _items(talk, wish.lines)
    lines = [line for line in wish.lines if line.item in items]
    places = await _take(talk, wish, lines)
    order, d_tax = await talk.row(DISTRICT, wish.warehouse, wish.district)
    await talk.change(NEXT, wish.warehouse, wish.district)
    local = all(line.supply == wish.warehouse for line in wish.lines)
    key = (order, wish.district, wish.warehouse)
    await talk.change(ORDER, *key, wish.customer, len(wish.lines), int(local))
    await talk.change(WAITING, *key)
    amounts = [line.quantity * items[line.item] for line in lines]
    await talk.change(lines_sql(len(lines)), *_line_values(key, lines, amounts, places))
    if len(lines) < len(wish.lines):  # only now: the profile wants all other work done (clause 2.4.2.3)
        await talk.roll_back()
        return Ordered(0, Decimal(0))
    await talk.commit()
    return Ordered(order, sum(amounts, Decimal(0)) * (1 - discount) * (1 + w_tax + d_tax))


async def _items(talk: Talk, lines: Sequence[Line]) -> dict[int, Decimal]:
    """The price of each item that exists."""
    wanted = _filled(sorted({line.item for line in lines}))
    return {item: price for item, price, _, _ in await talk.rows(ITEMS, *wanted)}


async def _take(talk: Talk, wish: NewOrder, lines: Sequence[Line]) -> dict[tuple[int, int], str]:
    """Lower the stock, one supplying warehouse after the other; the district's text for each."""
    places: dict[tuple[int, int], str] = {}
    by_key = sorted(lines, key=lambda line: (line.supply, line.item))
    for supply, group in groupby(by_key, key=lambda line: line.supply):
        orders = _by_item(group)
        found = await talk.rows(STOCK, wish.district, supply, *_filled([*orders]))
        if len(found) < len(orders):
            raise LookupError(f"warehouse {supply} lacks stock of {sorted(orders)}")
        places |= {(supply, item): place for item, _, place, _ in found}
        left = {item: _left(quantity, orders[item]) for item, quantity, _, _ in found}
        await talk.change(TAKE, *_take_values(supply, orders, left, supply != wish.warehouse))
    return places


def _by_item(lines: Iterator[Line]) -> dict[int, list[int]]:
    """The quantities ordered of each item: an order may name one twice."""
    orders: dict[int, list[int]] = {}
    for line in lines:
        orders.setdefault(line.item, []).append(line.quantity)
    return orders


def _left(stock: int, quantities: Sequence[int]) -> int:
    """Of each quantity: taken off, and 91 added where less than ten would be left (clause 2.4.2.2).

    >>> _left(15, [5]), _left(14, [5])
    (10, 100)
    """
    for quantity in quantities:
        stock -= quantity
        stock += 91 if stock < 10 else 0
    return stock


def _take_values(
    supply: int, orders: dict[int, list[int]], left: dict[int, int], remote: bool
) -> list[Argument]:
    items = _filled([*orders])
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


def _filled(items: list[int]) -> list[int]:
    return items + items[-1:] * (MOST_LINES - len(items))


def _line_values(
    key: tuple[int, int, int],
    lines: Sequence[Line],
    amounts: Sequence[Decimal],
    places: dict[tuple[int, int], str],
) -> Iterator[Any]:
    for number, (line, amount) in enumerate(zip(lines, amounts, strict=True), 1):
        place = places[line.supply, line.item]
        yield from (*key, number, line.item, line.supply, line.quantity, amount, place)


@cache
def lines_sql(count: int) -> str:
    """Parameters of each line: order, district, warehouse, number, item, supply, quantity, amount, place."""
    each = "(?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)"
    return sql("INSERT INTO {order_line} VALUES {rows}", rows=", ".join([each] * count))

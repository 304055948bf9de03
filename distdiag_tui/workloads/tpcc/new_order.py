"""The New-Order transaction (clause 2.4): locks the stock before the district, which all orders wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple

from distdiag_tui.workloads.session import Argument
from distdiag_tui.workloads.tpcc.inputs import Line, NewOrder
from distdiag_tui.workloads.tpcc.schema import sql
from distdiag_tui.workloads.tpcc.stock import MOST_LINES, ORIGINAL, Taken, filled, take
from distdiag_tui.workloads.tpcc.talk import Talk

CUSTOMER: Final = sql(
    "SELECT c_discount, c_last, c_credit, w_tax FROM {customer}, {warehouse} "
    "WHERE w_id = ? AND c_w_id = w_id AND c_d_id = ? AND c_id = ?"
)
ITEMS: Final = sql(
    "SELECT i_id, i_price, i_name, i_data FROM {item} WHERE i_id IN ({ids})",
    ids=", ".join("?" * MOST_LINES),
)
DISTRICT: Final = sql("SELECT d_next_o_id, d_tax FROM {district} WHERE d_w_id = ? AND d_id = ? FOR UPDATE")
NEXT: Final = sql("UPDATE {district} SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = ? AND d_id = ?")
ORDER: Final = sql("INSERT INTO {orders} VALUES (?, ?, ?, ?, NOW(), NULL, ?, ?)")
WAITING: Final = sql("INSERT INTO {new_orders} VALUES (?, ?, ?)")


class Item(NamedTuple):
    """What the catalogue says of an item."""

    price: Decimal
    original: bool


class Ordered(NamedTuple):
    """What the terminal shows; `order` is 0 if an item does not exist and all was rolled back.

    `brands` has a letter for each line: B if item and stock are both original, else G.
    """

    order: int
    total: Decimal = Decimal(0)
    brands: str = ""


async def new_order(talk: Talk, wish: NewOrder) -> Ordered:
    """A statement or two for each table, whatever the number of lines."""
    await talk.begin()
    discount, _, _, w_tax = await talk.row(CUSTOMER, wish.warehouse, wish.district, wish.customer)
    items = await _look_up(talk, wish.lines)
    lines = [line for line in wish.lines if line.item in items]
    taken = await take(talk, wish, lines)
    order, d_tax = await _enter(talk, wish)
    amounts = [line.quantity * items[line.item].price for line in lines]
    await talk.change(lines_sql(len(lines)), *_line_values(order, wish, lines, amounts, taken))
    if len(lines) < len(wish.lines):  # only now: all other work must be done (clause 2.4.2.3)
        await talk.roll_back()
        return Ordered(0)
    await talk.commit()
    originals = (items[line.item].original and taken[line.supply, line.item].original for line in lines)
    total = sum(amounts) * (1 - discount) * (1 + w_tax + d_tax)
    return Ordered(order, total, "".join("B" if original else "G" for original in originals))


async def _look_up(talk: Talk, lines: Sequence[Line]) -> dict[int, Item]:
    """Those items that exist."""
    wanted = filled(sorted({line.item for line in lines}))
    found = await talk.rows(ITEMS, *wanted)
    return {item: Item(price, ORIGINAL in data) for item, price, _, data in found}


async def _enter(talk: Talk, wish: NewOrder) -> tuple[int, Decimal]:
    """Give the order its number; with the district's tax."""
    order, tax = await talk.row(DISTRICT, wish.warehouse, wish.district)
    await talk.change(NEXT, wish.warehouse, wish.district)
    local = all(line.supply == wish.warehouse for line in wish.lines)
    key = (order, wish.district, wish.warehouse)
    await talk.change(ORDER, *key, wish.customer, len(wish.lines), int(local))
    await talk.change(WAITING, *key)
    return order, tax


def _line_values(
    order: int,
    wish: NewOrder,
    lines: Sequence[Line],
    amounts: Sequence[Decimal],
    taken: Mapping[tuple[int, int], Taken],
) -> Iterator[Argument]:
    for number, (line, amount) in enumerate(zip(lines, amounts, strict=True), 1):
        place = taken[line.supply, line.item].place
        yield from (order, wish.district, wish.warehouse, number)
        yield from (line.item, line.supply, line.quantity, amount, place)


@cache
def lines_sql(count: int) -> str:
    """Parameters of each line: order, district, warehouse, number, item, supply, quantity, amount, place."""
    each = "(?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)"
    return sql("INSERT INTO {order_line} VALUES {rows}", rows=", ".join([each] * count))

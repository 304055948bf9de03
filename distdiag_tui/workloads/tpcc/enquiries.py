"""The transactions that only read: Order-Status (clause 2.6) and Stock-Level (clause 2.8)."""

from __future__ import annotations

from typing import Final, NamedTuple

from distdiag_tui.workloads.tpcc.customers import find
from distdiag_tui.workloads.tpcc.inputs import OrderStatus, StockLevel
from distdiag_tui.workloads.tpcc.schema import sql
from distdiag_tui.workloads.tpcc.talk import Row, Talk

CUSTOMER: Final = sql(
    "SELECT c_balance, c_first, c_middle, c_last FROM {customer} WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?"
)
LAST_ORDER: Final = sql(
    "SELECT o_id, o_entry_d, o_carrier_id FROM {orders} "
    "WHERE o_w_id = ? AND o_d_id = ? AND o_c_id = ? ORDER BY o_id DESC LIMIT 1"
)
LINES: Final = sql(
    "SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d FROM {order_line} "
    "WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?"
)
NEXT: Final = sql("SELECT d_next_o_id FROM {district} WHERE d_w_id = ? AND d_id = ?")
LOW: Final = sql(
    "SELECT COUNT(DISTINCT s_i_id) FROM {order_line}, {stock} "
    "WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id >= ? AND ol_o_id < ? "
    "AND s_w_id = ? AND s_i_id = ol_i_id AND s_quantity < ?"
)


class Status(NamedTuple):
    """A customer, the last order, its lines."""

    customer: Row
    order: Row
    lines: tuple[Row, ...]


async def order_status(talk: Talk, wish: OrderStatus) -> Status:
    """All as of one moment."""
    await talk.begin_snapshot()
    customer = await find(talk, *wish)
    shown = await talk.row(CUSTOMER, wish.warehouse, wish.district, customer)
    order = await talk.row(LAST_ORDER, wish.warehouse, wish.district, customer)
    lines = await talk.rows(LINES, wish.warehouse, wish.district, order[0])
    await talk.commit()
    return Status(shown, order, tuple(lines))


async def stock_level(talk: Talk, wish: StockLevel) -> int:
    """How many items run low."""
    await talk.begin()
    [following] = await talk.row(NEXT, wish.warehouse, wish.district)
    orders = (wish.warehouse, wish.district, following - 20, following)
    [low] = await talk.row(LOW, *orders, wish.warehouse, wish.threshold)
    await talk.commit()
    return int(low)

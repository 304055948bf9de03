"""Consistency conditions 1 to 4 (clause 3.3.2) of every warehouse and district, and fixed numbers of rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from distdiag_tui.workloads.database import Cursor, statements
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.loader import be_patient
from distdiag_tui.workloads.tpcc.scale import DISTRICTS, Scale
from distdiag_tui.workloads.tpcc.schema import NAMES, sql

_NAMED: Final = 3  # places named where a condition fails


@dataclass(frozen=True, slots=True)
class Condition:
    """`query` tells about a warehouse, its parameter: a row a place, of the district (0: all) and values.

    The values of a row must be equal, NULL is equal to anything. `places` is how many rows there must be.
    """

    name: str
    query: str
    places: int = DISTRICTS


CONDITIONS: Final = (
    Condition(
        "condition 1: w_ytd is the sum of d_ytd",
        "SELECT 0, w_ytd, (SELECT SUM(d_ytd) FROM {district} WHERE d_w_id = w_id) "
        "FROM {warehouse} WHERE w_id = {w}",
        1,
    ),
    Condition(
        "condition 2: d_next_o_id follows the last order and new order",
        "SELECT d_id, d_next_o_id - 1, "
        "(SELECT MAX(o_id) FROM {orders} WHERE o_w_id = d_w_id AND o_d_id = d_id), "
        "(SELECT MAX(no_o_id) FROM {new_orders} WHERE no_w_id = d_w_id AND no_d_id = d_id) "
        "FROM {district} WHERE d_w_id = {w} ORDER BY d_id",
    ),
    Condition(
        "condition 3: new orders have no gap",
        "SELECT d_id, (SELECT MAX(no_o_id) - MIN(no_o_id) + 1 "
        "FROM {new_orders} WHERE no_w_id = d_w_id AND no_d_id = d_id), "
        "(SELECT COUNT(*) FROM {new_orders} WHERE no_w_id = d_w_id AND no_d_id = d_id) "
        "FROM {district} WHERE d_w_id = {w} ORDER BY d_id",
    ),
    Condition(
        "condition 4: as many order lines as the orders say",
        "SELECT d_id, (SELECT SUM(o_ol_cnt) FROM {orders} WHERE o_w_id = d_w_id AND o_d_id = d_id), "
        "(SELECT COUNT(*) FROM {order_line} WHERE ol_w_id = d_w_id AND ol_d_id = d_id) "
        "FROM {district} WHERE d_w_id = {w} ORDER BY d_id",
    ),
)


async def verify(
    stores: Sequence[tuple[Node, Scale]], warehouses: int, progress: Progress
) -> AsyncIterator[Check]:
    """Every store, one condition after the other. Each statement sees one moment, so a load may go on."""
    steps = len(stores) * len(CONDITIONS)
    for number, (store, scale) in enumerate(stores):
        async with statements(store) as cursor:
            await be_patient(cursor)
            for table, rows in _fixed(scale, warehouses):
                yield await _count(cursor, store, table, rows)
            for step, condition in enumerate(CONDITIONS, number * len(CONDITIONS)):
                progress(step / steps, condition.name)
                yield await _judge(cursor, store, condition, warehouses)


def _fixed(scale: Scale, warehouses: int) -> list[tuple[str, int]]:
    """The tables whose number of rows no transaction changes."""
    districts = warehouses * DISTRICTS
    return [
        ("item", scale.items),
        ("warehouse", warehouses),
        ("district", districts),
        ("customer", districts * scale.customers),
        ("stock", warehouses * scale.items),
    ]


async def _count(cursor: Cursor, store: Node, table: str, rows: int) -> Check:
    await cursor.execute(sql("SELECT COUNT(*) FROM {table}", table=NAMES[table]))
    [(found,)] = await cursor.fetchall()
    detail = f"{found:,} rows" + ("" if found == rows else f" instead of {rows:,}")
    return Check(f"{store.label} {table}", found == rows, detail)


async def _judge(cursor: Cursor, store: Node, condition: Condition, warehouses: int) -> Check:
    wrong: list[str] = []
    places = 0
    for w in range(1, warehouses + 1):
        await cursor.execute(sql(condition.query, w=w))
        rows = await cursor.fetchall()
        if len(rows) < condition.places:
            wrong.append(f"warehouse {w}: {condition.places - len(rows)} of {condition.places} rows missing")
        wrong += (
            _told(w, row) for row in rows if len({value for value in row[1:] if value is not None}) != 1
        )
        places += len(rows)
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    detail = "; ".join(wrong[:_NAMED]) + more if wrong else f"{places:,} compared"
    return Check(f"{store.label} {condition.name}", not wrong, detail)


def _told(w: int, row: Sequence[object]) -> str:
    place = f"warehouse {w}" + (f" district {row[0]}" if row[0] else "")
    return f"{place}: {' ≠ '.join(str(value) for value in row[1:] if value is not None) or 'nothing'}"

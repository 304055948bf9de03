"""TPC-C data small enough for tests, on live nodes: prepared, looked at, and certain to be gone after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from live_load import nodes_of, sql

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.database import Database
from distdiag_tui.workloads.options import Value, checked, sizes
from distdiag_tui.workloads.protocol import Check
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.kind import TPCC
from distdiag_tui.workloads.tpcc.load import TpccLoad
from distdiag_tui.workloads.tpcc.scale import DISTRICTS, Scale
from distdiag_tui.workloads.tpcc.schema import COLUMNS, NAMES

SMALL = Scale(items=400, customers=40)


def load_on(nodes: Sequence[Node], scale: Scale = SMALL, **options: Value) -> TpccLoad:
    return TpccLoad(nodes, checked(TPCC.options, options), scale)


async def prepare(nodes: Sequence[Node], warehouses: int = 1, scale: Scale = SMALL) -> list[float]:
    """As `workload prepare` does; the fractions that were told."""
    told: list[float] = []
    values = checked(TPCC.options, {"warehouses": warehouses})
    load = load_on(nodes, scale, warehouses=warehouses)
    await Database(TPCC.database, nodes).fill(
        load, sizes(TPCC.options, values), lambda fraction, _="": told.append(fraction)
    )
    return told


async def checks(nodes: Sequence[Node], warehouses: int = 1) -> list[Check]:
    load = load_on(nodes, warehouses=warehouses)
    return [check async for check in load.verify(nodes, lambda *_: None)]


async def wrong(nodes: Sequence[Node], warehouses: int = 1) -> list[str]:
    """What `verify` finds fault with."""
    found = await checks(nodes, warehouses)
    assert len(found) == 9 * len(nodes)
    return [f"{check.name}: {check.detail}" for check in found if not check.passed]


async def drop(target: Target) -> None:
    for endpoint in target.endpoints:
        await sql(target, endpoint, f"DROP DATABASE IF EXISTS {TPCC.database}")


async def row_counts(target: Target, node: int = 0) -> dict[str, int]:
    """Of every table."""
    found: dict[str, int] = {}
    for table, name in NAMES.items():
        [(found[table],)] = await sql(target, target.endpoints[node], f"SELECT COUNT(*) FROM {name}")
    return found


async def all_rows(target: Target, node: int) -> dict[str, list[tuple[Any, ...]]]:
    """Everything but times of day, in order."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for table, columns in COLUMNS.items():
        named = [
            part.split()[0] for part in columns.split(", ") if "NOT NULL" in part and "DATETIME" not in part
        ]
        query = f"SELECT {', '.join(named)} FROM {NAMES[table]}"
        rows[table] = sorted(await sql(target, target.endpoints[node], query))
    return rows


def initial_counts(warehouses: int, scale: Scale = SMALL) -> dict[str, int]:
    """Rows of the freshly loaded tables but order_line, which are random in number."""
    customers = warehouses * DISTRICTS * scale.customers
    return {
        "warehouse": warehouses,
        "district": warehouses * DISTRICTS,
        "customer": customers,
        "history": customers,
        "new_orders": warehouses * DISTRICTS * scale.undelivered,
        "orders": customers,
        "item": scale.items,
        "stock": warehouses * scale.items,
    }


def first_node(target: Target) -> Node:
    return nodes_of(target)[0]

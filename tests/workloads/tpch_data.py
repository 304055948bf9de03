"""What tests of TPC-H share: its data on the lab, and what must be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from conftest import LiveLab, run
from live_load import nodes_of, sql

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.database import Database
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value, checked, sizes
from distdiag_tui.workloads.protocol import Check
from distdiag_tui.workloads.tpch.duck import connect
from distdiag_tui.workloads.tpch.schema import TABLES

KIND = find_kind("tpch")
TINY = 0.001
"""8,700 rows: enough for every table."""

SUMS = {
    "region": "SUM(r_regionkey)",
    "nation": "SUM(n_nationkey * (n_regionkey + 1))",
    "supplier": "SUM(s_suppkey * s_acctbal), SUM(LENGTH(s_comment))",
    "customer": "SUM(c_custkey * c_acctbal), SUM(LENGTH(c_address))",
    "part": "SUM(p_partkey * p_retailprice), SUM(LENGTH(p_name))",
    "partsupp": "SUM(ps_partkey * ps_suppkey * ps_supplycost), SUM(ps_availqty)",
    "orders": "SUM(o_orderkey * o_totalprice), SUM(LENGTH(o_comment)), MAX(o_orderdate)",
    "lineitem": "SUM(l_orderkey * l_linenumber * l_extendedprice), SUM(l_partkey), MIN(l_shipdate)",
}
"""What tells that a table has the right rows, at every server and in DuckDB."""


def contents_sql(table: str) -> str:
    return f"SELECT COUNT(*), {SUMS[table]} FROM {table}"


@cache
def right_contents(scale: float) -> dict[str, tuple[Any, ...]]:
    """Of each table, as DuckDB has it."""
    connection = connect()
    connection.execute(f"CALL dbgen(sf = {scale})")
    connection.execute(
        "CREATE OR REPLACE TABLE partsupp AS "
        "SELECT * FROM (SELECT DISTINCT ON (ps_partkey, ps_suppkey) * FROM partsupp ORDER BY rowid)"
    )
    found = {table: connection.execute(contents_sql(table)).fetchall()[0] for table in SUMS}
    connection.close()
    return found


async def contents(target: Target, node: int) -> dict[str, tuple[Any, ...]]:
    """Of each table on one node."""
    endpoint, use = target.endpoints[node], f"USE {KIND.database}"
    return {table: (await sql(target, endpoint, use, contents_sql(table)))[0] for table in SUMS}


async def on(target: Target, node: int, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements in the database on one node; the rows of the last."""
    return await sql(target, target.endpoints[node], f"USE {KIND.database}", *statements)


class Told:
    """Collects a step's progress."""

    def __init__(self) -> None:
        self.fractions: list[float] = []
        self.words: list[str] = []

    def __call__(self, fraction: float, words: str = "") -> None:
        self.fractions.append(fraction)
        self.words.append(words)


async def prepare(
    target: Target, scale: float = TINY, told: Told | None = None, **options: Value
) -> dict[str, Value]:
    """Bring the data to a scale; all values."""
    nodes, values = nodes_of(target), checked(KIND.options, {"scale": scale, **options})
    workload = KIND.create(nodes, values)
    await Database(KIND.database, nodes).fill(workload, sizes(KIND.options, values), told or Told())
    return values


async def verify(target: Target, values: Mapping[str, Value], told: Told | None = None) -> list[Check]:
    nodes = nodes_of(target)
    stores = await Database(KIND.database, nodes).stores()
    return [check async for check in KIND.create(nodes, values).verify(stores, told or Told())]


async def drop(lab: LiveLab) -> None:
    for endpoint in lab.target.endpoints:
        await sql(lab.target, endpoint, f"DROP DATABASE IF EXISTS {KIND.database}")


@contextmanager
def swept(lab: LiveLab) -> Iterator[Target]:
    """The lab without TPC-H's database, before some tests and after them."""
    run(drop(lab))
    yield lab.target
    run(drop(lab))


assert set(SUMS) == {table.name for table in TABLES}

"""The same load on MariaDB, unchanged; and its statements as MySQL 8 would read them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from importlib import import_module

import pytest
from conftest import run
from live_load import Feed, nodes_of, running, sql, until
from mariadb import MariaDb, mariadb
from wholesale import initial_counts, prepare, row_counts, wrong

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.session import Session
from distdiag_tui.workloads.tpcc.new_order import lines_sql
from distdiag_tui.workloads.tpcc.scale import Scale
from distdiag_tui.workloads.tpcc.schema import CREATE, NAMES
from distdiag_tui.workloads.tpcc.verify import CONDITIONS

SCALE = Scale(items=2000, customers=40)
SENDERS = ("new_order", "stock", "payment", "customers", "enquiries", "delivery")


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    """With two small warehouses."""
    with mariadb() as server:
        run(prepare(nodes_of(server.target), 2, SCALE))
        yield server


@pytest.fixture
def maria(server: MariaDb) -> Target:
    """The server as a cluster of one."""
    return server.target


async def test_load_and_prepare_again(maria: Target) -> None:
    await prepare(nodes_of(maria), 2, SCALE)
    counts, initial = await row_counts(maria), initial_counts(2, SCALE)
    assert {table: counts[table] for table in initial} == initial
    assert await wrong(nodes_of(maria), 2) == []


async def test_a_run_is_clean_and_consistent(maria: Target) -> None:
    options = {"warehouses": 2, "threads": 6, "interval": 0.2}
    async with running(maria, options, ("run",), "tpcc") as (_, feed):
        await feed.over(8)
    total = (await feed.end())[-1]
    assert total.errors == {}
    assert len(total.parts) == 5
    assert total.figures["tpmC"] > 0
    assert await wrong(nodes_of(maria), 2) == []


async def test_a_lock_wait_ends_before_the_connection_is_cut(maria: Target) -> None:
    """MariaDB would wait for 50 s; the load tells it not to."""
    holder = Session(nodes_of(maria)[0], 5.0)
    await holder.connect()
    await holder.begin()
    await holder.execute("UPDATE distdiag_tpcc.warehouse SET w_name = 'held'", ())
    options = {"warehouses": 2, "threads": 2, "interval": 0.2, "statement_timeout": 1.0}
    async with running(maria, options, ("run",), "tpcc") as (_, feed):
        await until(lambda: retries(feed) >= 2, 15)
        holder.close()
        await until(lambda: "payment" in feed.seen[-1].parts, 10)
    total = (await feed.end())[-1]
    assert total.errors == {}
    assert total.reconnects == 0
    assert await wrong(nodes_of(maria), 2) == []


def retries(feed: Feed) -> float:
    return sum(report.figures.get("retries", 0) for report in feed.seen)


async def test_a_server_that_is_killed_and_comes_back(server: MariaDb) -> None:
    options = {"warehouses": 2, "threads": 4, "interval": 0.2}
    async with running(server.target, options, ("run",), "tpcc") as (load, feed):
        await feed.over(3)
        await asyncio.to_thread(server.kill)
        await until(lambda: sum(sum(r.errors.values()) for r in feed.seen) >= 8, 10)
        assert all(report.tps == 0 for report in await feed.over(2))
        await asyncio.to_thread(server.start)
        await until(lambda: sum(r.reconnects for r in feed.seen) >= 4, 15)
        assert sum(report.tps for report in await feed.over(3)) > 0
        assert load.record.active
    total = (await feed.end())[-1]
    assert total.reconnects == 4
    assert await wrong(nodes_of(server.target), 2) == []


async def test_stock_is_found_by_its_key(maria: Target) -> None:
    """No statement of the mix reads a whole table: then one warehouse more would slow all others down."""
    endpoint = maria.endpoints[0]
    await sql(
        maria, endpoint, f"ANALYZE TABLE {', '.join(NAMES.values())}"
    )  # it was killed before it had counted
    reads = "SHOW GLOBAL STATUS LIKE 'Handler_read_rnd_next'"
    options = {"warehouses": 2, "threads": 2, "interval": 0.2}
    [(_, before)] = await sql(maria, endpoint, reads)
    async with running(maria, options, ("run",), "tpcc") as (_, feed):
        await until(lambda: sum(p.count for r in feed.seen for p in r.parts.values()) > 100, 15)
    [(_, after)] = await sql(maria, endpoint, reads)
    total = (await feed.end())[-1]
    transactions = sum(part.count for part in total.parts.values())
    assert (int(after) - int(before)) / transactions < 100  # stock and item have thousands of rows


def test_statements_are_what_mysql_8_reads() -> None:
    sqlglot = pytest.importorskip("sqlglot", reason="sqlglot is not here: pip install sqlglot")
    statements = {*CREATE, lines_sql(3), *(c.query.format(**NAMES, w=1) for c in CONDITIONS)}
    for name in SENDERS:
        module = import_module(f"distdiag_tui.workloads.tpcc.{name}")
        statements |= {
            value for value in vars(module).values() if isinstance(value, str) and "distdiag_tpcc." in value
        }
    assert len(statements) > 40
    for statement in statements:
        [tree] = sqlglot.parse(statement, read="mysql")
        assert not tree.find(sqlglot.exp.Command), statement  # what it did not understand
        assert len(re.findall(r"\?", statement)) == len(list(tree.find_all(sqlglot.exp.Placeholder)))

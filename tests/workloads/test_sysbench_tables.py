"""sysbench's tables: made by its own prepare, kept where complete, made again where not, checked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from conftest import LiveLab
from live_load import alive, load_of, nodes_of, sql, until
from sysbench_live import DATABASE, SIZE, SMALL, TABLES, all_gone, children, drop, needs_sysbench, rows

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.target import Secret, Target
from distdiag_tui.workloads.database import Database, Prepared
from distdiag_tui.workloads.options import Value, checked, sizes
from distdiag_tui.workloads.protocol import Check
from distdiag_tui.workloads.sysbench.config import SysbenchConfig
from distdiag_tui.workloads.sysbench.kind import SYSBENCH
from distdiag_tui.workloads.sysbench.ready import make_ready

pytestmark = needs_sysbench

WHOLE = [(SIZE, SIZE)]


@pytest.fixture
async def bare(lab: LiveLab) -> AsyncIterator[Target]:
    """The lab without sysbench's database, before and after."""
    await drop(lab.target)
    yield lab.target
    await drop(lab.target)
    await all_gone()


def database(target: Target) -> Database:
    return Database(SYSBENCH.database, nodes_of(target))


async def fill(target: Target, told: list[float] | None = None, **options: Value) -> None:
    values = checked(SYSBENCH.options, SMALL | options)

    def progress(fraction: float, _: str = "") -> None:
        if told is not None:
            told.append(fraction)

    workload = SYSBENCH.create(nodes_of(target), values)
    await database(target).fill(workload, sizes(SYSBENCH.options, values), progress)


async def verify(target: Target, **options: Value) -> list[Check]:
    nodes = nodes_of(target)
    workload = SYSBENCH.create(nodes, checked(SYSBENCH.options, SMALL | options))
    return [check async for check in workload.verify(await database(target).stores(), lambda *_: None)]


async def mark(target: Target, *numbers: int) -> None:
    """Change a row, to see later whether the table was made again."""
    for endpoint in target.endpoints:
        await sql(
            target, endpoint, *(f"UPDATE {DATABASE}.sbtest{n} SET c = 'kept' WHERE id = 1" for n in numbers)
        )


async def kept(target: Target, numbers: Sequence[int]) -> list[int]:
    """Which of the tables on the first node have the mark."""
    found = []
    for number in numbers:
        query = f"SELECT c FROM {DATABASE}.sbtest{number} WHERE id = 1"
        if await sql(target, target.endpoints[0], query) == [("kept",)]:
            found.append(number)
    return found


async def test_prepare_fills_every_node_exactly_and_again_changes_nothing(bare: Target) -> None:
    told: list[float] = []
    await fill(bare, told)
    assert await rows(bare, 1, 2) == WHOLE * TABLES * len(bare.endpoints)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert await database(bare).prepared() == Prepared({"tables": TABLES, "table_size": SIZE}, ready=True)
    await mark(bare, 1, 2)
    await fill(bare)
    assert await kept(bare, [1, 2]) == [1, 2]
    checks = await verify(bare)
    assert len(checks) == TABLES * len(bare.endpoints)
    assert all(check.passed for check in checks), checks


async def test_only_what_differs_is_made_again(bare: Target) -> None:
    one = replace(bare, endpoints=bare.endpoints[:1])
    endpoint = bare.endpoints[0]
    await fill(one, tables=4)
    await mark(one, 1, 2, 3, 4)
    await sql(
        one,
        endpoint,
        f"DELETE FROM {DATABASE}.sbtest1 WHERE id = 7",
        f"DROP INDEX k_2 ON {DATABASE}.sbtest2",  # as if it had died before its last step
        f"DROP TABLE {DATABASE}.sbtest3",
    )
    await fill(one, tables=5)
    assert await kept(one, [1, 2, 3, 4, 5]) == [4]
    assert await rows(one, 1, 2, 3, 4, 5) == WHOLE * 5
    await fill(one, tables=1)
    tables = {name for (name,) in await sql(one, endpoint, f"SHOW TABLES FROM {DATABASE}")}
    assert tables == {"sbtest1", "distdiag_owner", "distdiag_notes"}
    await fill(one, tables=1, table_size=100)
    assert await rows(one, 1) == [(100, 100)]


async def test_a_cancelled_prepare_ends_sysbench_and_can_be_taken_up_again(bare: Target) -> None:
    large = {"tables": 4, "table_size": 200_000}
    one = replace(bare, endpoints=bare.endpoints[:1])
    load = load_of(one, SMALL | large, ("prepare",), "sysbench")
    await load.start()
    await until(lambda: load.record.fraction > 0, 20)
    found = children(load.pid)
    assert found
    await load.stop()
    assert load.record.phase == "stopped"
    assert not any(map(alive, found))
    assert await database(one).prepared() == Prepared(large, ready=False)
    await fill(one)
    assert await rows(one, 1, 2) == WHOLE * TABLES
    assert await database(one).prepared() == Prepared({"tables": TABLES, "table_size": SIZE}, ready=True)


async def test_a_task_that_is_cancelled_leaves_no_sysbench(bare: Target) -> None:
    one = replace(bare, endpoints=bare.endpoints[:1])
    filling = asyncio.create_task(fill(one, tables=4, table_size=200_000))
    await until(lambda: children(os.getpid(), "sysbench") != [], 10)
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    await all_gone()


async def test_nodes_of_one_store_fill_it_once(bare: Target) -> None:
    told: list[float] = []
    thrice = replace(bare, endpoints=bare.endpoints[:1] * 3)
    await fill(thrice, told)
    assert told[-1] == 1.0
    assert (await rows(thrice, 1))[0] == (SIZE, SIZE)


async def test_what_prepare_cannot_do_is_one_clear_line(bare: Target) -> None:
    """Here it may not make the index. sysbench's exit code is 0 even then."""
    await fill(bare)
    endpoint = bare.endpoints[0]
    await sql(
        bare,
        endpoint,
        f"DELETE FROM {DATABASE}.sbtest1",
        "DROP USER IF EXISTS distdiag_reader",
        "CREATE USER distdiag_reader IDENTIFIED BY 'r'",
        f"GRANT SELECT, INSERT, DELETE, DROP, CREATE ON {DATABASE}.* TO distdiag_reader",
    )
    reader = Target("reader", (endpoint,), "distdiag_reader", Secret("r"))
    try:
        with pytest.raises(WorkloadError) as raised:
            await fill(reader)
    finally:
        await sql(bare, endpoint, "DROP USER distdiag_reader")
    assert endpoint.address in str(raised.value)
    assert "denied" in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_verify_tells_what_is_wrong_and_what_a_script_has_changed(bare: Target) -> None:
    one = replace(bare, endpoints=bare.endpoints[:1])
    endpoint, node = one.endpoints[0], nodes_of(one)[0]
    await fill(one)
    await sql(one, endpoint, f"DELETE FROM {DATABASE}.sbtest2 WHERE id = 7")
    first, second = await verify(one)
    assert (first.passed, second.passed) == (True, False)
    assert second.detail == f"{SIZE - 1} rows, ids 1 to {SIZE}"

    await make_ready(node, config(script="oltp_delete"), (), set())
    first, second = await verify(one)
    assert (first.passed, second.passed) == (True, True)
    assert (
        second.detail
        == f"{SIZE - 1} rows, ids 1 to {SIZE}: oltp_delete has changed the {SIZE} that were made"
    )

    await sql(one, endpoint, f"DROP TABLE {DATABASE}.sbtest1", f"DROP INDEX k_2 ON {DATABASE}.sbtest2")
    first, second = await verify(one)
    assert (first.passed, first.detail) == (False, "there is no such table")
    assert (second.passed, second.detail) == (
        False,
        f"{SIZE - 1} rows, ids 1 to {SIZE}, its index is missing",
    )

    await fill(one)  # makes the rows anew, and with them the note is gone
    await sql(one, endpoint, f"DELETE FROM {DATABASE}.sbtest2 WHERE id = 7")
    assert [check.passed for check in await verify(one)] == [True, False]


def config(**options: Value) -> SysbenchConfig:
    return SysbenchConfig.of(checked(SYSBENCH.options, SMALL | options))

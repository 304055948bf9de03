"""The loader: exact, resumed without duplicates, grown, shrunk, atomic in its batches, quick to cancel."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from conftest import LiveLab
from live_load import alive, load_of, nodes_of, sql
from wholesale import SMALL, all_rows, drop, first_node, initial_counts, load_on, prepare, row_counts, wrong

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.database import Database
from distdiag_tui.workloads.tpcc import parts
from distdiag_tui.workloads.tpcc.kind import TPCC
from distdiag_tui.workloads.tpcc.loader import Loader
from distdiag_tui.workloads.tpcc.scale import Scale


@pytest.fixture
async def bare(lab: LiveLab) -> AsyncIterator[Target]:
    """Two nodes of the lab without the load's database, before and after."""
    target = replace(lab.target, endpoints=lab.target.endpoints[:2])
    await drop(target)
    yield target
    await drop(target)


async def fill(target: Target, node: int, warehouses: int, stop_at: float = 1.1) -> int:
    """Load one node, and cancel it once that fraction is there; the rows that were inserted."""
    store = nodes_of(target)[node]
    cancel_soon = asyncio.get_running_loop().call_soon

    def progress(fraction: float, _: str = "") -> None:
        if fraction >= stop_at:
            cancel_soon(task.cancel)

    await Database(TPCC.database, [store]).claim()
    loader = Loader([store], warehouses, SMALL, progress)
    task = asyncio.create_task(loader.run())
    await asyncio.wait({task})
    assert task.cancelled() == (stop_at <= 1)
    if not task.cancelled():
        task.result()
    return loader.rows


async def test_a_load_in_three_sittings_is_row_for_row_as_one_in_one(
    bare: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rows in (("ITEMS", 30), ("STOCK", 25), ("CUSTOMERS", 12), ("ORDERS", 9)):
        monkeypatch.setattr(parts, name, rows)
    whole = await fill(bare, 0, 2)
    first = await fill(bare, 1, 2, stop_at=0.25)
    partly = await row_counts(bare, 1)
    second = await fill(bare, 1, 2, stop_at=0.7)
    third = await fill(bare, 1, 2)
    assert 0 < partly["orders"] < initial_counts(2)["orders"]
    assert first > 0
    assert second > 0
    assert third > 0
    assert first + second + third <= 1.01 * whole  # only a batch cut off on its way is sent again
    assert await all_rows(bare, 1) == await all_rows(bare, 0)
    counts = await row_counts(bare, 1)
    lines = counts.pop("order_line")
    assert counts == initial_counts(2)
    assert lines == pytest.approx(counts["orders"] * 10, rel=0.1)


async def test_prepare_again_changes_nothing_and_more_warehouses_are_added(bare: Target) -> None:
    nodes = nodes_of(bare)[:2]
    told = await prepare(nodes)
    assert told == sorted(told)
    assert told[-1] == 1.0
    endpoint = bare.endpoints[1]
    mark = "UPDATE distdiag_tpcc.warehouse SET w_name = 'kept' WHERE w_id = 1"
    await sql(bare, endpoint, mark)
    before = await row_counts(bare, 1)
    await prepare(nodes)
    assert await row_counts(bare, 1) == before
    await prepare(nodes, 3)
    counts = await row_counts(bare, 1)
    assert {table: counts[table] for table in initial_counts(3)} == initial_counts(3)
    names = await sql(bare, endpoint, "SELECT w_name FROM distdiag_tpcc.warehouse ORDER BY w_id")
    assert len(names) == 3
    assert names[0] == ("kept",)
    assert await wrong(nodes, 3) == []


async def test_too_many_warehouses_are_loaded_anew(bare: Target) -> None:
    await fill(bare, 0, 1)
    await sql(bare, bare.endpoints[0], "UPDATE distdiag_tpcc.warehouse SET w_name = 'gone' WHERE w_id = 1")
    await fill(bare, 0, 2, stop_at=0.7)
    assert (await row_counts(bare))["stock"] > SMALL.items  # the second is there in half
    await fill(bare, 0, 1)
    counts = await row_counts(bare)
    assert {table: counts[table] for table in initial_counts(1)} == initial_counts(1)
    [(name,)] = await sql(bare, bare.endpoints[0], "SELECT w_name FROM distdiag_tpcc.warehouse")
    assert name != "gone"


async def test_another_scale_is_loaded_anew(bare: Target) -> None:
    node, other = first_node(bare), Scale(items=300, customers=30)
    await prepare([node])
    await prepare([node], 1, other)
    counts = await row_counts(bare)
    assert {table: counts[table] for table in initial_counts(1, other)} == initial_counts(1, other)
    assert await wrong([node]) == []


async def test_a_part_with_a_hole_is_loaded_again(bare: Target) -> None:
    node = first_node(bare)
    await prepare([node])
    endpoint = bare.endpoints[0]
    await sql(
        bare,
        endpoint,
        "DELETE FROM distdiag_tpcc.stock WHERE s_i_id = 30",
        "DELETE FROM distdiag_tpcc.customer WHERE c_d_id = 2 AND c_id = 7",
        "DELETE FROM distdiag_tpcc.orders WHERE o_d_id = 3 AND o_id = 1",
    )
    assert len(await wrong([node])) == 3  # stock, customer, condition 4
    await prepare([node])
    counts = await row_counts(bare)
    assert {table: counts[table] for table in initial_counts(1)} == initial_counts(1)
    assert await wrong([node]) == []


async def test_nodes_of_one_cluster_are_loaded_once(bare: Target) -> None:
    node = first_node(bare)
    told = await prepare([node, node, node])
    assert told[-1] == 1.0
    counts = await row_counts(bare)
    assert counts["stock"] == SMALL.items


async def settled(target: Target) -> None:
    """Wait until the server has done with what the dead had sent."""
    sent = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO distdiag%'"
    for _ in range(200):
        if await sql(target, target.endpoints[0], sent) == [(0,)]:
            return
        await asyncio.sleep(0.05)


async def test_a_killed_load_leaves_whole_batches(lab: LiveLab, bare: Target) -> None:
    """The real worker, at the specification's scale, killed in the middle."""
    target = replace(bare, endpoints=bare.endpoints[:1])
    load = load_of(target, {}, ("prepare",), "tpcc")
    await load.start()
    assert load.pid
    while load.record.active and load.record.fraction < 0.1:
        await load.news()
    os.kill(load.pid, signal.SIGKILL)
    await load.ended()
    assert load.record.phase == "failed"
    assert "a second" in load.record.words
    assert not alive(load.pid)
    endpoint = target.endpoints[0]
    await settled(target)
    counts = await row_counts(target)
    assert 0 < counts["stock"] + counts["item"] < 200_000
    assert counts["customer"] == counts["history"]
    [(lines,)] = await sql(target, endpoint, "SELECT COALESCE(SUM(o_ol_cnt), 0) FROM distdiag_tpcc.orders")
    assert lines == counts["order_line"]
    for table, step in (("stock", parts.STOCK), ("customer", parts.CUSTOMERS), ("orders", parts.ORDERS)):
        assert counts[table] % step == 0, table
    assert not (await Database(TPCC.database, nodes_of(target)).prepared()).ready  # type: ignore[union-attr]


async def test_a_full_scale_load_stops_at_once(bare: Target) -> None:
    target = replace(bare, endpoints=bare.endpoints[:1])
    load = load_of(target, {}, ("prepare",), "tpcc")
    await load.start()
    while load.record.active and load.record.fraction < 0.02:
        await load.news()
    clock = asyncio.get_running_loop().time
    start = clock()
    await load.stop()
    assert load.record.phase == "stopped"
    assert clock() - start < 2
    assert not alive(load.pid)


async def test_there_is_nothing_to_verify_or_run_before(bare: Target) -> None:
    nodes = nodes_of(bare)[:1]
    await Database(TPCC.database, nodes).claim()
    load = load_on(nodes)
    with pytest.raises(Exception, match="there is no TPC-C data"):
        await anext(load.verify(nodes, lambda *_: None))
    with pytest.raises(Exception, match="there is no TPC-C data"):
        await anext(load.run())

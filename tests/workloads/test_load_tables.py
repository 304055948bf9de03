"""Tables of the load: exact, kept, resumed, and dropped only where they are ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from conftest import LiveLab
from live_load import ROWS, SMALL, TABLES, counts, nodes_of, sql

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.database import Database, Prepared, statements
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import checked, sizes
from distdiag_tui.workloads.session import Node

ALL = [(ROWS, ROWS)]
KIND = find_kind("oltp")
VALUES = checked(KIND.options, SMALL)


def database(nodes: Sequence[Node]) -> Database:
    return Database(KIND.database, nodes)


async def prepare(nodes: Sequence[Node], told: list[float] | None = None) -> None:
    def progress(fraction: float, _: str = "") -> None:
        if told is not None:
            told.append(fraction)

    await database(nodes).fill(KIND.create(nodes, VALUES), sizes(KIND.options, VALUES), progress)


@pytest.fixture
async def bare(lab: LiveLab) -> AsyncIterator[Target]:
    """The lab without the load's database, before and after."""
    for endpoint in lab.target.endpoints:
        await sql(lab.target, endpoint, "DROP DATABASE IF EXISTS distdiag_load")
    yield lab.target
    for endpoint in lab.target.endpoints:
        await sql(lab.target, endpoint, "DROP DATABASE IF EXISTS distdiag_load")


async def test_prepare_fills_every_node_exactly_and_again_changes_nothing(bare: Target) -> None:
    told: list[float] = []
    await prepare(nodes_of(bare), told)
    assert await counts(bare) == ALL * TABLES * len(bare.endpoints)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert await database(nodes_of(bare)).prepared() == Prepared({"tables": TABLES, "rows": ROWS}, ready=True)

    endpoint = bare.endpoints[0]
    await sql(bare, endpoint, "UPDATE distdiag_load.oltp1 SET c = 'kept' WHERE id = 1")
    told.clear()
    await prepare(nodes_of(bare), told)
    assert len(told) == TABLES * len(bare.endpoints)  # one word a table: nothing was loaded
    assert await sql(bare, endpoint, "SELECT c FROM distdiag_load.oltp1 WHERE id = 1") == [("kept",)]


async def test_prepare_resumes_where_it_was_cut_off_and_replaces_what_has_holes(bare: Target) -> None:
    await prepare(nodes_of(bare))
    endpoint = bare.endpoints[1]
    await sql(
        bare,
        endpoint,
        "DELETE FROM distdiag_load.oltp1 WHERE id > 300",
        "UPDATE distdiag_load.oltp1 SET c = 'kept' WHERE id = 1",
        "UPDATE distdiag_load.oltp2 SET c = 'gone' WHERE id = 1",
        "DELETE FROM distdiag_load.oltp2 WHERE id = 500",
    )
    await prepare(nodes_of(bare))
    assert await counts(bare) == ALL * TABLES * len(bare.endpoints)
    assert await sql(bare, endpoint, "SELECT c FROM distdiag_load.oltp1 WHERE id = 1") == [("kept",)]
    assert await sql(bare, endpoint, "SELECT c FROM distdiag_load.oltp2 WHERE id = 1") != [("gone",)]


async def test_nodes_of_one_cluster_are_filled_once(bare: Target) -> None:
    told: list[float] = []
    node = nodes_of(bare)[0]
    await prepare([node, node, node], told)
    assert told[-1] == 1.0
    assert await sql(bare, bare.endpoints[0], "SELECT COUNT(*) FROM distdiag_load.oltp1") == [(ROWS,)]


async def test_cleanup_drops_what_is_ours(bare: Target) -> None:
    await prepare(nodes_of(bare)[:1])
    assert await database(nodes_of(bare)).drop()
    for endpoint in bare.endpoints:
        assert await sql(bare, endpoint, "SHOW DATABASES LIKE 'distdiag_load'") == []


async def test_somebody_elses_database_is_neither_used_nor_dropped(bare: Target) -> None:
    await prepare(nodes_of(bare)[:1])
    theirs = bare.endpoints[2]
    await sql(bare, theirs, "CREATE DATABASE distdiag_load", "CREATE TABLE distdiag_load.payroll (id INT)")
    for refused in (database(nodes_of(bare)).drop(), prepare(nodes_of(bare))):
        with pytest.raises(WorkloadError, match="was not created by distdiag"):
            await refused
    assert len(await sql(bare, theirs, "SHOW TABLES FROM distdiag_load")) == 1
    assert await sql(bare, bare.endpoints[0], "SHOW DATABASES LIKE 'distdiag_load'") != []


async def test_statements_of_a_prepare_may_take_longer_than_ten_seconds(lab: LiveLab) -> None:
    async with statements(nodes_of(lab.target)[0]) as cursor:
        await cursor.execute("SELECT @@ob_query_timeout")
        assert await cursor.fetchall() == ((120_000_000,),)


async def test_what_was_never_finished_is_not_ready(bare: Target) -> None:
    nodes = nodes_of(bare)
    assert await database(nodes).prepared() is None
    await prepare(nodes[:1])
    assert await database(nodes).prepared() is None  # the other nodes have nothing
    await prepare(nodes)
    await database(nodes).note(nodes[1], ready="no")
    assert await database(nodes).prepared() == Prepared({"tables": TABLES, "rows": ROWS}, ready=False)


async def test_an_empty_database_of_that_name_is_left_alone_too(bare: Target) -> None:
    await sql(bare, bare.endpoints[0], "CREATE DATABASE distdiag_load")
    for refused in (database(nodes_of(bare)).drop(), prepare(nodes_of(bare))):
        with pytest.raises(WorkloadError, match="left alone; if a prepare was cut off"):
            await refused
    assert await sql(bare, bare.endpoints[0], "SHOW DATABASES LIKE 'distdiag_load'") != []


async def test_a_claim_that_died_before_the_mark_is_completed(bare: Target) -> None:
    await prepare(nodes_of(bare))
    endpoint = bare.endpoints[1]
    await sql(bare, endpoint, "DELETE FROM distdiag_load.distdiag_owner")
    assert await database(nodes_of(bare)).prepared() is None
    with pytest.raises(WorkloadError, match="prepare the workload first"):
        await database(nodes_of(bare)).stores()
    await prepare(nodes_of(bare))
    prepared = await database(nodes_of(bare)).prepared()
    assert prepared is not None
    assert prepared.ready


async def test_a_cancelled_claim_still_sets_its_mark(bare: Target) -> None:
    nodes = nodes_of(bare)[:1]
    claim = asyncio.create_task(database(nodes).claim())
    while await sql(bare, bare.endpoints[0], "SHOW DATABASES LIKE 'distdiag_load'") == []:
        pass
    claim.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claim
    assert len(await database(nodes).stores()) == 1


async def test_two_who_create_it_at_one_moment_agree(bare: Target) -> None:
    """As two nodes of one cluster do, when the second does not know yet what the first has created."""
    nodes = nodes_of(bare)[:1]
    stores = await asyncio.gather(*(database(nodes).claim() for _ in range(3)))
    assert stores == [nodes] * 3
    assert len(await sql(bare, bare.endpoints[0], "SELECT mark FROM distdiag_load.distdiag_owner")) == 1


@pytest.mark.parametrize("sizes_noted", ["", "{", "[1]", "null"])
async def test_notes_that_make_no_sense_are_no_preparation(bare: Target, sizes_noted: str) -> None:
    nodes = nodes_of(bare)[:1]
    await database(nodes).claim()
    await database(nodes).note(nodes[0], sizes=sizes_noted, ready="yes")
    assert await database(nodes).prepared() is None


async def test_notes_keep_any_text(bare: Target) -> None:
    nodes = nodes_of(bare)[:1]
    await database(nodes).claim()
    odd = {"quote": "it's", "back": "\\'", "percent": "%s", "unicode": "é…"}
    await database(nodes).note(nodes[0], **odd)
    assert await database(nodes).notes(nodes[0]) == odd

"""Faults on hot tables: locks and indexes, on the tables of a load or on one of their own."""

from __future__ import annotations

import asyncio

import asyncmy
import pytest
from asyncmy.errors import MySQLError
from conftest import LiveLab, run
from live_load import drop_load, load_of, one_node
from sqlfault import Case, becomes
from watching import figure_of, watching

from distdiag_tui.anomalies.sql.hot import Table, ours
from distdiag_tui.anomalies.sql.indexes import ExtraIndexes
from distdiag_tui.workloads.database import Cursor
from distdiag_tui.workloads.options import Value

LOCKS: dict[str, Value] = {"tables": 8, "percent": 100, "hold_s": 0.8}
INDEXES: dict[str, Value] = {"tables": 1, "indexes": 4}
INDEX_NAMES = (
    "SELECT DISTINCT table_schema, index_name FROM information_schema.statistics WHERE index_name LIKE"
)


@pytest.fixture(scope="module")
def loaded(lab: LiveLab) -> LiveLab:
    """The first node has two small tables of the built-in load."""
    target = one_node(lab.target)
    run(drop_load(target))
    run(_prepare(lab))
    return lab


async def _prepare(lab: LiveLab) -> None:
    load = load_of(one_node(lab.target), {"tables": 2, "rows": 1000}, ("prepare",))
    await load.start()
    await load.ended()
    assert load.record.phase == "done", load.record


async def _update_waits(case: Case, table: str, seconds: float = 0.3) -> bool:
    """Whether rows of a table cannot be changed within that."""
    try:
        await case.sql(
            f"SET ob_query_timeout = {seconds * 1e6:.0f}", f"UPDATE {table} SET k = k + 1 WHERE id = 7"
        )
    except MySQLError as error:
        if error.args[0] not in {1205, 4012}:
            raise
        return True
    return False


async def test_others_wait_for_rows_that_are_held_and_get_them_in_between(loaded: LiveLab) -> None:
    case = Case.of(loaded, "lock_contention", LOCKS)
    async with case.made() as notes:
        assert "database" not in notes
        for _ in range(2):
            await becomes(lambda: _update_waits(case, "distdiag_load.oltp1"), lambda waits: waits)
            await becomes(lambda: _update_waits(case, "distdiag_load.oltp1"), lambda waits: not waits)
    assert not await _update_waits(case, "distdiag_load.oltp1")


async def test_who_waits_for_a_row_is_counted_while_it_waits(loaded: LiveLab) -> None:
    """No statistic tells of a lock wait before it is over."""
    case = Case.of(loaded, "lock_contention", LOCKS | {"hold_s": 60.0})
    async with watching(one_node(loaded.target)) as watch:
        await watch.until(lambda s: figure_of(s, "n1", "lock_waiters") == 0)
        async with case.made():
            waits = [asyncio.create_task(_update_waits(case, "distdiag_load.oltp1", 3.0)) for _ in range(2)]
            await watch.until(lambda s: figure_of(s, "n1", "lock_waiters") == 2)
            assert await asyncio.gather(*waits) == [True, True]
        await watch.until(lambda s: figure_of(s, "n1", "lock_waiters") == 0)


async def test_rows_that_others_hold_already_are_passed_over(loaded: LiveLab) -> None:
    """A busy table always has some; to wait for them would be to hold what their holders wait for."""
    case = Case.of(loaded, "lock_contention", LOCKS | {"hold_s": 60.0})
    place = case.site
    other = await asyncmy.connect(
        host=place.endpoint.host, port=place.endpoint.port, user=place.user, password=place.password.reveal()
    )
    async with other, other.cursor() as cursor:
        await cursor.execute("BEGIN")
        await cursor.execute("UPDATE distdiag_load.oltp1 SET k = k + 1 WHERE id = 8")
        async with case.made():
            assert await _update_waits(case, "distdiag_load.oltp1")
        await other.rollback()


async def test_locks_of_a_killed_process_are_released(loaded: LiveLab) -> None:
    case = Case.of(loaded, "lock_contention", LOCKS | {"hold_s": 60.0})
    notes = await case.killed()
    await case.undone(notes)
    assert await case.sessions() == 0
    assert not await _update_waits(case, "distdiag_load.oltp1")


async def test_locks_of_a_process_that_hangs_are_released(loaded: LiveLab) -> None:
    case = Case.of(loaded, "lock_contention", LOCKS | {"hold_s": 60.0})

    async def undo(notes: dict[str, str]) -> None:
        assert await _update_waits(case, "distdiag_load.oltp1")
        await case.undone(notes, seconds=10)
        assert not await _update_waits(case, "distdiag_load.oltp1")

    await case.killed(while_hung=undo)


async def test_hot_tables_get_indexes_and_lose_them(loaded: LiveLab) -> None:
    case = Case.of(loaded, "too_many_indexes", INDEXES)
    names = f"{INDEX_NAMES} '%{case.site.injection[-4:]}\\_%'"
    before = await case.sql("SHOW INDEX FROM distdiag_load.oltp1")
    async with case.made() as notes:
        found = await case.sql(names)
        assert len(found) == INDEXES["indexes"]
        assert {schema for schema, _ in found} == {"distdiag_load"}
        assert "4 indexes" in await case.fault().remains(notes)
        await case.sql("UPDATE distdiag_load.oltp1 SET k = k + 1 WHERE id = 3")
    assert await case.sql(names) == []
    assert await case.sql("SHOW INDEX FROM distdiag_load.oltp1") == before


async def test_indexes_are_dropped_though_their_maker_was_killed_while_making_them(loaded: LiveLab) -> None:
    case = Case.of(loaded, "too_many_indexes", {"tables": 2, "indexes": 6})
    names = f"{INDEX_NAMES} '%{case.site.injection[-4:]}\\_%'"
    notes = await case.killed(after="indexes")
    await becomes(lambda: _some(case, names), bool, 5)
    await case.undone(notes)
    await asyncio.sleep(1.0)  # one that the server was still building would appear now
    assert await case.sql(names) == []


async def test_indexes_that_went_meanwhile_are_no_trouble(
    loaded: LiveLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their statement was given up, for it took too long, and the server went on with it."""
    case = Case.of(loaded, "too_many_indexes", INDEXES)
    names = f"{INDEX_NAMES} '%{case.site.injection[-4:]}\\_%'"
    there = ExtraIndexes._there

    async def told_late(fault: ExtraIndexes, cursor: Cursor) -> list[tuple[str, str]]:
        found = await there(fault, cursor)
        if found:
            await cursor.execute(f"ALTER TABLE {found[0][0]} DROP INDEX {found[0][1]}")
        return found

    async with case.made() as notes:
        assert len(await case.sql(names)) == INDEXES["indexes"]
        monkeypatch.setattr(ExtraIndexes, "_there", told_late)
        await case.fault().revert(notes)
        monkeypatch.undo()
        assert await case.sql(names) == []


async def _some(case: Case, names: str) -> bool:
    """Whether any is there, or nobody is left who could make one."""
    return bool(await case.sql(names)) or not await case.sessions()


@pytest.mark.parametrize(("anomaly", "values"), [("lock_contention", LOCKS), ("too_many_indexes", INDEXES)])
async def test_without_a_load_they_bring_a_table_and_writers(
    lab: LiveLab, anomaly: str, values: dict[str, Value]
) -> None:
    await drop_load(one_node(lab.target))
    await _need_no_kinds(lab)
    case = Case.of(lab, anomaly, values)
    async with case.made() as notes:
        table = f"{notes['database']}.data"

        async def written() -> int:
            return int(await case.value(f"SELECT SUM(k) FROM {table}"))

        await becomes(written, lambda total: total > 20)
        if anomaly == "too_many_indexes":
            indexes = {row[2] for row in await case.sql(f"SHOW INDEX FROM {table}")}
            assert len(indexes) == 1 + int(INDEXES["indexes"])
        else:
            await becomes(lambda: _update_waits(case, table), lambda waits: waits)
    assert not await case.databases()


async def _need_no_kinds(lab: LiveLab) -> None:
    """Data that other tests prepared on the first node would be hot tables as well."""
    for name in ("distdiag_sysbench", "distdiag_tpcc", "distdiag_tpch"):
        await Case.of(lab, "slow_sql", {}).sql(f"DROP DATABASE IF EXISTS {name}")


def test_only_tables_of_marked_databases_are_hot() -> None:
    rows = [
        ("distdiag_load", "distdiag_owner", "mark", "char", "PRI"),
        ("distdiag_load", "oltp1", "id", "int", "PRI"),
        ("distdiag_load", "oltp1", "note", "longtext", ""),
        ("distdiag_load", "oltp1", "c", "char", ""),
        ("distdiag_tpcc", "stock", "s_i_id", "int", "PRI"),
    ]
    assert ours(rows) == [Table("distdiag_load", "oltp1", ("id",), ("id", "c"))]

"""Each SQL fault is really there while it is made, and nothing of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import median

import pytest
from asyncmy.errors import MySQLError
from conftest import LiveLab, run
from live_load import frozen
from sqlfault import Case, becomes

from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.sql.asking import asking, end_sessions, tagging
from distdiag_tui.model.errors import AnomalyError, CutOffError
from distdiag_tui.model.target import Secret
from distdiag_tui.workloads.options import Value

QUERIES: dict[str, dict[str, Value]] = {
    "cpu_hog_sql": {"sessions": 2, "rows": 700},
    "slow_sql": {"sessions": 2, "rows": 5000},
}
PACE = "SELECT value FROM oceanbase.GV$OB_PARAMETERS WHERE name = 'ob_compaction_schedule_interval'"
STATUS = "SELECT status FROM oceanbase.DBA_OB_MAJOR_COMPACTION"

DATABASES: dict[str, dict[str, Value]] = {
    "cpu_hog_sql": {"sessions": 3, "rows": 1500},
    "memory_pressure": {"sessions": 2, "percent": 35},
}
SQL_ANOMALIES = (
    "cpu_hog_sql", "cache_bottleneck", "memory_pressure", "too_many_indexes", "lock_contention", "slow_sql",
    "plan_cache_flush", "connection_storm", "major_compaction",
)  # fmt: skip


@pytest.fixture(scope="module")
def merge(lab: LiveLab) -> Iterator[tuple[Case, dict[str, str]]]:
    """A merge on the last node, made by a process that was killed: over while the others are tested."""
    case = Case.of(lab, "major_compaction", {"times": 1, "rows": 100}, index=-1)
    before = run(case.value(PACE))
    notes = run(case.killed())
    assert notes["pace"] == before
    yield case, notes
    run(case.undone(notes, seconds=120))


async def test_a_merge_cannot_be_called_off(merge: tuple[Case, dict[str, str]]) -> None:
    case, notes = merge
    assert await case.value(PACE) != notes["pace"]
    assert await case.value(STATUS) != "IDLE"
    fault = case.fault()
    await fault.revert(notes)
    assert "still merging" in await fault.remains(notes)


@pytest.mark.parametrize("anomaly", QUERIES)
async def test_costly_queries_run_in_a_database_of_their_own(lab: LiveLab, anomaly: str) -> None:
    case, other = (Case.of(lab, anomaly, QUERIES[anomaly]) for _ in range(2))
    async with other.made(), case.made() as notes:
        assert await case.sessions() == 2
        name = notes["database"]
        assert await case.value(f"SELECT COUNT(*) FROM {name}.data") == QUERIES[anomaly]["rows"]
        running = f"SELECT COUNT(*) FROM oceanbase.GV$OB_PROCESSLIST WHERE info LIKE '%FROM {name}.data %'"
        await becomes(lambda: case.value(running), lambda count: count > 1)  # the look itself is one
        await case.undone(notes)  # by a fault that has not made it
        await becomes(case.sessions, lambda count: count == 0)  # one that was ended is listed a moment longer
        assert not await case.databases()
        assert await other.sessions() == 2, "it ended another injection"
        assert await other.databases()


FLUSHES = {
    "plan_cache_flush": "SELECT -hit_count FROM oceanbase.GV$OB_PLAN_CACHE_STAT",
    "cache_bottleneck": "SELECT SUM(total_put_cnt) FROM oceanbase.GV$OB_KVCACHE",
}
"""What grows, or falls less, when caches have to be filled: plans that are found, what is put into others."""


@pytest.mark.parametrize("anomaly", FLUSHES)
async def test_caches_are_filled_again_and_again(lab: LiveLab, anomaly: str) -> None:
    case = Case.of(lab, anomaly, {"every_ms": 20})

    async def growth() -> int:
        """In 0.5 s of the same question."""
        before = int(await case.value(FLUSHES[anomaly]))
        for _ in range(10):
            await asyncio.sleep(0.05)
            found = int(await case.value(FLUSHES[anomaly]))
        return found - before

    # now and then the server empties and fills them for itself
    calm = min([await growth() for _ in range(3)])
    async with case.made():
        assert median([await growth() for _ in range(3)]) > calm + 3


async def test_logins_come_at_their_rate(lab: LiveLab) -> None:
    case = Case.of(lab, "connection_storm", {"clients": 4, "per_s": 40})
    logons = "SELECT value FROM oceanbase.GV$SYSSTAT WHERE stat_id = 40112 AND con_id = 1"
    async with case.made():
        before = int(await case.value(logons))
        await asyncio.sleep(1)
        assert 20 <= int(await case.value(logons)) - before <= 80


async def test_memory_is_taken_and_given_back(lab: LiveLab) -> None:
    case = Case.of(lab, "memory_pressure", {"sessions": 2, "percent": 45})
    used = "SELECT 100 * memstore_used / memstore_limit FROM oceanbase.GV$OB_MEMSTORE"
    open_transactions = (
        "SELECT COUNT(*) FROM oceanbase.GV$OB_PROCESSLIST"
        f" WHERE client_info LIKE 'distdiag {case.site.injection[:6]}%' AND trans_id > 0"
    )
    async with case.made() as notes:
        await becomes(lambda: case.value(used), lambda percent: percent > 40)
        assert await case.value(open_transactions) >= 1
        await becomes(lambda: case.fault().remains(notes), lambda left: "sessions" in left)
    assert await case.value(used) < 40
    assert await case.value(open_transactions) == 0
    assert not await case.databases()


@pytest.mark.parametrize("anomaly", SQL_ANOMALIES)
async def test_nothing_was_made_nothing_is_undone(lab: LiveLab, anomaly: str) -> None:
    means = find_anomaly(anomaly).means[0]
    case = Case.of(lab, anomaly, means.levels["high"])
    fault, databases = case.fault(), await case.sql("SHOW DATABASES")
    await fault.revert({})
    assert await fault.remains({}) == ""
    plan = await fault.plan()
    assert any(line.startswith("undo: ") for line in plan)
    assert await case.sql("SHOW DATABASES") == databases


PRIVILEGES: Mapping[str, tuple[str, dict[str, Value]]] = {
    "plan_cache_flush": ("ALTER SYSTEM", {"every_ms": 100}),
    "memory_pressure": ("ALTER SYSTEM", {"sessions": 1, "percent": 30}),
    "major_compaction": ("ALTER SYSTEM", {"times": 1, "rows": 10}),
    "slow_sql": ("distdiag_anomaly_slow_sql", {"sessions": 1, "rows": 10}),
}


async def test_a_privilege_that_is_missing_is_named_in_one_line(lab: LiveLab) -> None:
    root = Case.of(lab, "plan_cache_flush", {})
    await root.sql(
        "CREATE USER IF NOT EXISTS distdiag_poor IDENTIFIED BY 'poor'",
        "GRANT SELECT ON oceanbase.* TO distdiag_poor",
    )
    try:
        for anomaly, (privilege, values) in PRIVILEGES.items():
            case = Case.of(lab, anomaly, values)
            site = replace(case.site, user="distdiag_poor", password=Secret("poor"))
            fault = replace(case, site=site).fault()
            notes: dict[str, str] = {}
            with pytest.raises(AnomalyError, match=privilege) as failure:
                await fault.apply(notes.__setitem__)
            assert "\n" not in str(failure.value)
            await fault.revert(notes)
            assert await fault.remains(notes) == ""
        await root.sql("REVOKE SELECT ON oceanbase.* FROM distdiag_poor")
        with pytest.raises(AnomalyError, match="SELECT command denied"):
            await fault.apply(notes.__setitem__)  # it could not see what is left of it
    finally:
        await root.sql("DROP USER distdiag_poor")


async def test_a_frozen_server_hangs_nobody_and_the_fault_goes_on_after_it(lab: LiveLab) -> None:
    case = Case.of(lab, "plan_cache_flush", {"every_ms": 50}, index=-1)
    async with case.made() as notes:
        other = case.fault()
        with frozen(lab, len(lab.target.endpoints) - 1):
            visits = asyncio.gather(other.revert(notes), other.remains(notes), return_exceptions=True)
            for error in await asyncio.wait_for(visits, 10):
                assert isinstance(error, AnomalyError)
                assert "no answer" in str(error)
        await becomes(case.sessions, lambda count: count == 1)


async def test_being_ended_while_it_is_made_is_told_from_a_refusal(lab: LiveLab) -> None:
    case = Case.of(lab, "slow_sql", {})

    async def build() -> None:
        async with asking(case.site) as cursor:
            await cursor.execute(tagging(case.site))
            await cursor.execute("SELECT SLEEP(3)")

    building = asyncio.create_task(build())
    await becomes(case.sessions, lambda count: count == 1)
    async with asking(case.site) as cursor:
        await end_sessions(cursor, case.site)
    with pytest.raises(CutOffError):
        await building


@pytest.mark.parametrize(
    ("code", "kind"), [(1317, CutOffError), (5066, CutOffError), (2013, CutOffError), (1142, AnomalyError)]
)
async def test_whoever_was_cut_off_is_told_so(lab: LiveLab, code: int, kind: type[AnomalyError]) -> None:
    with pytest.raises(AnomalyError) as told:
        async with asking(Case.of(lab, "slow_sql", {}).site):
            raise MySQLError(code, "said the server")  # each was seen of a session that a KILL ended
    assert type(told.value) is kind


async def test_sessions_that_are_ended_come_back(lab: LiveLab) -> None:
    case = Case.of(lab, "cache_bottleneck", {"every_ms": 20})
    mine = f"SELECT id FROM oceanbase.GV$OB_PROCESSLIST WHERE client_info LIKE '%{case.site.injection[-4:]}'"
    async with case.made():
        first = await case.value(mine)
        try:
            await case.sql(f"KILL {first}")
        except MySQLError as error:
            pytest.fail(str(error))

        async def again() -> list[int]:
            return [row[0] for row in await case.sql(mine)]

        await becomes(again, lambda ids: len(ids) == 1 and ids != [first])


@pytest.mark.parametrize("moment", ["database", "there"])
@pytest.mark.parametrize("anomaly", DATABASES)
async def test_what_a_killed_process_left_is_found_and_undone(
    lab: LiveLab, anomaly: str, moment: str
) -> None:
    case = Case.of(lab, anomaly, DATABASES[anomaly])
    notes = await case.killed(moment)
    await case.undone(notes)
    assert await case.sessions() == 0
    assert not await case.databases()


async def test_after_a_merge_the_pace_is_what_it_was(merge: tuple[Case, dict[str, str]]) -> None:
    case, notes = merge
    await case.undone(notes, seconds=120)
    assert await case.value(PACE) == notes["pace"]
    assert await case.value(STATUS) == "IDLE"
    assert not await case.databases()

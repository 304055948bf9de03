"""The process that made a fault was killed: another one undoes it with the site and the notes alone."""

from __future__ import annotations

from conftest import LiveLab
from sqlfault import Case

from distdiag_tui.workloads.options import Value

PACE = "SELECT value FROM oceanbase.GV$OB_PARAMETERS WHERE name = 'ob_compaction_schedule_interval'"
STATUS = "SELECT status FROM oceanbase.DBA_OB_MAJOR_COMPACTION"

DATABASES: dict[str, dict[str, Value]] = {
    "cpu_hog_sql": {"sessions": 3, "rows": 1500},
    "memory_pressure": {"sessions": 2, "percent": 35},
}


async def test_what_killed_processes_left_is_found_and_undone(lab: LiveLab) -> None:
    merge = Case.of(lab, "major_compaction", {"times": 1, "rows": 100}, index=-1)
    pace = await merge.value(PACE)
    merge_notes = await merge.killed()
    assert await merge.value(PACE) != pace
    assert await merge.value(STATUS) != "IDLE"
    fault = merge.fault()
    await fault.revert(merge_notes)
    assert "still merging" in await fault.remains(merge_notes)
    for anomaly, values in DATABASES.items():
        for moment in ("database", "there"):
            case = Case.of(lab, anomaly, values)
            notes = await case.killed(moment)
            await case.undone(notes)
            assert await case.sessions() == 0
            assert not await case.databases()
    await merge.undone(merge_notes, fault, 120)  # it takes half a minute, during which the others went on
    assert await merge.value(PACE) == pace
    assert await merge.value(STATUS) == "IDLE"
    assert not await merge.databases()

"""Servers that gather statistics of their tables: an event, and no trouble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clusters import NAMES, Cluster, signs_of

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.gathering import AFTERWARDS, LONGEST, READ_BEFORE, Gathering
from distdiag_tui.diagnosis.metricset import MetricSet, console_metrics
from distdiag_tui.learning.runs import load_runs
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import METRIC_INDEX

RUNS = Path(__file__).parents[1] / "data" / "lab" / "runs"
METRICS = console_metrics()
MISSING = {"plan_cache_hit": 0.4, "select_rt": 4.0, "update_rt": 4.0, "insert_rt": 4.0, "sql_rt": 4.0}
READING = {"rows_read_rate": 100.0}


def changes(*, read: tuple[float, ...] = (), found: tuple[float, ...] = ()) -> Floats:
    """(4, M): of four servers, the first of which read and find plans as given."""
    rows = np.zeros((4, len(METRICS.names)))
    rows[: len(read), METRICS.index("rows_read_rate")] = read
    rows[: len(found), METRICS.index("plan_cache_hit")] = found
    return rows


def test_it_is_both_tables_that_are_read_and_plans_that_are_missing_on_many() -> None:
    both = changes(read=(4.0,), found=(-0.5, -0.5))
    for half in (changes(read=(4.0,)), changes(found=(-0.5,) * 4), changes(read=(4.0,), found=(-0.5,))):
        assert Gathering(METRICS).go_on(1, half) == -1
    assert Gathering(METRICS).go_on(1, both) == 1
    assert Gathering(MetricSet.of(["plan_cache_hit"])).go_on(1, np.full((4, 1), -1.0)) == -1


def test_plans_are_missing_for_a_while_after_the_tables_were_read() -> None:
    gathering = Gathering(METRICS)
    assert gathering.go_on(0, changes(read=(4.0,))) == -1
    missing = changes(found=(-0.5,) * 4)
    assert {gathering.go_on(tick, missing) for tick in range(1, READ_BEFORE + 1)} == {1}
    after = [gathering.go_on(READ_BEFORE + tick, changes()) for tick in range(1, AFTERWARDS + 2)]
    assert after == [1] * AFTERWARDS + [-1]
    assert gathering.go_on(200, missing) == -1


def test_what_does_not_end_is_something_else() -> None:
    gathering, both = Gathering(METRICS), changes(read=(4.0,), found=(-0.5, -0.5))
    told = [gathering.go_on(tick, both) for tick in range(LONGEST + 5)]
    assert told == [0] * LONGEST + [-1] * 5


def test_plans_that_are_made_anew_after_it_are_no_finding() -> None:
    cluster = filled()
    told = cluster.live(20, {name: {**MISSING, **READING} for name in NAMES})
    assert not [each.findings for each in told if each.findings]
    since = {each.gathering for each in told if each.gathering is not None}
    assert len(since) == 1
    assert 1065 < since.pop() < 1070


@pytest.mark.parametrize("servers", [NAMES, NAMES[:1]], ids=["all", "one"])
def test_a_plan_cache_that_somebody_empties_is_told(servers: tuple[str, ...]) -> None:
    told = filled().live(20, dict.fromkeys(servers, MISSING))
    assert {each.cause for tick in told for each in tick.findings} == {"plan_cache_thrashing"}
    assert not any(each.gathering for each in told)


@pytest.mark.parametrize(
    ("alike", "gathering", "told"),
    [
        ("slow_sql", True, set()),
        ("slow_sql", False, {"slow_sql"}),
        ("io_saturation", True, {"io_saturation"}),
    ],
)
def test_what_all_have_alike_meanwhile_comes_from_it_but_for_a_slow_disk(
    alike: str, gathering: bool, told: set[str]
) -> None:
    moved = {**signs_of(alike), **READING, "plan_cache_hit": 0.4 if gathering else 1.0}
    found = filled().live(30, dict.fromkeys(NAMES, moved))
    assert {each.cause for tick in found for each in tick.findings} == told
    assert any(each.gathering for each in found) == gathering


def test_whoever_is_sick_meanwhile_is_told() -> None:
    cluster = filled()
    stuck = {"lock_wait_time": 40.0, "lock_waiters": 10.0, "lock_wait_rt": 20.0, "update_rt": 20.0}
    moved = {name: {**MISSING, **READING} for name in NAMES}
    told = cluster.live(25, {**moved, "n2": {**moved["n2"], **stuck}})
    assert any(each.gathering for each in told)
    assert {(each.server, each.cause) for each in told[-1].findings} == {("n2", "lock_contention")}


def test_a_recording_of_it_is_quiet() -> None:
    """The load fell, and then the job of every 15 minutes ran on all three servers."""
    (run,) = load_runs([RUNS / "calm3" / "less-rate10-tpcc-r1"])
    diagnoser = Diagnoser()
    told = [tick.told(diagnoser) for tick in run.ticks]
    assert [each.findings for each in told if each.findings] == []
    assert 10 < sum(each.gathering is not None for each in told) < 60


def filled() -> Cluster:
    """After a calm minute in which all plans were found."""
    cluster = Cluster()
    cluster.usual[METRIC_INDEX["plan_cache_hit"]] = 99.0
    cluster.live(65)
    return cluster

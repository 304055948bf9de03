"""Figures of many servers from one answer: what comes out, whatever goes in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from asyncmy.errors import OperationalError
from reference import VERSIONS, capability_of, views_of

from distdiag_tui.model.metrics import COLUMN_INDEX, STAT_IDS, WAIT_CLASSES, Column
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.sources.discovery.known import Key
from distdiag_tui.sources.frame import SERVER_WIDE
from distdiag_tui.sources.reader import Reader
from distdiag_tui.sources.wide import _CLASS_IDS, LONGEST, Wide, WideQuery, wide_plan

ONE, TWO = ("10.0.0.1", 2882), ("10.0.0.2", 2882)
PLAN = {query.view: query for query in wide_plan(capability_of("ob-4.2.5.0"))}
TENANTS = {"sys": 1, "shop": 1002}

Rows = Sequence[tuple[Any, ...]]


def row(key: Key, *pairs: tuple[int, int, object]) -> tuple[object, ...]:
    """A server's row of codes: tenant, column code, value."""
    text = " ".join(f"{tenant * 1_000_000 + code} {value}" for tenant, code, value in pairs)
    return (*key, len(pairs), text)


def figures(**rows: Rows) -> dict[tuple[Key, int, Column], float]:
    """What is there after statements, by the last word of their view, have answered."""
    tick = Wide(TENANTS)
    for word, found in rows.items():
        tick.add(query(word), found)
    return {
        (key, tenant, column): columns[place, index]
        for key, (tenants, columns) in tick.servers().items()
        for place, tenant in enumerate(tenants)
        for column, index in COLUMN_INDEX.items()
        if not math.isnan(columns[place, index])
    }


def query(word: str) -> WideQuery:
    return next(query for view, query in PLAN.items() if view.lower().endswith(word))


def test_statistics_of_tenants_on_servers() -> None:
    found = figures(
        sysstat=[row(ONE, (1, 40000, 7), (1002, 40000, 8), (1002, 40001, 9)), row(TWO, (1, 40000, 3))]
    )
    assert found == {(ONE, 1, 40000): 7, (ONE, 1002, 40000): 8, (ONE, 1002, 40001): 9, (TWO, 1, 40000): 3}


def test_the_order_of_pairs_does_not_matter() -> None:
    mixed = [row(ONE, (1002, 40001, 9), (1, 40000, 7), (1002, 40000, 8)), row(TWO, (1, 40000, 3))]
    assert figures(sysstat=mixed) == figures(
        sysstat=[row(ONE, (1, 40000, 7), (1002, 40000, 8), (1002, 40001, 9)), row(TWO, (1, 40000, 3))]
    )


@pytest.mark.parametrize("value", [-1, -(2**63), 2**63 - 1, 9_200_000_000_000_000_000])
def test_a_counter_below_zero_or_full_is_missing(value: int) -> None:
    found = figures(sysstat=[row(ONE, (1, 40000, value), (1, 40001, 5))])
    assert found == {(ONE, 1, 40001): 5}


def test_large_counters_are_what_they_are() -> None:
    found = figures(sysstat=[row(ONE, (1, 40000, 9_100_000_000_000_000_000))])
    assert found == {(ONE, 1, 40000): 9.1e18}


def test_a_row_that_is_there_twice_counts_once() -> None:
    twice = [row(ONE, (1, 40000, 7)), row(ONE, (1, 40000, 7)), row(ONE, (1, 40000, 7), (1, 40000, 7))]
    assert figures(sysstat=twice) == {(ONE, 1, 40000): 7}


@pytest.mark.parametrize(
    "odd",
    [
        (*TWO, 2, "1040000 5 10400"),  # cut off
        (*TWO, 2, "1040000 5 1040001 x"),
        (*TWO, 1, "nan"),
        (*TWO, 1, None),
        (*TWO, 0, ""),
        (None, None, 1, "1040000 5"),
        ("", 0, 1, "1040000 5"),
        (*TWO, 1, "1999999 5"),  # no column of ours
        (*TWO, 1, "-1040000 5"),
        (*TWO, 1, "9000000000040000 5"),  # no tenant
        (*TWO, 1, f"{'9' * 30} 5"),
    ],
)
def test_a_row_of_garbage_costs_only_itself(odd: tuple[object, ...]) -> None:
    good = row(ONE, (1, 40000, 7))
    assert figures(sysstat=[odd, good]) == {(ONE, 1, 40000): 7}
    assert figures(sysstat=[good, odd]) == {(ONE, 1, 40000): 7}


def test_both_ways_to_write_an_address_are_one_server() -> None:
    rows = [row(("FE80:0::1", 2882), (1, 40000, 7)), row(("fe80::1", 2882), (1, 40001, 8))]
    key = ("fe80::1", 2882)
    assert figures(sysstat=rows) == {(key, 1, 40000): 7, (key, 1, 40001): 8}


def test_a_wait_class_that_is_left_out_has_waited_for_nothing() -> None:
    found = figures(event=[row(ONE, (1002, 900_000 + _CLASS_IDS["COMMIT"], 5))])
    assert len(found) == len(WAIT_CLASSES)
    assert {at: value for at, value in found.items() if value} == {(ONE, 1002, "wait.commit"): 5}


def test_the_ids_of_wait_classes_are_those_of_the_server() -> None:
    from facts import facts  # noqa: PLC0415  skipped where it is not at hand

    ids = {name: number for name, number, _ in facts("wait_events.json")["wait_classes"]}
    assert {name: ids[name] for name in WAIT_CLASSES} == _CLASS_IDS


def test_sessions_by_tenant_and_those_of_nobody_in_particular() -> None:
    found = figures(
        sysstat=[row(ONE, (1, 40000, 7)), row(TWO, (1, 40000, 7))],
        processlist=[(*ONE, "shop 5 2 1,META$1002 3 1 0,of today 4 4 4,bad x y z,")],
    )
    assert found[ONE, 1002, "session.all"] == 5
    assert found[ONE, 1002, "session.active"] == 2
    assert found[ONE, 1002, "session.locked"] == 1
    assert found[ONE, SERVER_WIDE, "session.all"] == 3
    assert found[TWO, SERVER_WIDE, "session.all"] == 0  # an answer: there are none


async def test_sessions_that_could_not_be_asked_for_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(Target("shop", (Endpoint("10.0.0.1", 2881),), "root@sys", Secret("")))
    reader._plan = tuple(WideQuery(view, view, each.form) for view, each in PLAN.items())
    reader._session.capability = capability_of("ob-4.2.5.0")
    reader._session._link = SimpleNamespace(connected=True)
    broken = True

    async def run(sql: str) -> Rows:
        if broken and sql == "GV$OB_PROCESSLIST":
            raise OperationalError(4016, "Internal error")
        return [row(ONE, (1, 40000, 7))] if sql == "GV$SYSSTAT" else []

    monkeypatch.setattr(reader._session, "run", run)
    sessions = COLUMN_INDEX["session.all"]
    assert np.isnan((await reader.poll(()))[ONE].columns[:, sessions]).all()
    broken = False
    assert 0 in (await reader.poll(()))[ONE].columns[:, sessions]


def test_plan_cache_and_disks() -> None:
    codes = [(1002, 910_000, 100), (1002, 910_001, 90), (1002, 910_002, 4096)]
    found = figures(plan_cache_stat=[row(ONE, *codes)], servers=[(*ONE, 1, 2, None, 4)])
    assert found == {
        (ONE, 1002, "plan.accesses"): 100,
        (ONE, 1002, "plan.hits"): 90,
        (ONE, 1002, "plan.memory"): 4096,
        (ONE, 0, "disk.data_used"): 1,
        (ONE, 0, "disk.data_total"): 2,
        (ONE, 0, "disk.log_total"): 4,
    }


def test_nothing_at_all() -> None:
    assert figures() == {}
    assert figures(sysstat=[], event=[], processlist=[], plan_cache_stat=[], servers=[]) == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_is_asked_for_all_figures_if_it_has_servers_in_its_views(version: str) -> None:
    plan = wide_plan(capability_of(version))
    if version.startswith("seekdb"):
        assert plan == ()
        return
    assert [query.view for query in plan] == list(PLAN)
    for each in plan:
        assert each.sql.startswith("select /*+ QUERY_TIMEOUT(5000000) */ /* distdiag */ ")
        assert " limit " in each.sql
        assert ";" not in each.sql
    assert ",".join(map(str, STAT_IDS)) in plan[0].sql
    assert all({"SVR_IP", "SVR_PORT"} <= views_of(version)[each.view] for each in plan)


def test_a_view_that_is_missing_costs_only_its_statement() -> None:
    for view in PLAN:
        plan = wide_plan(capability_of("ob-4.2.5.0", view))
        assert [query.view for query in plan] == [each for each in PLAN if each != view]


def test_a_row_has_room_for_many_tenants() -> None:
    widest = len(f"{4194303 * 1_000_000 + max(STAT_IDS)} {2**63} ")
    assert 300 * widest * len(STAT_IDS) < LONGEST


def test_a_statement_about_some_names_them_and_nobody_else() -> None:
    for query in wide_plan(capability_of("ob-4.2.5.0"), [("10.0.0.2", 2882), ("fe80::1", 2882)]):
        assert "(svr_ip, svr_port) in (('10.0.0.2', 2882), ('fe80::1', 2882))" in query.sql


def test_an_address_that_is_none_gets_into_no_statement() -> None:
    for query in wide_plan(capability_of("ob-4.2.5.0"), [("10.0.0.2') or sleep(9) --", 2882), ("a", 1)]):
        assert "sleep" not in query.sql
        assert "in (('a', 1))" in query.sql

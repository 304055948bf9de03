"""What a cluster's own views say is wrong."""

from __future__ import annotations

import pytest

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.standing import CLOCK_APART, LONG_MERGE, LONG_TRANSACTION, standing
from distdiag_tui.model.topology import Layout, Member, Merge, Server, Status, TenantFacts
from distdiag_tui.sources.discovery.alone import Alone, layout_of

NOW = 1_800_000_000.0


def layout(*members: Member, tenants: tuple[TenantFacts, ...] = ()) -> Layout:
    return Layout(members={member.server: member for member in members}, tenants=tenants)


def found(given: Layout) -> list[tuple[str, str]]:
    return [(each.server, each.cause) for each in standing(given, NOW)]


def clocks(*offsets: float | None) -> list[tuple[str, str]]:
    members = (Member(f"n{n}", "z", clock_offset=offset) for n, offset in enumerate(offsets, 1))
    return found(layout(*members))


@pytest.mark.parametrize(("age", "causes"), [(LONG_TRANSACTION - 1, []), (LONG_TRANSACTION, ["n1"])])
def test_a_transaction_that_is_open_for_long(age: float, causes: list[str]) -> None:
    given = layout(Member("n1", "z", oldest_transaction=NOW - age), Member("n2", "z"))
    assert found(given) == [(server, "long_transaction") for server in causes]


def test_a_clock_that_differs_from_most() -> None:
    assert clocks(5.0, 5.1, 4.9) == []  # it is ours that is wrong
    assert clocks(0.0, 3.0, 0.1) == [("n2", "clock_skew")]
    assert clocks(0.0, -2 * CLOCK_APART) == [("n2", "clock_skew")]
    assert clocks(7.0) == clocks(7.0, None) == []


@pytest.mark.parametrize(
    ("merge", "stuck"),
    [
        (Merge("IDLE"), False),
        (Merge("COMPACTING", NOW - 600), False),
        (Merge("COMPACTING", NOW - LONG_MERGE), True),
        (Merge("SUSPENDED"), False),  # none is due
        (Merge("SUSPENDED", NOW - 5), True),
        (Merge("ERROR"), True),
    ],
)
def test_a_merge_that_does_not_get_on_is_told_where_its_tenant_is_led(merge: Merge, stuck: bool) -> None:
    members = Member("n1", "z"), Member("n2", "z")
    tenants = (TenantFacts(1002, "shop", merge=merge, leaders={"n1": 1, "n2": 3, "gone": 9}),)
    expected = [("n2", "compaction_stuck")] if stuck else []
    assert found(layout(*members, tenants=tenants)) == expected


def test_servers_without_a_cluster_have_a_merge_each() -> None:
    row = {"STATUS": "COMPACTING", "IS_SUSPENDED": "YES", "START_TIME": NOW - 5}
    alone = [
        Alone(Server(name, f"127.0.0.1:{port}", "z", Status.UP), tables)
        for name, port, tables in (("n1", 1, {}), ("n2", 2, {"compaction": [row]}))
    ]
    assert found(layout_of(alone)) == [("n2", "compaction_stuck")]


def test_it_is_a_finding_for_as_long_as_it_is_so_and_since_it_was() -> None:
    diagnoser = Diagnoser()
    servers = [Server(name, f"{name}:1", "z", Status.UP, age=0.0) for name in ("n1", "n2", "n3")]
    skewed = layout(
        Member("n1", "z", clock_offset=9.0, oldest_transaction=NOW - 1000),
        *(Member(name, "z", clock_offset=0.0) for name in ("n2", "n3", "not among ours")),
    )
    for tick in range(3):
        diagnosis = diagnoser.feed(NOW + tick, 1.0, servers, {}, skewed)
    told = {each.cause: each for each in diagnosis.findings}
    assert {each.server for each in told.values()} == {"n1"}
    assert (told["clock_skew"].since, told["long_transaction"].since) == (NOW, NOW - 1000)
    assert told["clock_skew"].said == "its clock is 9.0 s ahead of the others'"
    assert told["long_transaction"].strength == pytest.approx(1011 / LONG_TRANSACTION)  # by its own clock
    assert diagnoser.feed(NOW + 3, 1.0, servers, {}, layout()).findings == ()

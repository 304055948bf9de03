"""What two looks at a cluster differ in, as events."""

from __future__ import annotations

import pytest
from clusterrows import START, answering, answers, leader, server, tables, unit

from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.model.topology import Event, Happening, Subject
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.discovery.assembly import assemble
from distdiag_tui.sources.discovery.changes import MOST, changes
from distdiag_tui.sources.discovery.history import History
from distdiag_tui.sources.discovery.known import Answers, Table
from distdiag_tui.sources.discovery.parts import HISTORIES
from distdiag_tui.sources.queries import Row
from distdiag_tui.sources.session import Session

A, B, C = (f"10.0.0.{host}:2881" for host in (1, 2, 3))
ALL = [server(host, host) for host in (1, 2, 3)]


def events(**parts: Table) -> tuple[Event, ...]:
    """From the usual cluster to one with these parts."""
    return changes(assemble(answers()), assemble(answers(**parts)), 5.0)


def told(**parts: Table) -> list[tuple[Happening, str, bool]]:
    return [(event.kind, event.text, event.serious) for event in events(**parts)]


def changed(part: str, place: int, **columns: object) -> dict[str, Table]:
    rows = tables()[part]
    rows[place] = rows[place] | columns
    return {part: rows}


def test_nothing_changed() -> None:
    assert told() == []


def test_servers_come_and_go() -> None:
    assert told(servers=[*ALL, server(4, 3)]) == [
        (Happening.SERVER_ADDED, "10.0.0.4:2881 was added", False),
    ]
    gone = events(servers=ALL[:2])
    assert gone == (
        Event(5.0, Subject("zone3", C), Happening.SERVER_LEFT, f"{C} left", "seen", serious=True),
    )


def test_states_of_servers() -> None:
    assert told(**changed("servers", 1, STATUS="INACTIVE")) == [
        (Happening.SERVER_STATE, f"{B}: ACTIVE → INACTIVE", True),
    ]
    assert told(**changed("servers", 1, STOP_TIME=START + 9)) == [
        (Happening.SERVER_STATE, f"{B} was stopped", True),
    ]
    assert told(**changed("servers", 1, START_SERVICE_TIME=START + 60)) == [
        (Happening.SERVER_RESTARTED, f"{B} restarted", True),
    ]
    assert told(**changed("servers", 1, START_SERVICE_TIME=START + 0.5)) == []


def test_zones_stop_and_start() -> None:
    before, after = assemble(answers(**changed("zones", 1, STATUS="INACTIVE"))), assemble(answers())
    assert told(**changed("zones", 1, STATUS="INACTIVE")) == [
        (Happening.ZONE_STATE, "zone zone2 was stopped", True),
    ]
    assert [event.text for event in changes(before, after, 5.0)] == ["zone zone2 was started"]


def test_tenants_change_their_role_and_compact() -> None:
    assert told(**changed("tenants", 2, TENANT_ROLE="STANDBY")) == [
        (Happening.TENANT_ROLE, "tenant shop: PRIMARY → STANDBY", True),
    ]
    assert told(**changed("compaction", 0, STATUS="COMPACTING")) == [
        (Happening.COMPACTION, "tenant shop: compaction started", False),
    ]
    assert told(**changed("compaction", 0, IS_ERROR="YES")) == [
        (Happening.COMPACTION, "tenant shop: compaction ERROR", True),
    ]
    assert [text for _, text, _ in told(tenants=tables()["tenants"][:2], units=tables()["units"][:3])] == [
        "tenant shop: was dropped",
        *(f"unit {10020 + host} of shop was removed from 10.0.0.{host}:2881" for host in (1, 2, 3)),
    ]


def test_units_migrate() -> None:
    rows = tables()["units"]
    going = {
        **rows[3],
        "SVR_IP": "10.0.0.3",
        "MIGRATE_FROM_SVR_IP": "10.0.0.1",
        "MIGRATE_FROM_SVR_PORT": 2882,
    }
    assert told(units=[*rows[:3], going, *rows[4:]]) == [
        (Happening.UNIT_MIGRATED, f"unit 10021 of shop went from {A} to {C}", False),
    ]
    assert told(units=[*rows, unit(99, 1002, 1, 1)]) == [
        (Happening.UNIT_CHANGED, f"unit 99 of shop was added on {A}", False),
    ]
    assert told(**changed("units", 3, MAX_CPU=8.0)) == [
        (Happening.UNIT_CHANGED, "unit 10021 of shop has other limits", False),
    ]


def test_leaders_that_move_alike_are_one_event() -> None:
    moved = [leader(1, 1, 1), leader(1002, 1, 3), leader(1002, 1001, 3), leader(1002, 1002, 1)]
    assert events(leaders=moved) == (
        Event(
            5.0, Subject("zone3", C, "shop"), Happening.LEADER_MOVED,
            f"shop: 2 leaders moved from {A} to {C}",
        ),
        Event(
            5.0, Subject("zone1", A, "shop"), Happening.LEADER_MOVED,
            f"shop: leader of log stream 1002 moved from {B} to {A}",
        ),
    )  # fmt: skip


@pytest.mark.parametrize("part", ["servers", "zones", "tenants", "units", "leaders", "compaction"])
def test_a_part_that_could_not_be_read_has_not_changed(part: str) -> None:
    whole = answers()
    parts = {name: rows for name, rows in whole.parts.items() if name != part}
    views = {name: view for name, view in whole.views.items() if name != part}
    less = assemble(Answers(parts, views))
    assert [event for event in changes(assemble(whole), less, 5.0) if "removed" not in event.text] == []
    assert [event for event in changes(less, assemble(whole), 5.0) if "added" not in event.text] == []


def test_events_of_one_look_are_bounded_and_serious_ones_stay() -> None:
    crowd = [server(host, 1) for host in range(1, 250)]
    before, after = (assemble(answering({"servers": rows})) for rows in (crowd, crowd[:1]))
    found = changes(before, after, 5.0)
    assert len(found) == MOST
    assert all(event.serious for event in found[:-1])
    assert found[-1].text == f"{248 + 1 - MOST} more changes"


def test_texts_of_servers_are_harmless() -> None:
    (event,) = events(**changed("servers", 1, STATUS="\x1b[31mIN\u202eACTIVE𝄞"))
    assert "\x1b" not in event.text
    assert "\u202e" not in event.text
    assert "𝄞" in event.text


def test_a_row_of_history_about_a_change_that_was_seen_is_not_told_again() -> None:
    change = Event(100.0, Subject("zone3"), Happening.ZONE_STATE, "zone zone3 was stopped", serious=True)
    row = Event(
        99.0, Subject("zone3"), Happening.ZONE_STATE, "ZONE stop_zone", "DBA_OB_ROOTSERVICE_EVENT_HISTORY"
    )
    other = Event(99.0, Subject("zone2"), Happening.ZONE_STATE, "ZONE x", "DBA_OB_ROOTSERVICE_EVENT_HISTORY")
    for first, second in (([change], []), ([], [change])):  # whichever is there first
        history = History()
        assert history._new_to_us([row, other], first, 10.0) == ()
        assert history._new_to_us([], second, 20.0) == (other,)
        assert history._new_to_us([], [], 30.0) == ()


async def test_a_history_that_does_not_answer_costs_its_own_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = {"TIMESTAMP", "MODULE", "EVENT", "SVR_IP", "SVR_PORT"}
    columns |= {f"{kind}{slot}" for slot in range(1, 7) for kind in ("NAME", "VALUE")}
    session = Session(Target("shop", (Endpoint("10.0.0.1", 2881),), "root@sys", Secret("")), HISTORIES)
    session.capability = Capability("", "", dict.fromkeys(HISTORIES, frozenset(columns)))
    row = (START, "10.0.0.1", 2882, "backup", "start_backup", *[None] * 12)
    coming: list[list[Row] | Exception] = [[], [], [row], TimeoutError()]

    async def rows(_: str) -> list[Row]:
        if isinstance(found := coming.pop(0), Exception):
            raise found
        return found

    monkeypatch.setattr(session, "rows", rows)
    history, known = History(), assemble(answers())
    assert await history.fresh(session, known, ()) == ()
    assert [event.text for event in await history.fresh(session, known, ())] == ["backup start_backup"]
    assert session.resting  # its answer would come to the next question

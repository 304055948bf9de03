"""Incidents survive restarts, damage and each other's consoles."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from findings import finding

from distdiag_tui.incidents import store as stores
from distdiag_tui.incidents.fact import Fact, Probe
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.incidents.store import LEASE, IncidentStore, Papers
from distdiag_tui.model.errors import IncidentError


class Clock:
    """Tells what it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "incidents.db"


@pytest.fixture
def store(file: Path, clock: Clock) -> IncidentStore:
    return IncidentStore(file, clock=clock)


def incident(name: str = "inc-1", **known: object) -> Incident:
    fields: dict[str, object] = {
        "cluster": "lab", "server": "n1", "zone": "zone1", "cause": "lock_contention", "state": "open",
        "opened": 1000.0, "updated": 1001.0, "finding": finding(), "worst": 2.0,
        "timeline": (Event(1001.0, "opened", "90 %"),),
    }  # fmt: skip
    return Incident(id=name, **{**fields, **known})  # type: ignore[arg-type]


def test_what_was_written_is_there_after_a_restart(store: IncidentStore, file: Path) -> None:
    facts = Papers(
        (Fact("blockers", "Blockers", 1.0, ("a",), (("b",),), "c"),), (Probe("obdiag", 1.0, "done"),)
    )
    assert store.sync("lab", "me", [incident()], [("inc-1", facts)]).keeper
    store.close()
    again = IncidentStore(file)
    assert [each.to_fields() for each in again.incidents()] == [incident().to_fields()]
    assert again.papers("inc-1") == facts
    assert file.stat().st_mode & 0o777 == 0o600


def test_only_the_keeper_changes_incidents_but_everybody_may_write_notes(file: Path, clock: Clock) -> None:
    first, second = IncidentStore(file, clock=clock), IncidentStore(file, clock=clock)
    first.sync("lab", "one", [incident()])
    noted = replace(incident(), cause="other", acknowledged=True).with_event(
        Event(1002.0, "note", "on it", "bob")
    )
    answer = second.sync("lab", "two", [noted, incident("inc-2")])
    assert (answer.keeper, answer.holder) == (False, "one")
    (seen,) = first.sync("lab", "one").stored or ()
    assert (seen.cause, seen.acknowledged) == ("lock_contention", True)
    assert [event.words for event in seen.timeline] == ["90 %", "on it"]
    assert first.sync("lab", "one").stored is None  # nothing new


def test_a_keeper_that_is_silent_is_replaced_and_one_that_leaves_at_once(file: Path, clock: Clock) -> None:
    first, second = IncidentStore(file, clock=clock), IncidentStore(file, clock=clock)
    first.sync("lab", "one", [incident()])
    assert not second.sync("lab", "two").keeper
    assert second.sync("other", "two").keeper
    clock.now += LEASE - 0.1
    assert not second.sync("lab", "two").keeper
    clock.now += 0.2
    assert second.sync("lab", "two").keeper
    assert not first.sync("lab", "one", [replace(incident(), cause="stale")]).keeper
    assert second.find("inc-1").cause == "lock_contention"
    second.leave("lab", "two")
    assert first.sync("lab", "one").keeper


def test_a_clock_that_was_set_back_does_not_make_a_lease_last_for_ever(file: Path, clock: Clock) -> None:
    clock.now = 90_000.0
    IncidentStore(file, clock=clock).sync("lab", "one")
    clock.now = 1000.0
    assert IncidentStore(file, clock=clock).sync("lab", "two").keeper


def test_consoles_that_write_at_once_lose_nothing(file: Path) -> None:
    """Real processes, each with incidents of a cluster of its own and notes on one that all share."""
    IncidentStore(file).sync("lab", "me", [incident()])
    script = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from distdiag_tui.incidents.store import IncidentStore\n"
        "from distdiag_tui.incidents.incident import Event\n"
        "me = sys.argv[2]; store = IncidentStore(Path(sys.argv[1])); shared = store.find('inc-1')\n"
        "for n in range(20):\n"
        "    store.sync(me, me, [replace(shared, id=f'{me}-{n}', cluster=me)])\n"
        "    store.add('inc-1', Event(float(n), 'note', str(n), me))\n"
    )
    names = ("p", "q", "r")
    running = [subprocess.Popen([sys.executable, "-c", script, str(file), name]) for name in names]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    after = IncidentStore(file)
    assert len(after.incidents()) == 61
    assert sum(event.kind == "note" for event in after.find("inc-1").timeline) == 60


@pytest.mark.parametrize("damage", [b"not a database at all" * 400, None], ids=["text", "holes"])
def test_a_damaged_file_is_moved_aside_with_a_line_and_never_lost(file: Path, damage: bytes | None) -> None:
    store = IncidentStore(file)
    store.sync("lab", "me", [incident(f"inc-{number}") for number in range(200)])
    store.close()
    whole = file.read_bytes()
    broken = damage or whole[:8192] + b"\xff" * 30_000 + whole[38_192:]
    file.write_bytes(broken)
    again = IncidentStore(file)
    assert again.sync("lab", "me", [incident()]).keeper
    (kept,) = file.parent.glob("incidents-damaged-*.db")
    assert kept.read_bytes() == broken
    assert str(kept) in again.notice
    assert [each.id for each in again.incidents()] == ["inc-1"]


def test_a_file_that_another_console_moved_aside_is_noticed(file: Path) -> None:
    store = IncidentStore(file)
    store.sync("lab", "me", [incident()])
    file.rename(file.with_name("elsewhere.db"))
    assert store.incidents() == []
    store.sync("lab", "me", [incident("inc-2")])
    assert [each.id for each in IncidentStore(file).incidents()] == ["inc-2"]


def test_a_file_from_a_newer_version_is_left_alone(store: IncidentStore, file: Path) -> None:
    store.sync("lab", "me", [incident()])
    store.close()
    other = sqlite3.connect(file)
    other.execute("pragma user_version = 99")
    other.close()
    before = file.read_bytes()
    with pytest.raises(IncidentError, match="newer distdiag"):
        IncidentStore(file).incidents()
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(IncidentError, match="cannot be kept"):
        IncidentStore(tmp_path / "taken" / "incidents.db").incidents()


def test_old_ended_ones_are_dropped_with_all_that_belongs_to_them(
    store: IncidentStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "KEPT", 3)
    ended = [incident(f"inc-{n}", state="resolved", updated=float(n)) for n in range(5)]
    store.sync("lab", "me", [incident("inc-open"), *ended], [("inc-0", Papers((Fact("a", "b", 1.0),)))])
    assert [each.id for each in store.incidents()] == ["inc-2", "inc-3", "inc-4", "inc-open"]
    store.close()
    other = sqlite3.connect(file)
    assert other.execute("select count(*) from paper").fetchone() == (0,)
    assert other.execute("select count(*) from event where incident = 'inc-0'").fetchone() == (0,)
    other.close()


def test_an_incident_is_found_by_the_beginning_of_its_id(store: IncidentStore) -> None:
    store.sync("lab", "me", [incident("inc-ab"), incident("inc-ac")])
    assert store.find("inc-ab").id == "inc-ab"
    for name, words in (("inc-a", "several"), ("inc-z", "no incident"), ("", "no incident")):
        with pytest.raises(IncidentError, match=words):
            store.find(name)


def test_one_that_cannot_be_read_does_not_hide_the_others(store: IncidentStore, file: Path) -> None:
    store.sync("lab", "me", [incident("inc-1"), incident("inc-2")])
    other = sqlite3.connect(file)
    with other:
        other.execute("""update incident set body = '{"half": 1}' where id = 'inc-1'""")
    other.close()
    assert [each.id for each in store.incidents()] == ["inc-2"]
    with pytest.raises(IncidentError, match="another version"):
        store.find("inc-1")

"""One trouble is one incident, although its findings come and go and change their name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from findings import finding, tick

from distdiag_tui.incidents.book import QUIET, REMIND, REOPENS, UNSURE, YOUNG, Book
from distdiag_tui.incidents.incident import LONGEST_TIMELINE, Event, Incident
from distdiag_tui.model.findings import Finding

LOCK, CPU = finding(), finding("cpu_saturation", strength=1.2)


@pytest.fixture
def book() -> Book:
    names: Iterator[str] = iter(f"i{number}" for number in range(1, 10_000))
    return Book("lab", name=lambda: next(names))


def kinds(incident: Incident | None) -> list[str]:
    assert incident is not None
    return [event.kind for event in incident.timeline]


def test_it_opens_with_the_onset_and_is_written_only_when_something_matters(book: Book) -> None:
    (opened,) = book.feed(tick(1003, LOCK))
    assert (opened.id, opened.opened, opened.state, kinds(opened)) == ("i1", 1000.0, "open", ["opened"])
    assert [book.feed(tick(1003 + second, LOCK)) for second in range(1, int(REMIND))] == [()] * (
        int(REMIND) - 1
    )
    (again,) = book.feed(tick(1003 + REMIND, LOCK))
    assert kinds(again) == ["opened"]
    assert again.updated == 1003 + REMIND


def test_what_nobody_looked_for_is_not_gone(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    woken = replace(tick(30_000, unknown=("n1", "n2", "n3")), unseen=29_000.0)
    assert book.feed(woken) == ()
    assert book.feed(tick(30_005, unknown=("n1", "n2", "n3"))) == ()
    book.feed(tick(30_006, LOCK))
    assert [kinds(incident) for incident in book.open] == [["opened"]]


@pytest.mark.parametrize("interval", [1.0, 30.0])
def test_one_tick_without_it_is_no_end_however_long_that_takes(book: Book, interval: float) -> None:
    def fed(number: int, *findings: Finding) -> tuple[Incident, ...]:
        return book.feed(replace(tick(1000 + number * interval, *findings), interval=interval))

    fed(0, LOCK)
    assert fed(1) == ()
    fed(2, LOCK)
    assert [kinds(incident) for incident in book.open] == [["opened"]]


def test_its_finding_is_always_the_latest(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    book.feed(tick(1001, finding(confidence=0.5)))
    assert book.open[0].finding.confidence == 0.5
    assert book.found("i1")


def test_worse_and_better_are_told_but_not_every_tick(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    assert book.feed(tick(1002, finding(strength=9.0))) == ()
    (worse,) = book.feed(tick(1006, finding(strength=9.0)))
    (better,) = book.feed(tick(1012, finding(strength=2.0)))
    assert kinds(worse) == ["opened", "worse"]
    assert kinds(better) == ["opened", "worse", "better"]
    assert better.worst == 9.0


def test_it_is_resolved_when_quiet_and_ended_when_it_was_seen_last(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    book.feed(tick(1001, LOCK))
    assert book.feed(tick(1001 + QUIET - 1)) == ()
    (resolved,) = book.feed(tick(1001 + QUIET))
    assert (resolved.state, resolved.ended, kinds(resolved)) == ("resolved", 1001.0, ["opened", "resolved"])
    assert book.open == ()


def test_nothing_of_before_is_declared_well_while_diagnosis_has_no_reference_yet(book: Book) -> None:
    before = book.feed(tick(1000, LOCK))
    again = Book("lab", before)
    again.feed(tick(2000, finding(server="n2"), unknown=("n1", "n2")))
    # what was found in this run is judged in this run
    (own,) = again.feed(tick(2000 + QUIET, unknown=("n1", "n2")))
    assert (own.server, own.state) == ("n2", "resolved")
    assert [each.id for each in again.open] == ["i1"]
    # a server that never answers is never judged
    (given_up,) = again.feed(tick(2000 + UNSURE, unknown=("n1",)))
    assert (given_up.id, given_up.state, given_up.ended) == ("i1", "resolved", 1000.0)


def test_a_server_that_is_known_is_judged_whatever_the_others_are(book: Book) -> None:
    again = Book("lab", book.feed(tick(1000, LOCK, finding(server="n2"))))
    (ended,) = again.feed(tick(2000, unknown=("n2", "n3")))
    assert (ended.server, ended.state, [each.server for each in again.open]) == ("n1", "resolved", ["n2"])


def test_what_comes_back_within_a_minute_is_the_same_and_flapping_makes_it_patient(book: Book) -> None:
    for start in (1000, 1040, 1080, 1120):  # found for a second, then gone for 39
        for second in range(start, start + 40):
            book.feed(tick(second, *([LOCK] if second == start else [])))
    assert (
        kinds(book.find("i1")).count("reopened") == 2
    )  # it is still open the last time: 40 s are its patience
    assert book.find("i2") is None


def test_what_comes_back_later_is_another_one(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    book.feed(tick(1000 + QUIET))
    (other,) = book.feed(tick(1000 + QUIET + REOPENS + 1, LOCK))
    assert other.id == "i2"


def test_another_name_soon_after_the_opening_is_the_same_incident(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    (renamed,) = book.feed(tick(1003, CPU))
    assert (renamed.id, renamed.cause, kinds(renamed)) == ("i1", "cpu_saturation", ["opened", "cause"])
    assert "cpu_saturation" in renamed.timeline[-1].words
    book.feed(tick(1004, LOCK))
    assert [each.cause for each in book.open] == ["lock_contention"]


def test_a_second_cause_is_an_incident_of_its_own_once_it_lasts(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    assert book.feed(tick(1020, LOCK, CPU)) == ()
    book.feed(tick(1022, LOCK, CPU))
    (second,) = book.feed(tick(1023, LOCK, CPU))
    assert (second.id, second.cause) == ("i2", "cpu_saturation")
    assert [each.id for each in book.open] == ["i1", "i2"]


def test_another_server_opens_at_once(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    assert [each.server for each in book.feed(tick(1001, LOCK, finding(server="n2")))] == ["n2"]


def test_a_name_that_was_gone_as_soon_as_it_came_is_merged_into_the_one_that_stays(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    for second in range(1020, 1026):
        book.feed(tick(second, LOCK, CPU))
    changed = [each for second in range(1026, 1040) for each in book.feed(tick(second, LOCK))]
    assert [(each.id, each.state, each.into) for each in changed if each.id == "i2"] == [
        ("i2", "merged", "i1")
    ]


def test_a_cause_that_lasted_is_not_merged_but_resolved(book: Book) -> None:
    for second in range(1000, 1000 + int(YOUNG) + 5):
        book.feed(tick(second, LOCK, CPU))
    changed = [each for second in range(1016, 1040) for each in book.feed(tick(second, LOCK))]
    assert [each.state for each in changed if each.id == "i2"] == ["resolved"]


def test_those_that_somebody_knows_of_come_last_and_stay_known(book: Book) -> None:
    book.feed(tick(1000, LOCK, finding(server="n2", strength=1.1)))
    known = replace(book.open[0], acknowledged=True)
    book.join(known.with_event(Event(1001.0, "acknowledged", "", "ann")))
    book.feed(tick(1002, LOCK, finding(server="n2", strength=1.1)))
    assert [each.id for each in book.open] == ["i2", "i1"]
    assert book.open[1].acknowledged
    assert kinds(book.open[1]) == ["opened", "acknowledged"]


def test_a_note_on_an_ended_one_does_not_make_it_come_back_later(book: Book) -> None:
    book.feed(tick(1000, LOCK))
    book.feed(tick(1000 + QUIET))
    ended = book.find("i1")
    assert ended is not None
    book.join(ended.with_event(Event(1060.0, "note", "it was the batch job", "ann")))
    assert kinds(book.find("i1")) == ["opened", "resolved", "note"]
    (other,) = book.feed(tick(1000 + QUIET + REOPENS + 1, LOCK))
    assert other.id == "i2"


def test_lines_of_another_console_are_joined_once(book: Book) -> None:
    (mine,) = book.feed(tick(1000, LOCK))
    theirs = mine.with_event(Event(1001.0, "note", "on it", "bob"))
    for _ in range(2):
        book.join(theirs)
    assert kinds(book.find("i1")) == ["opened", "note"]


def test_a_restored_one_goes_on_or_ends_when_it_was_last_seen(book: Book) -> None:
    (before,) = book.feed(tick(1000, LOCK))
    again = Book("lab", [before])
    assert again.feed(tick(1020, LOCK)) == ()
    assert [each.id for each in again.open] == ["i1"]
    other = Book("lab", [before])
    assert other.feed(tick(90_000, unknown=("n1",))) == ()
    (ended,) = other.feed(tick(90_100))
    assert (ended.state, ended.ended) == ("resolved", 1000.0)


def test_a_restless_timeline_keeps_its_start_its_notes_and_its_end(book: Book) -> None:
    (incident,) = book.feed(tick(1000, LOCK))
    incident = incident.with_event(Event(1001.0, "note", "hm", "ann"))
    for second in range(2 * LONGEST_TIMELINE):
        incident = incident.with_event(Event(1002.0 + second, "worse", str(second)))
    assert len(incident.timeline) == LONGEST_TIMELINE
    assert kinds(incident)[:2] == ["opened", "note"]
    assert incident.timeline[-1].words == str(2 * LONGEST_TIMELINE - 1)


def test_an_incident_survives_json(book: Book) -> None:
    (incident,) = book.feed(tick(1000, LOCK))
    read = Incident.from_fields(json.loads(json.dumps(incident.to_fields(), allow_nan=False)))
    assert read.to_fields() == incident.to_fields()
    assert read.finding.evidence[1].peers != read.finding.evidence[1].peers  # NaN again
    for broken in ({}, {**incident.to_fields(), "state": "odd"}, {**incident.to_fields(), "finding": []}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            Incident.from_fields(broken)

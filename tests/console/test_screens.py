"""Pictures of the screens, kept: a change of one of them is seen in review."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import pytest
from staged import NARROW, WIDE, Stage, press, settled
from staged_anomalies import NOW, injection
from staged_cluster import eventful, sick_cluster
from staged_incidents import BEGAN, BLOCKER, SICK, incident
from textual.pilot import Pilot

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.model.topology import Status
from distdiag_tui.ui.app import ConsoleApp


class SnapCompare(Protocol):
    """The fixture of pytest-textual-snapshot, as far as it is used here."""

    def __call__(
        self,
        app: ConsoleApp,
        *,
        terminal_size: tuple[int, int],
        run_before: Callable[[Pilot[None]], Awaitable[None]],
    ) -> bool:
        """Whether the app looks as before."""
        ...


@pytest.fixture(autouse=True)
def _clock_in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def compare(snap: SnapCompare, stage: Stage, size: tuple[int, int], *keys: str) -> bool:
    """Whether the console looks as before, 90 s after its start and after these keys."""

    async def watch(pilot: Pilot[None]) -> None:
        await stage.shown(pilot, 90)
        await press(pilot, *keys)
        await settled(pilot)

    app = ConsoleApp(stage.feed, "dark")
    app.attach(stage.desk)
    app.attach_anomalies(stage.anomalies)
    app.attach_incidents(stage.incidents)
    return snap(app, terminal_size=size, run_before=watch)


def faulty() -> Stage:
    """A cluster of which one server has gone and one is slow."""
    stage = Stage()
    stage.change("n2", status=Status.UNREACHABLE, detail="connection refused", age=42.0)
    stage.change("n3", status=Status.SLOW, detail="no answer for 0.8 s", latency=0.8)
    return stage


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_all_well(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    assert compare(snap_compare, Stage(), size)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_one_server_gone(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    assert compare(snap_compare, faulty(), size, "exclamation_mark")


def test_metrics_on_a_narrow_terminal(snap_compare: SnapCompare) -> None:
    assert compare(snap_compare, Stage(), NARROW, "2")


def test_one_metric(snap_compare: SnapCompare) -> None:
    assert compare(snap_compare, faulty(), WIDE, "2", "enter")


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_anomalies(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    stage = Stage()
    stuck = injection("node_down", "n3", phase="stuck", message="n3 does not start", values={})
    ended = injection("node_hang", "n1", phase="ended", applied=NOW - 40, reverted=NOW - 20, values={})
    stage.anomalies.put(stuck, injection(), ended=[ended])
    stage.anomalies.add([Dose("cpu_stress", "n1", "low", 30, 10)])
    assert compare(snap_compare, stage, size, "a", "down")


def test_the_form_of_an_anomaly(snap_compare: SnapCompare) -> None:
    assert compare(snap_compare, Stage(), NARROW, "a", "enter", "space")


def sick() -> Stage:
    """A cluster in which a lock is kept on one server, and another one is busy."""
    stage = Stage()
    stage.engine.diagnosis = SICK
    busy = incident("cpu_hog_sql", "n1", confidence=0.62, calibrated=False, since=BEGAN + 20)
    known = incident("slow_sql", "n3", acknowledged=True)
    stage.incidents.put(incident(facts=(BLOCKER,)), busy, known)
    return stage


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_diagnosis(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    assert compare(snap_compare, sick(), size, "d")


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_the_story_of_an_incident(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    assert compare(snap_compare, sick(), size, "d", "enter")


def test_heat(snap_compare: SnapCompare) -> None:
    assert compare(snap_compare, sick(), NARROW, "d", "v")


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_a_full_cluster(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    stage = sick_cluster()
    eventful(stage)
    assert compare(snap_compare, stage, size, "n")


def test_cells(snap_compare: SnapCompare) -> None:
    assert compare(snap_compare, sick_cluster(300), WIDE, "v", "n", "n")


def test_help(snap_compare: SnapCompare) -> None:
    assert compare(snap_compare, Stage(), NARROW, "question_mark")

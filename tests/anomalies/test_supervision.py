"""What a supervisor makes of a fault that misbehaves: each step is in the record, the last is the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from distdiag_tui.anomalies import supervisor
from distdiag_tui.anomalies.entry import Injector
from distdiag_tui.anomalies.injection import Injection, Injections
from distdiag_tui.anomalies.protocol import Note, Notes
from distdiag_tui.anomalies.supervisor import Supervision
from distdiag_tui.model.errors import AnomalyError, CutOffError


class Scripted:
    """A fault that does as it is told: `left` is what remains after each attempt to undo it."""

    def __init__(self, *left: str) -> None:
        self.left = list(left)
        self.attempts = 0
        self.words = ""

    async def plan(self) -> list[str]:
        return []

    async def apply(self, note: Note) -> None:
        note("made", "yes")

    async def hold(self) -> str:
        return "it was over by itself"

    async def revert(self, notes: Notes) -> None:
        self.attempts += 1

    async def remains(self, notes: Notes) -> str:
        return self.left.pop(0) if self.left else ""


class Ledger(Injections):
    """Remembers every phase that was written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir()
        self.seen: list[Injection] = []

    def write(self, record: Injection) -> None:
        super().write(record)
        self.seen.append(record)

    @property
    def phases(self) -> list[str]:
        """Each once, in order."""
        return list(dict.fromkeys(record.phase for record in self.seen))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "injections")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 0.001)


def record(anomaly: str = "node_hang", injector: Injector = "signals") -> Injection:
    now = time.time()
    where = ("lab", "n1", "127.0.0.1:1")
    return Injection(f"{anomaly}-1", anomaly, injector, "low", *where, {}, 60.0, now, now)


async def run(fault: Scripted, ledger: Ledger, what: Injection | None = None) -> Injection:
    supervision = Supervision(what or record(), fault, ledger)
    await asyncio.wait_for(supervision.run(), 20)
    return ledger.seen[-1]


async def test_a_fault_that_is_over_by_itself_is_undone_at_once(ledger: Ledger) -> None:
    fault = Scripted()
    ended = await run(fault, ledger)
    assert ledger.phases == ["waiting", "applying", "active", "reverting", "ended"]
    assert (ended.why, ended.notes, fault.attempts) == ("it was over by itself", {"made": "yes"}, 1)


async def test_what_does_not_go_is_stuck_until_it_goes(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, means = Scripted(*["still there"] * 3), record().means
    monkeypatch.setattr(Injection, "means", property(lambda _: replace(means, lingers=0.0)))
    ended = await run(fault, ledger)
    assert ledger.phases[-3:] == ["reverting", "stuck", "ended"]
    assert {each.message for each in ledger.seen if each.phase == "stuck"} == {"still there"}
    assert (ended.message, fault.attempts) == ("", 4)


async def test_what_takes_its_time_to_go_is_not_stuck(ledger: Ledger) -> None:
    ended = await run(Scripted(*["still merging"] * 3), ledger, record("major_compaction", "sql"))
    assert "stuck" not in ledger.phases
    assert "still merging" in {each.words for each in ledger.seen if each.phase == "reverting"}
    assert (ended.phase, ended.words) == ("ended", "")


async def test_it_gives_up_after_a_time_and_the_record_stays_active(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LASTING", 0.0)
    fault = Scripted(*["still there"] * 9)
    assert await Supervision(record(), fault, ledger).run() == 1
    assert ledger.seen[-1].active


@pytest.mark.parametrize(
    ("error", "said"),
    [(AnomalyError("no\n room"), "no room"), (ZeroDivisionError("oh"), "unexpected ZeroDivisionError: oh")],
)
async def test_one_that_could_not_be_made_is_undone_and_has_failed(
    ledger: Ledger, error: Exception, said: str
) -> None:
    class Broken(Scripted):
        async def apply(self, note: Note) -> None:
            note("half", "made")
            raise error

    fault = Broken("half of it")
    failed = await run(fault, ledger)
    assert (failed.phase, failed.message, failed.applied, fault.attempts) == ("failed", said, None, 2)


class CutOff(Scripted):
    """Is cut off `times` times."""

    def __init__(self, times: int, *left: str) -> None:
        super().__init__(*left)
        self.times = times

    async def apply(self, note: Note) -> None:
        note("half", "made")
        if self.times:
            self.times -= 1
            raise CutOffError("n1: the connection was lost")


async def test_one_that_is_cut_off_is_undone_and_made_anew(ledger: Ledger) -> None:
    fault = CutOff(2)
    ended = await run(fault, ledger)
    assert (ended.phase, ended.why, ended.message) == ("ended", "it was over by itself", "")
    assert fault.attempts == 3
    assert ledger.phases == ["waiting", "applying", "active", "reverting", "ended"]


@pytest.mark.parametrize("fault", [CutOff(9), CutOff(1, "half of it")], ids=["again and again", "not undone"])
async def test_one_that_is_cut_off_for_good_has_failed(ledger: Ledger, fault: CutOff) -> None:
    failed = await run(fault, ledger)
    assert (failed.phase, failed.message) == ("failed", "n1: the connection was lost")


@pytest.mark.parametrize("method", ["revert", "remains"])
async def test_an_error_while_undoing_is_no_end(
    ledger: Ledger, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, errors = Scripted(), [OSError("gone"), KeyError("row")]

    async def fail(notes: Notes) -> str:
        if errors:
            raise errors.pop(0)
        return ""

    monkeypatch.setattr(fault, method, fail)
    assert (await run(fault, ledger)).phase == "ended"
    assert not errors


@pytest.mark.parametrize("method", ["apply", "hold"])
async def test_told_to_stop_it_stops_in_the_middle(ledger: Ledger, method: str) -> None:
    fault = Scripted()
    entered = asyncio.Event()

    async def forever(*_: object) -> str:
        entered.set()
        await asyncio.Event().wait()
        return ""

    setattr(fault, method, forever)
    supervision = Supervision(record(), fault, ledger)
    running = asyncio.create_task(supervision.run())
    await entered.wait()
    supervision.tell("it was stopped")
    supervision.tell("and later told something else")
    await asyncio.wait_for(running, 20)
    assert (ledger.seen[-1].phase, ledger.seen[-1].why) == ("ended", "it was stopped")
    assert (ledger.seen[-1].applied is None) is (method == "apply")
    assert fault.attempts == 1


async def test_one_that_is_half_made_is_not_held(ledger: Ledger) -> None:
    class Slow(Scripted):
        async def apply(self, note: Note) -> None:
            supervision.tell("it was stopped")
            await asyncio.Event().wait()

        async def hold(self) -> str:
            raise AssertionError("there is nothing to hold")

    supervision = Supervision(record(), Slow(), ledger)
    await asyncio.wait_for(supervision.run(), 20)
    assert (ledger.seen[-1].phase, ledger.seen[-1].why) == ("ended", "it was stopped")


async def test_what_fails_while_it_stops_is_not_why_it_ended(ledger: Ledger) -> None:
    class Failing(Scripted):
        async def hold(self) -> str:
            supervision.tell("it was stopped")
            raise ZeroDivisionError("oh")

    supervision = Supervision(record(), Failing(), ledger)
    await asyncio.wait_for(supervision.run(), 20)
    assert ledger.seen[-1].why == "it was stopped"


async def test_a_full_disk_forbids_to_begin_but_not_to_undo(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Injection) -> None:
        raise OSError(28, "disk full")

    fault = Scripted()
    monkeypatch.setattr(ledger, "write", full)
    supervision = Supervision(record(), fault, ledger)
    await supervision.run()
    assert supervision.record.phase == "failed"
    assert "disk full" in supervision.record.message
    assert fault.attempts == 1


def test_a_supervisor_leaves_though_something_of_its_fault_goes_on() -> None:
    code = """
import asyncio
from distdiag_tui.anomalies import supervisor

async def stubborn():
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass

async def serve():
    global task
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    return 3

supervisor._serve = serve
supervisor.main()
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 3

"""Whatever becomes of the console, an injection ends and the lab is clean."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LiveLab, run, temporary_home
from sick import command, dirt, frozen, in_phase, node_process, until

from distdiag_tui.anomalies import launch
from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection, Injections
from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.model.target import Target
from distdiag_tui.service.anomalies import Anomalies

CLEAN_SECONDS = 5.0
PLACES = (("cpu_stress", "n1"), ("io_bottleneck", "n1"), ("node_hang", "n2"),
          ("network_bottleneck", "n2"), ("network_bottleneck", "n3"))  # fmt: skip
ROUNDS = 2  # ten kills in all


@pytest.fixture
def service(lab: LiveLab, tmp_path: Path) -> Anomalies:
    return Anomalies(lab.target, Injections(tmp_path / "injections"))


def inject(service: Anomalies, dose: Dose, *phases: str) -> Injection:
    (record,) = service.inject([dose])
    return in_phase(service.ledger, record.id, *(phases or ("active",)))


def test_an_injection_ends_with_its_time_and_says_when_it_was_there(lab: LiveLab, service: Anomalies) -> None:
    active = inject(service, Dose("node_hang", "n1", seconds=1.0))
    until(lambda: frozen(lab, "n1"))  # its threads take a while to stop
    ended = in_phase(service.ledger, active.id, "ended")
    assert not frozen(lab, "n1")
    assert active.applied is not None
    assert ended.reverted is not None
    assert ended.applied == active.applied
    assert 1.0 <= ended.reverted - active.applied < 1.0 + CLEAN_SECONDS
    assert ended.why == "its time was over"


def test_a_stop_ends_it_early_whoever_made_it(lab: LiveLab, service: Anomalies) -> None:
    active = inject(service, Dose("node_hang", "n2", seconds=60))
    other = Anomalies(lab.target, Injections(service.ledger.folder))
    (ended,) = run(other.stop([active.id]))
    assert (ended.phase, ended.why) == ("ended", "it was stopped")
    assert not frozen(lab, "n2")


def test_one_that_waits_for_its_time_is_called_off(lab: LiveLab, service: Anomalies) -> None:
    waiting = inject(service, Dose("node_hang", "n1", start=60), "waiting")
    until(lambda: service.ledger.find(waiting.id).pid)
    (ended,) = run(service.stop([waiting.id]))
    assert (ended.phase, ended.applied, ended.reverted) == ("ended", None, None)


def test_silence_of_the_console_ends_it(
    lab: LiveLab, service: Anomalies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "SILENCE", 0.7)
    active = inject(service, Dose("node_hang", "n1", seconds=60))
    ended = in_phase(service.ledger, active.id, "ended")
    assert ended.why == "the console that made it did not answer any more"
    assert not frozen(lab, "n1")


def test_beats_keep_it_up(lab: LiveLab, service: Anomalies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "SILENCE", 1.5)

    async def live() -> Injection:
        (record,) = service.inject([Dose("node_hang", "n1", seconds=3)])
        beating = asyncio.create_task(service.beat())
        while service.ledger.find(record.id).active:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        beating.cancel()
        return service.ledger.find(record.id)

    assert run(live()).why == "its time was over"


def test_one_that_was_released_outlives_silence(
    lab: LiveLab, service: Anomalies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "SILENCE", 0.5)
    (record,) = service.inject([Dose("node_hang", "n1", seconds=2)])
    service.release()
    assert in_phase(service.ledger, record.id, "ended").why == "its time was over"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_told_to_end_undoes_first(lab_env: LiveLab, number: signal.Signals) -> None:
    with command("inject", "node_hang", "lab", "--target", "n3", "--duration", "60s") as process:
        assert process.stdout is not None
        until(lambda: "active" in (process.stdout.readline() if process.stdout else ""))
        process.send_signal(number)
        assert process.wait(20) == 130
    assert dirt(lab_env) == []


def test_killed_at_ten_random_moments(lab_env: LiveLab) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)  # shown when it fails
    chance = random.Random(seed)
    ledger = Injections()
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            consoles = [
                stack.enter_context(command("inject", name, "lab", "--target", node, "--duration", "3s"))
                for name, node in PLACES
            ]
            started = time.monotonic()
            for moment, console in sorted((chance.uniform(0.1, 3.5), index) for index in range(len(PLACES))):
                time.sleep(max(0.0, started + moment - time.monotonic()))
                consoles[console].kill()
        until(lambda: not dirt(lab_env), CLEAN_SECONDS)
        until(lambda: not any(r.active and r.phase != "orphaned" for r in ledger.records()), CLEAN_SECONDS)
        # one that died before its supervisor had heard what to do has done nothing; the next start closes it
        Anomalies(lab_env.target).recover()
        until(lambda: not any(record.active for record in ledger.records()))
        assert not [record for record in ledger.records() if record.phase == "failed"]


def test_the_next_start_undoes_what_a_dead_supervisor_left(lab: LiveLab, service: Anomalies) -> None:
    active = inject(service, Dose("node_hang", "n1", seconds=60))
    os.kill(active.pid, signal.SIGKILL)
    assert in_phase(service.ledger, active.id, "orphaned").message
    until(lambda: frozen(lab, "n1"))  # its threads take a while to stop
    later = Anomalies(lab.target, Injections(service.ledger.folder))
    assert [record.id for record in later.recover()] == [active.id]
    ended = in_phase(service.ledger, active.id, "ended")
    assert ended.reverted is not None
    assert not frozen(lab, "n1")
    assert later.recover() == []


def test_stop_undoes_what_a_dead_supervisor_left(lab: LiveLab, service: Anomalies) -> None:
    active = inject(service, Dose("node_hang", "n1", seconds=60))
    os.kill(active.pid, signal.SIGKILL)
    (ended,) = run(service.stop([active.id]))
    assert ended.phase == "ended"
    assert not frozen(lab, "n1")


def test_a_node_that_was_killed_comes_back(lab: LiveLab, service: Anomalies) -> None:
    before = node_process(lab, "n3").pid
    active = inject(service, Dose("node_down", "n3", seconds=1))
    ended = in_phase(service.ledger, active.id, "ended", "failed")
    assert (ended.phase, ended.message) == ("ended", "")
    assert node_process(lab, "n3").pid != before
    assert dirt(lab) == []


def test_what_cannot_be_made_has_failed_and_leaves_nothing(lab: LiveLab, service: Anomalies) -> None:
    n1 = lab.target.endpoints[0]
    gone = replace(lab.target, endpoints=(replace(n1, name="n9"),))
    (record,) = Anomalies(gone, service.ledger).inject([Dose("node_hang", "n9")])
    failed = in_phase(service.ledger, record.id, "failed")
    assert failed.message == "n9 is not running"
    assert failed.applied is None


def test_stopping_the_lab_undoes_first(service: Anomalies, monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_home() as home:
        run(Lab(home).up(1))
        monkeypatch.setenv("DISTDIAG_LAB_HOME", str(home))
        there = Anomalies(lab_target(home))
        (record,) = there.inject([Dose("io_bottleneck", "n1", "low", seconds=60)])
        in_phase(there.ledger, record.id, "active")
        there.release()  # a busy machine may take longer than a console may be silent
        distdiag = [sys.executable, "-m", "distdiag_tui", "lab", "down"]
        done = subprocess.run(distdiag, capture_output=True, text=True, check=True)
        assert f"undone first: {record.id}" in done.stderr
        assert there.ledger.find(record.id).phase == "ended"
        assert not list((home / "n1").glob("distdiag-*"))


def test_what_is_left_on_a_lab_that_was_removed_is_no_more(tmp_path: Path) -> None:
    with temporary_home() as home:
        run(Lab(home).up(1))
        there = Anomalies(lab_target(home), Injections(tmp_path / "injections"))
        (record,) = there.inject([Dose("node_hang", "n1", seconds=60)])
        os.kill(in_phase(there.ledger, record.id, "active").pid, signal.SIGKILL)
        run(Lab(home).down(purge=True))
        elsewhere = Anomalies(Target("", ()), there.ledger)
        assert [found.id for found in elsewhere.recover()] == [record.id]
        assert in_phase(there.ledger, record.id, "ended").reverted


def test_two_that_get_in_each_other_s_way_are_refused_and_all_or_none_is_made(
    lab: LiveLab, service: Anomalies
) -> None:
    both = [Dose("cpu_stress", "n1", seconds=60), Dose("node_hang", "n1", seconds=60)]
    with pytest.raises(AnomalyError, match="both want the server's process"):
        service.inject(both)
    until(lambda: not any(record.active for record in service.ledger.records()))
    assert not frozen(lab, "n1")
    apart = replace(both[1], start=90)
    first, second = service.inject([both[0], apart])
    run(service.stop([first.id, second.id]))
    assert dirt(lab) == []

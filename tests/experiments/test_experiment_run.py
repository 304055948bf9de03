"""Experiments on the live lab: labels and what was injected, failures, health, going on after a kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveLab
from live_load import alive, frozen, one_node

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injections
from distdiag_tui.config.experiment import load_experiment
from distdiag_tui.experiments import runner
from distdiag_tui.experiments.folder import Folder
from distdiag_tui.experiments.runner import Experiment, Progress, Tally
from distdiag_tui.model.errors import ConfigError, ConnectError, RefusedError
from distdiag_tui.model.target import Target
from distdiag_tui.recording.reader import open_recording
from distdiag_tui.recording.run import RunInfo
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.workloads.journal import Journal

ROOT = Path(__file__).parents[2]

TIMES = 'calm = "1s"\nfault = "2s"\nrest = "1s"\nsettle = 0\n'
LOAD = (
    '[[workload]]\nname = "small"\nkind = "oltp"\n'
    "options = { tables = 1, rows = 200, threads = 2, rate = 20, interval = 0.5 }\n"
)
HANG = '[[cell]]\nanomaly = "node_hang"\ntarget = "n1"\n'
NONE = '[[cell]]\nanomaly = "none"\n'


def experiment(target: Target, text: str, folder: Path, steps: list[Progress] | None = None) -> Experiment:
    file = folder / "e.toml"
    file.write_text(text)
    names = [endpoint.name for endpoint in target.endpoints]
    plan = load_experiment(file, target.cluster, names)
    shown: list[Progress] = [] if steps is None else steps
    return Experiment(target, plan, Folder(folder / "out"), Anomalies(target), shown.append)


async def test_labels_are_what_was_injected_and_samples_what_was_seen(lab: LiveLab, tmp_path: Path) -> None:
    steps: list[Progress] = []
    change = "[[cell]]\nchange = { threads = 4, rate = 60 }\n"
    text = f"interval = 0.25\n{TIMES}{LOAD}{HANG}{change}"
    tally = await experiment(one_node(lab.target), text, tmp_path, steps).run()
    assert tally == Tally(2, 2, 0, 2)
    _check_hang(tmp_path / "out" / "node_hang-n1-medium-small-r1")
    _check_change(tmp_path / "out" / "change-threads4-rate60-small-r1")
    runs = [open_recording(folder).info for folder in sorted((tmp_path / "out").glob("*-r1"))]
    assert len({info.load.run for info in runs if info}) == 1  # the load went on
    assert not [record for record in Journal().records() if record.active]
    _check_progress(steps)


def _check_hang(folder: Path) -> None:
    recording = open_recording(folder)
    info, frames, (record,) = recording.info, recording.frames(), Injections().records()
    assert info is not None
    (label,) = info.labels
    assert (label.anomaly, label.server, label.cause) == ("node_hang", "n1", "node_hung")
    assert (label.injection, label.applied, label.reverted) == (record.id, record.applied, record.reverted)
    assert label.applied is not None
    assert label.reverted is not None
    calm, fault, rest = info.phases
    assert (calm.name, fault.name, rest.name) == ("calm", "fault", "rest")
    assert calm.end - 0.3 <= label.applied < label.reverted <= fault.end
    # a frame of this interval waits for 62 ms: what a busy machine answers later is in the next one
    during = [frame for frame in frames if label.applied + 0.6 < frame.time < label.reverted]
    before = [frame for frame in frames if frame.time < label.applied]
    after = [frame for frame in frames if frame.time > rest.end - 0.6]
    assert len(during) >= 3
    assert not any(frame.samples for frame in during)
    assert sum(bool(frame.samples) for frame in before) >= 2
    assert any(frame.samples for frame in after)
    assert info.started <= frames[0].time <= frames[-1].time <= info.ended
    reports = recording.reports()
    assert all(info.started - 0.5 < report.time < info.ended for report in reports)
    assert min(report.tps for report in reports) < 5 < max(report.tps for report in reports)


def _check_change(folder: Path) -> None:
    recording = open_recording(folder)
    info, reports = recording.info, recording.reports()
    assert info is not None
    assert info.labels == ()
    up, down = info.changes
    assert (up.given, down.given) == ({"threads": 4, "rate": 60.0}, {"threads": 2, "rate": 20.0})
    assert (info.load.options["rate"], info.phases[1].name) == (20.0, "change")
    changed = [r.tps for r in reports if up.time + 0.7 < r.time < down.time]
    assert min(changed) > 35
    assert {r.threads for r in reports if up.time + 0.7 < r.time < down.time} == {4}


def _check_progress(steps: list[Progress]) -> None:
    assert [step.ended.outcome for step in steps if step.ended] == ["done", "done"]
    assert {step.phase for step in steps} >= {"calm", "fault", "change", "rest"}
    assert [steps[-1].fraction, steps[-1].left] == [1.0, 0.0]
    assert steps[0].left > 10


async def test_a_failed_run_is_repeated_and_the_others_go_on(lab: LiveLab, tmp_path: Path) -> None:
    both = '[{ anomaly = "node_hang", target = "n1" }, { anomaly = "node_down", target = "n1" }]'
    text = f'{TIMES}{NONE}[[cell]]\nname = "both"\ncompound = {both}\n'.replace('"2s"', '"1s"')
    target = one_node(lab.target)
    assert await experiment(target, text, tmp_path).run() == Tally(2, 2, 1, 1)
    failed, quiet = (open_recording(tmp_path / "out" / name).info for name in ("both-r1", "none-r1"))
    assert failed is not None
    assert quiet is not None
    assert (failed.outcome, quiet.outcome) == ("failed", "done")
    assert "both want the server's process: one at a time" in failed.message
    assert await experiment(target, text, tmp_path).run() == Tally(2, 1, 1, 1)
    assert open_recording(tmp_path / "out" / "none-r1").info == quiet
    assert not [record for record in Injections().records() if record.active]


async def test_a_run_that_others_disturbed_does_not_count(lab: LiveLab, tmp_path: Path) -> None:
    target = one_node(lab.target)
    cache = Dose("plan_cache_flush", server=target.endpoints[0].name, seconds=1.0)

    def disturb(step: Progress) -> None:
        if step.phase == "calm" and not Injections().records():
            Anomalies(target).inject([cache])

    file = tmp_path / "e.toml"
    file.write_text(f"{TIMES}{NONE}".replace('"1s"', '"3s"', 1))
    plan = load_experiment(file, target.cluster, [target.endpoints[0].name])
    work = Experiment(target, plan, Folder(tmp_path / "out"), Anomalies(target), disturb)
    assert (await work.run()).failed == 1
    info = open_recording(tmp_path / "out" / "none-r1").info
    assert info is not None
    assert info.message == f"something else was injected meanwhile: {cache.label}"


async def test_what_is_forbidden_or_impossible_is_said_before_anything_is_done(
    lab: LiveLab, tmp_path: Path
) -> None:
    wrong = HANG.replace('"n1"', '"n9"')
    with pytest.raises(ConfigError, match="no server 'n9'"):
        await experiment(lab.target, TIMES + NONE + wrong, tmp_path).run()
    for target in (replace(lab.target, production=True), replace(lab.target, home=None)):
        with pytest.raises(RefusedError):
            await experiment(target, TIMES + HANG, tmp_path).run()
    with pytest.raises(RefusedError, match="no load is put on it"):
        await experiment(replace(lab.target, production=True), TIMES + LOAD + NONE, tmp_path).run()
    assert not (tmp_path / "out").exists()


async def test_nothing_is_recorded_while_a_server_does_not_answer(
    lab: LiveLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "WELL_SECONDS", 1.0)
    with frozen(lab, 0), pytest.raises(ConnectError, match="after 1 s: n1 is"):
        await experiment(one_node(lab.target), f"interval = 0.25\n{TIMES}{NONE}", tmp_path).run()
    assert not list((tmp_path / "out").glob("*-r1*"))


@contextmanager
def started(text: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`distdiag experiment run`, killed if it has not ended by itself."""
    (folder / "e.toml").write_text(text)
    words = ("experiment", "run", str(folder / "e.toml"), "lab", "--out", str(folder / "out"), "--json")
    with subprocess.Popen(
        [sys.executable, "-m", "distdiag_tui", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_it_goes_on_where_it_was_killed_or_stopped(lab_env: LiveLab, tmp_path: Path) -> None:
    text = f"repetitions = 2\ninterval = 0.25\n{TIMES}{LOAD}{HANG}"
    out = tmp_path / "out"
    with started(text, tmp_path) as process:
        assert process.stdout is not None
        first = _info(await asyncio.to_thread(process.stdout.readline))
        load = await _hung(process)
        process.send_signal(signal.SIGKILL)
        await _clean(load)
    assert [folder.name for folder in out.glob("*-r?")] == [first.name]
    assert list(out.glob("*.part"))
    with started(text, tmp_path) as process:
        load = await _hung(process)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 130
        assert process.stderr is not None
        assert process.stderr.read() == "interrupted; the same command goes on from here\n"
        assert not [record for record in Injections().records() if record.active]
        assert not alive(load)
    assert [folder.name for folder in out.glob("*-r?")] == [first.name]
    with started(text, tmp_path) as process:
        (line,) = (await asyncio.to_thread(process.communicate))[0].splitlines()
        assert process.returncode == 0
    second = _info(line)
    assert {first.name, second.name} == {f"node_hang-n1-medium-small-r{n}" for n in (1, 2)}
    assert [open_recording(out / each.name).info for each in (first, second)] == [first, second]
    assert not list(out.glob("*.part"))
    code, state = distdiag("status", str(out), "--json")
    assert (code, [cell["state"] for cell in state["cells"]]) == (0, ["done", "done"])
    code, shown = distdiag("show", str(out / second.name), "--json")
    assert (code, shown["run"]["labels"][0]["server"]) == (0, "n1")
    assert shown["servers"][0]["gaps"] >= 4


async def _hung(process: subprocess.Popen[str]) -> int:
    """Wait until the fault is there; gives the process of the load."""
    end = time.monotonic() + 20
    while not [record for record in Injections().records() if record.phase == "active"]:
        assert time.monotonic() < end, "nothing was injected"
        assert process.poll() is None
        await asyncio.sleep(0.05)
    (run,) = [record for record in Journal().records() if record.active]
    return run.pid


def _info(line: str) -> RunInfo:
    return RunInfo.from_json(line)


async def _clean(load: int) -> None:
    """What was injected is undone, and the load gone."""
    end = time.monotonic() + 5
    while alive(load) or [record for record in Injections().records() if record.active]:
        assert time.monotonic() < end, "something is left"
        await asyncio.sleep(0.05)


def distdiag(*words: str) -> tuple[int, Any]:
    """Exit code and what a command printed, read as JSON where it is."""
    ended = subprocess.run(
        [sys.executable, "-m", "distdiag_tui", "experiment", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    text = ended.stdout or ended.stderr
    return ended.returncode, json.loads(text) if "--json" in words else text


def test_the_commands_that_only_look(lab_env: LiveLab, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(TIMES + HANG + NONE)
    code, plan = distdiag("run", str(tmp_path / "e.toml"), "lab", "--dry-run", "--json")
    assert (code, plan["schema"]) == (0, "distdiag.experiment/1")
    assert sorted(cell["id"] for cell in plan["cells"]) == ["node_hang-n1-medium-r1", "none-r1"]
    _, words = distdiag("run", str(tmp_path / "e.toml"), "lab", "--dry-run")
    assert words.splitlines()[-1] == "2 runs on lab, 8s of recording"

"""A recorded run in a real terminal, and an experiment's bar in one."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

from conftest import LiveLab
from recorded import INFO, steady_frames
from terminal import Terminal

from distdiag_tui.model.marks import BEGAN, INJECTED, REVERTED, Mark
from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.recording.run import Change, RunInfo
from distdiag_tui.ui.replay import marks_of

DISTDIAG = (sys.executable, "-m", "distdiag_tui")


def labelled() -> RunInfo:
    """A fault from the 10th to the 20th second."""
    (label,) = INFO.labels
    return replace(INFO, labels=(replace(label, applied=1.7e9 + 10, reverted=1.7e9 + 20),))


def test_marks_are_where_faults_began_and_ended() -> None:
    info = replace(labelled(), changes=(Change(1.7e9 + 15, {"threads": 16, "rate": 60.5}),))
    assert marks_of(info) == (
        Mark(1.7e9 + 10, INJECTED, "node_hang→n2"),
        Mark(1.7e9 + 15, BEGAN, "threads 16, rate 60.5"),
        Mark(1.7e9 + 20, REVERTED, "node_hang→n2"),
    )
    assert [mark.time for mark in marks_of(INFO)] == [1.7e9 + 0.5, 1.7e9 + 9]  # it was never undone
    assert marks_of(None) == ()


def test_a_recorded_run_is_shown_with_its_marks(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r")
    for frame in steady_frames(30):
        recorder.add(frame)
    recorder.finish(labelled())
    with Terminal((*DISTDIAG, "replay", str(tmp_path / "r"), "--speed", "100")) as terminal:
        terminal.wait_for(f"{INJECTED}─+{REVERTED}")
        text = terminal.wait_for("all 2 up")  # one of them is away now and then
        assert re.search(r"n1 .*n2 ", text, re.DOTALL)
        terminal.send("d")
        terminal.wait_for("Disk nearly full")  # the made-up figures have a log disk that is
        terminal.send("\r")
        terminal.wait_for("a recording cannot be asked")
        terminal.send("q")
        assert terminal.wait_exit() == 0


def test_what_is_no_recording_is_one_line(tmp_path: Path) -> None:
    with Terminal((*DISTDIAG, "replay", str(tmp_path))) as terminal:
        assert "distdiag: there is no recorded run in" in terminal.wait_for("distdiag: ")
        assert terminal.wait_exit() == 2


def test_an_experiment_shows_a_bar_with_the_time_left(lab_env: LiveLab, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text('calm = 1\nfault = 1\nrest = 0\n[[cell]]\nanomaly = "none"\n')
    words = ("experiment", "run", str(tmp_path / "e.toml"), "lab", "--out", str(tmp_path / "out"))
    environment = {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
    with Terminal((*DISTDIAG, *words), environment=environment) as terminal:
        terminal.wait_for(r"━.* % +1/1 none-r1: calm, \d+s left")
        terminal.wait_for("1/1 none-r1 done")
        assert "1 of 1 runs are in" in terminal.wait_for("runs are in")
        assert terminal.wait_exit() == 0

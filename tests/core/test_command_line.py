"""What every command has in common: words that are missing, output that nobody takes, odd surroundings."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from distdiag_tui.cli import console
from distdiag_tui.cli.experimenting import _run
from distdiag_tui.lab.cluster import Lab
from distdiag_tui.model.errors import LabError
from distdiag_tui.ui.launch import ConsoleOptions

ROOT = Path(__file__).parents[2]


def distdiag(words: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell, in which `distdiag` is ours."""
    line = f'distdiag() {{ "{sys.executable}" -m distdiag_tui "$@"; }}; {words}'
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        ["/bin/bash", "-c", line],
        env={**os.environ, "PYTHONPATH": path, **more},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("words", "shown"), [("", "connect"), ("lab", "status"), ("model", "rollback")])
def test_a_command_without_its_word_is_answered_with_its_help(words: str, shown: str, tmp_path: Path) -> None:
    ended = distdiag(f"distdiag {words}", tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert lines[0].startswith(f"Usage: distdiag {words}".rstrip())
    assert any(line.split()[:1] == [shown] for line in lines)


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    ended = distdiag("distdiag metrics > /dev/full", tmp_path)
    assert (ended.returncode, ended.stderr) == (2, "distdiag: No space left on device\n")


def test_who_does_not_read_on_is_no_failure_of_ours(tmp_path: Path) -> None:
    ended = distdiag("distdiag metrics | true; echo ${PIPESTATUS[0]}", tmp_path)
    assert (ended.stdout, ended.stderr) == ("141\n", "")


def test_no_password_at_the_prompt_ends_quietly(tmp_path: Path) -> None:
    ended = distdiag("distdiag watch 127.0.0.1:1 --ask-password", tmp_path)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr


def test_an_environment_file_that_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"OB_HOST=\xff\xfe\n")
    ended = distdiag("distdiag watch --once", tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("distdiag: cannot read .env in this folder: ")
    assert ended.stderr.count("\n") == 1


def test_what_nohup_has_us_ignore_ends_no_experiment() -> None:
    class Matrix:
        async def run(self) -> str:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.05)
            return "done"

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert asyncio.run(_run(cast("Any", Matrix()))) == cast("Any", "done")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_demo_that_started_nothing_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def up(*_: object) -> None:
        raise LabError("not enough memory")

    monkeypatch.setenv("DISTDIAG_LAB_HOME", str(tmp_path / "lab"))
    monkeypatch.setattr(console, "require_terminal", lambda: None)
    monkeypatch.setattr(console, "_leave_in_order", lambda: None)
    monkeypatch.setattr(Lab, "up", up)
    with pytest.raises(LabError, match="not enough memory"):
        console.run_demo(console.Demo(None, None, keep=False), ConsoleOptions())
    assert "stopping" not in "".join(capsys.readouterr())

"""What every command has in common: words that are missing, output that nobody takes, odd surroundings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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

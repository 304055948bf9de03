"""obdiag run on request: progress, a bounded and inert report, and never a process left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import fake_obdiag
import pytest

from distdiag_tui.diagnosis.cause import Obdiag
from distdiag_tui.diagnosis.causes import CAUSES
from distdiag_tui.diagnosis.looks import CHECK, gather, scene
from distdiag_tui.incidents.fact import Probe
from distdiag_tui.service import obdiag
from distdiag_tui.service.obdiag import find_obdiag, run_obdiag


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The stand-in, on the PATH."""
    return install(tmp_path / "bin", monkeypatch)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder.mkdir()
    file = folder / "obdiag"
    file.write_text(f"#!{sys.executable}\n{Path(fake_obdiag.__file__).read_text(encoding='utf-8')}")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return find_obdiag()


async def test_it_is_run_with_progress_and_its_files_are_named(program: str, tmp_path: Path) -> None:
    heard: list[Probe] = []
    probe = await run_obdiag(program, scene("lock_conflict", "look"), tmp_path / "files", heard.append)
    assert (probe.state, probe.trouble, probe.command) == ("done", "", "obdiag rca run --scene=lock_conflict")
    assert heard[0].state == "running"
    assert probe.lines[0] == "obdiag version: 3.7.1"
    assert probe.lines[-3:] == ("100 %", "holding lock session: 7", f"its files are in {tmp_path / 'files'}")
    assert (tmp_path / "files" / "obdiag_rca").is_dir()


async def test_a_password_in_our_environment_is_not_handed_on(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OB_PASSWORD", "tiger")
    probe = await run_obdiag(program, scene("lock_conflict", ""), tmp_path / "files", lambda _: None)
    assert probe.lines[1:3] == ("home is known", "no password")


async def test_an_error_that_it_only_prints_is_the_trouble(program: str, tmp_path: Path) -> None:
    probe = await run_obdiag(program, scene("memory_full", ""), tmp_path / "files", lambda _: None)
    assert (probe.state, probe.trouble) == ("failed", "connect OceanBase: access denied")


async def test_arguments_that_it_does_not_know_are_a_failure(program: str, tmp_path: Path) -> None:
    probe = await run_obdiag(program, scene("no_such_scene", ""), tmp_path / "files", lambda _: None)
    assert (probe.state, probe.trouble) == ("failed", "it ended with code 1")


@pytest.mark.parametrize("what", sorted({each.args for cause in CAUSES for each in cause.obdiag}))
def test_every_command_of_the_table_is_one_that_obdiag_takes(
    what: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["obdiag", *what])
    monkeypatch.setattr(fake_obdiag, "behave", lambda *_: 0)
    assert fake_obdiag.main() == 0


async def test_a_flood_of_output_is_bounded_and_inert(program: str, tmp_path: Path) -> None:
    probe = await run_obdiag(program, CHECK, tmp_path / "files", lambda _: None)
    assert len(probe.lines) == obdiag.KEPT
    assert probe.lines[-1] == "task 19999 � is done"


async def test_one_that_takes_too_long_is_ended_with_its_children(program: str, tmp_path: Path) -> None:
    probe = await run_obdiag(program, gather("unknown", ""), tmp_path / "files", lambda _: None, limit=1.0)
    assert probe.state == "failed"
    assert "longer than 1s" in probe.trouble
    assert_gone(tmp_path / "files" / "pids")


async def test_it_ends_when_it_is_called_off(program: str, tmp_path: Path) -> None:
    pids = tmp_path / "files" / "pids"
    task = asyncio.create_task(run_obdiag(program, gather("unknown", ""), pids.parent, lambda _: None))
    await asyncio.to_thread(becomes, pids)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_gone(pids)


def test_it_ends_when_the_console_is_killed(program: str, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from distdiag_tui.service.obdiag import run_obdiag\n"
        "from distdiag_tui.diagnosis.looks import gather\n"
        "asyncio.run(run_obdiag(sys.argv[1], gather('unknown', ''), Path(sys.argv[2]), lambda _: None))"
    )
    pids = tmp_path / "files" / "pids"
    console = subprocess.Popen([sys.executable, "-c", code, program, str(pids.parent)])
    try:
        becomes(pids)
    finally:
        console.kill()
        console.wait()
    leader, child = (int(pid) for pid in pids.read_text().split())
    assert_gone(pids, first=True)
    os.kill(child, 9)  # the stand-in's own child is nobody's but its: the real one has threads
    assert leader != child


async def test_one_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    probe = await run_obdiag(str(tmp_path), Obdiag("", ("check", "run")), tmp_path / "files", lambda _: None)
    assert probe.state == "failed"
    assert probe.trouble.startswith("it does not start: ")


def becomes(file: Path) -> None:
    """Wait until the file is written."""
    end = time.monotonic() + 30
    while not (file.exists() and " " in file.read_text()):
        assert time.monotonic() < end
        time.sleep(0.05)


def assert_gone(pids: Path, *, first: bool = False) -> None:
    """Soon, all of these processes are."""
    numbers = [int(pid) for pid in pids.read_text().split()][: 1 if first else None]
    end = time.monotonic() + 10
    while any(_alive(number) for number in numbers):
        assert time.monotonic() < end, numbers
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"

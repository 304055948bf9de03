"""Workloads driven from the console in a real terminal, on real servers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from conftest import LiveLab
from terminal import Terminal

DISTDIAG = (sys.executable, "-m", "distdiag_tui")
RUNNING = r"▶ oltp +(\d+)× +\d"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """One call of the program."""
    return subprocess.run([*DISTDIAG, *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def small_tables(lab: LiveLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Data of the built-in load, as the command makes and drops it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DISTDIAG_LAB_HOME", str(lab.home))
        environment.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        assert command("workload", "prepare", "oltp", "lab", "--tables", "2", "--rows", "500").returncode == 0
        yield
        assert command("workload", "cleanup", "oltp", "lab").returncode == 0


@pytest.fixture
def loaded(small_tables: None, lab_env: LiveLab) -> Iterator[Terminal]:
    """The console with the built-in load, started from its form with three threads."""
    with Terminal((*DISTDIAG, "connect", "lab")) as terminal:
        terminal.wait_for(r"n1 +[0-9.]+ k?/s")
        terminal.send("w")
        terminal.wait_for(r"oltp +tables 2, rows 500")
        terminal.send("\r")
        terminal.wait_for("Only prepare")
        terminal.send("3\r")
        terminal.wait_for(r"▶ oltp +3× +\d")
        yield terminal
    command("workload", "stop", "--all")


def runs() -> list[dict[str, Any]]:
    """What `status` tells of all runs."""
    found: list[dict[str, Any]] = json.loads(command("workload", "status", "--json").stdout)["runs"]
    return found


def workers(terminal: Terminal) -> list[psutil.Process]:
    """The load processes of a console."""
    children = psutil.Process(terminal.pid).children(recursive=True)
    return [child for child in children if "distdiag_tui.workloads.worker" in child.cmdline()]


def gone(processes: list[psutil.Process]) -> bool:
    """Whether they have ended, within five seconds."""
    return bool(processes) and not psutil.wait_procs(processes, timeout=5)[1]


def test_threads_change_and_x_stops(loaded: Terminal) -> None:
    loaded.send("]")
    loaded.wait_for(r"▶ oltp +4×")
    started = workers(loaded)
    loaded.send("x")
    loaded.wait_for(r"Stop oltp-[0-9a-f]{4}, running on lab\?")
    loaded.send("y")
    loaded.wait_for(r"■ oltp +tables 2, rows 500")
    assert gone(started)
    assert runs()[-1]["phase"] == "stopped"
    loaded.send("q")
    assert loaded.wait_exit() == 0


def test_leaving_it_running_leaves_it_to_the_next_console(loaded: Terminal) -> None:
    [worker] = workers(loaded)
    loaded.send("q")
    loaded.wait_for("leave it running")
    loaded.send("l")
    assert loaded.wait_exit() == 0
    assert worker.is_running()
    assert runs()[-1]["phase"] == "running"
    with Terminal((*DISTDIAG, "connect", "lab")) as other:
        other.wait_for(r"oltp 3× \d+ tps")
        other.send("w")
        other.wait_for(RUNNING)
        other.send("x")
        other.wait_for("stop it")
        other.send("y")
        other.wait_for(r"■ oltp +tables 2, rows 500")
        other.send("q")
        assert other.wait_exit() == 0
    assert gone([worker])


@pytest.mark.parametrize("how", ["s", signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_no_load_outlives_a_console_that_ends(loaded: Terminal, how: str | int) -> None:
    started = workers(loaded)
    if isinstance(how, str):
        loaded.send("q")
        loaded.wait_for("stop it and leave")
        loaded.send(how)
    else:
        os.kill(loaded.pid, how)
    loaded.wait_exit()
    assert gone(started)
    last = runs()[-1]
    assert last["phase"] in ("stopped", "failed")
    assert not re.search("running", last["message"])

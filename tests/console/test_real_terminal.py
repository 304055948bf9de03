"""The console in a real terminal, on real servers: what a person at the other end of a line gets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from conftest import LiveLab, run, servers_below, temporary_home
from terminal import Terminal

from distdiag_tui.lab.cluster import Lab

DISTDIAG = (sys.executable, "-m", "distdiag_tui")
LIVE = r"n1 +[0-9.]+ k?/s"  # a rate of the first server, in the topology
COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:[34][0-7]|9[0-7]|10[0-7]|[34]8;)[0-9;]*m")


@pytest.fixture
def console(lab_env: LiveLab) -> Iterator[Terminal]:
    """The console on the session's lab, showing live figures."""
    with Terminal((*DISTDIAG, "connect", "lab")) as terminal:
        terminal.wait_for(LIVE)
        yield terminal


def test_live_figures_appear_and_q_leaves_the_terminal_as_it_was(console: Terminal) -> None:
    text = console.wait_for("all 3 up")
    assert "zone3" in text
    console.send("q")
    assert console.wait_exit() == 0
    end = console.output()[-400:]
    assert b"\x1b[?1049l" in end  # the shell's screen is back
    assert b"\x1b[?25h" in end  # and its cursor
    assert b"Traceback" not in console.output()


def test_sigterm_leaves_the_terminal_as_it_was(console: Terminal) -> None:
    os.kill(console.pid, signal.SIGTERM)
    assert console.wait_exit() == 0
    assert b"\x1b[?1049l" in console.output()[-400:]


@pytest.mark.parametrize("ignored", [False, True], ids=["hangup", "hangup-ignored"])
def test_it_does_not_outlive_its_terminal(lab_env: LiveLab, *, ignored: bool) -> None:
    with Terminal((*DISTDIAG, "connect", "lab"), ignore_hangup=ignored) as terminal:
        terminal.wait_for(LIVE)
        assert terminal.hang_up() is not None


def test_the_password_is_never_written(console: Terminal, lab: LiveLab) -> None:
    console.send("?")
    console.wait_for("Esc closes")
    secret = lab.target.password.reveal()
    assert secret
    assert secret.encode() not in console.output()
    assert secret not in " ".join(psutil.Process(console.pid).cmdline())


def test_no_color_means_no_colour_code(lab_env: LiveLab) -> None:
    with Terminal((*DISTDIAG, "connect", "lab"), environment={"NO_COLOR": "1"}) as terminal:
        assert "● all 3 up" in terminal.wait_for(LIVE)
        terminal.send("t")  # also not by way of another theme
        terminal.pump(1.0)
        assert not COLOUR.search(terminal.output())


def test_colours_are_told_otherwise(console: Terminal) -> None:
    assert COLOUR.search(console.output())


@pytest.mark.parametrize("term", ["xterm", "xterm-256color", "screen", "linux"])
def test_other_terminals(lab_env: LiveLab, term: str) -> None:
    with Terminal(
        (*DISTDIAG, "connect", "lab"), 80, 24, environment={"TERM": term, "COLORTERM": ""}
    ) as terminal:
        terminal.wait_for(LIVE)
        assert b"38;2;" not in terminal.output()  # no true colour where it is not understood


def test_a_quiet_tick_writes_little(console: Terminal) -> None:
    console.pump(3.0)
    before = console.written
    console.pump(5.0)
    assert 0 < console.written - before < 5 * 8_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("connect", "lab"), "needs a terminal"),
        (("demo",), "needs a terminal"),
    ],
)
def test_without_a_terminal_it_says_so(lab_env: LiveLab, arguments: tuple[str, ...], words: str) -> None:
    done = subprocess.run(
        [*DISTDIAG, *arguments], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_theme_is_one_line(lab_env: LiveLab) -> None:
    with Terminal((*DISTDIAG, "connect", "lab", "--theme", "no-such")) as terminal:
        assert terminal.wait_exit() == 2
        assert "no theme 'no-such'; there are: " in terminal.text()
        assert "Traceback" not in terminal.text()


@pytest.mark.slow
def test_it_goes_on_while_a_server_freezes_dies_and_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_home() as home:
        monkeypatch.setenv("DISTDIAG_LAB_HOME", str(home))
        lab = Lab(home)
        run(lab.up(1))
        pid = _pid(lab)
        with Terminal((*DISTDIAG, "connect", "lab")) as terminal:
            terminal.wait_for(LIVE)
            os.kill(pid, signal.SIGSTOP)
            terminal.wait_for("◐ n1 slow")
            terminal.wait_for("✖ n1 +unreachable")
            os.kill(pid, signal.SIGCONT)
            terminal.wait_for("● 1 up")
            os.kill(pid, signal.SIGKILL)
            terminal.wait_for("✖ n1 +unreachable")
            run(lab.up())
            terminal.wait_for("● 1 up")
            terminal.send("q")
            assert terminal.wait_exit() == 0


@pytest.mark.slow
def test_demo_brings_a_live_console_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_home() as home:
        monkeypatch.setenv("DISTDIAG_LAB_HOME", str(home))
        demo = (*DISTDIAG, "demo", "--nodes", "1", "--threads", "2", "--rate", "20")
        with Terminal(demo) as terminal:
            terminal.wait_for(r"oltp 2× \d+ tps", 60)
            terminal.wait_for(LIVE)
            assert servers_below(home)
            workers = _workers(terminal.pid)
            assert workers
            terminal.send("q")
            assert terminal.wait_exit(20) == 0
        assert not servers_below(home)
        assert not any(psutil.pid_exists(worker) for worker in workers)


@pytest.mark.slow
def test_a_killed_console_leaves_no_load(lab_env: LiveLab) -> None:
    with Terminal((*DISTDIAG, "demo", "--keep", "--threads", "2", "--rate", "10")) as terminal:
        terminal.wait_for(r"oltp 2× \d+ tps", 40)
        workers = [psutil.Process(worker) for worker in _workers(terminal.pid)]
        assert workers
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.wait_exit()
        _, alive = psutil.wait_procs(workers, timeout=5)
        assert not alive


def _pid(lab: Lab) -> int:
    (node,) = lab.status()
    assert node.pid is not None
    return node.pid


def _workers(parent: int) -> list[int]:
    """The load processes that a console started."""
    children = psutil.Process(parent).children(recursive=True)
    return [child.pid for child in children if "distdiag_tui.workloads.worker" in child.cmdline()]

"""Anomalies injected from the console in a real terminal, into a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import LiveLab
from sick import frozen, until
from terminal import Terminal

from distdiag_tui.anomalies.catalogue import CATALOGUE, find_anomaly

DISTDIAG = (sys.executable, "-m", "distdiag_tui")
DOWN = "\x1b[B"


def anomaly(*words: str) -> subprocess.CompletedProcess[str]:
    """One call of `distdiag anomaly`."""
    command = [*DISTDIAG, "anomaly", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def last() -> dict[str, Any]:
    """The newest injection, as `list` tells."""
    found: dict[str, Any] = json.loads(anomaly("list", "--json").stdout)["injections"][-1]
    return found


@pytest.fixture
def console(lab_env: LiveLab) -> Iterator[Terminal]:
    """The console, with the pane of anomalies open and n2 selected."""
    with Terminal((*DISTDIAG, "connect", "lab")) as terminal:
        terminal.wait_for(r"n2 +[0-9.]+ k?/s")
        terminal.send(4 * DOWN + "a")
        terminal.wait_for("cpu_stress +signals")
        yield terminal
    anomaly("stop-all")


def inject(terminal: Terminal, name: str, keys: str) -> None:
    """Open the form of an anomaly, and send it with these keys."""
    terminal.send(keys)
    terminal.wait_for(rf"{name} on lab")
    terminal.wait_for(r"\[x\] n2")


def test_it_is_seen_from_its_beginning_to_its_end(console: Terminal) -> None:
    inject(console, "CPU stress", "\r")
    for keys in (DOWN, DOWN, "6s\r"):
        console.send(keys)
        console.pump(0.3)  # a key goes to the field that has the focus by then
    console.wait_for(r"● .*↯ cpu_stress→n2 00:0[1-6]")  # the line at the top
    console.wait_for(r"◐?●? ↯ n2")  # the topology
    console.wait_for(r"↯ cpu_stress→n2 +med +00:0\d")  # the pane
    console.wait_for(r"SQL ─+↯─")  # the time axis
    console.wait_for(r"SQL ─+↯─+□─")
    console.send("H")
    console.wait_for(r"□ cpu_stress→n2 +\d\d:\d\d:\d\d +[678]s")
    console.wait_for("its time was over")
    assert "↯ n2" not in console.text()
    console.send("q")
    assert console.wait_exit() == 0


@pytest.mark.parametrize("how", ["s", "l", signal.SIGHUP, signal.SIGTERM])
def test_the_console_takes_it_along_unless_told_otherwise(
    console: Terminal, lab: LiveLab, how: str | int
) -> None:
    inject(console, "Node hung", CATALOGUE.index(find_anomaly("node_hang")) * DOWN + "\r")
    console.send("\r")
    console.wait_for(r"↯ node_hang→n2 00:\d\d")
    until(lambda: frozen(lab, "n2"))
    if isinstance(how, str):
        console.send("q")
        console.wait_for(r"node_hang→n2 \(00:\d\d left\)")
        console.send(how)
        assert console.wait_exit() == 0
    else:
        os.kill(console.pid, how)
        console.wait_exit()
    if how == "l":
        assert last()["phase"] == "active"
        assert frozen(lab, "n2")
        assert anomaly("stop-all").returncode == 0
    until(lambda: last()["phase"] == "ended")
    assert not frozen(lab, "n2")
    assert last()["why"] == (
        "the console that made it has gone" if how == signal.SIGHUP else "it was stopped"
    )

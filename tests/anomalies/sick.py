"""What the tests of injections share: commands that inject, and a look at the lab that trusts nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from conftest import LiveLab

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection, Injections
from distdiag_tui.anomalies.protocol import Severity, Site
from distdiag_tui.service.anomalies import Anomalies

PATIENCE = 20.0  # s; generous, for machines that are busy


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.02)


def in_phase(ledger: Injections, name: str, *phases: str) -> Injection:
    """The record once it is in one of these phases."""

    def now() -> bool:
        record = ledger.look_up(name)
        return record is not None and record.phase in phases

    until(now)
    return ledger.find(name)


def node_process(lab: LiveLab, name: str) -> psutil.Process:
    """The live server process of a node, found without the lab's own code."""
    folder = str(lab.home / name)
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "--base-dir" in command and command[command.index("--base-dir") + 1] == folder:
            return process
    raise AssertionError(f"{name} has no process")


def frozen(lab: LiveLab, name: str) -> bool:
    """Whether the node is stopped by a signal."""
    return bool(node_process(lab, name).status() == psutil.STATUS_STOPPED)


def dirt(lab: LiveLab) -> list[str]:
    """Whatever injections have left on the lab's nodes; empty if it is clean."""
    found = []
    for endpoint in lab.target.endpoints:
        if frozen(lab, endpoint.name):
            found.append(f"{endpoint.name} is frozen")
        found += [str(path) for path in (lab.home / endpoint.name).glob("distdiag-*")]
        listeners = [
            c.pid
            for c in psutil.net_connections("tcp4")
            if c.status == psutil.CONN_LISTEN and c.laddr[1:] == (endpoint.port,)
        ]
        if listeners != [node_process(lab, endpoint.name).pid]:
            found.append(f"processes {listeners} listen for {endpoint.name}")
    return found


@contextmanager
def command(*words: str) -> Iterator[subprocess.Popen[str]]:
    """`distdiag anomaly …` in a process of its own, which is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "distdiag_tui", "anomaly", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
        cwd=Path(__file__).parents[2],
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def site(lab: LiveLab, anomaly: str, node: str, severity: Severity = "high", injector: str = "") -> Site:
    """What the fault of a catalogue entry is given."""
    service = Anomalies(lab.target, Injections(lab.home / "nowhere"))
    (record,) = service.check([Dose(anomaly, node, severity, 30, injector=injector)])
    endpoint = next(e for e in lab.target.endpoints if e.name == node)
    return record.site(endpoint, lab.target.user, lab.target.password)

"""`distdiag workload` in a terminal, the end of that terminal, and the death of whoever started a run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_load import COMMAND, QUICK, ROOT, end_everything, environment, fresh, soon, the_run
from conftest import LiveLab, run
from live_load import alive, drop_load, load_of, make_ready, one_node, served
from terminal import Terminal

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.journal import Journal
from distdiag_tui.workloads.options import Value

SIZES: dict[str, Value] = {"tables": 1, "rows": 200}


@pytest.fixture(scope="module")
def node(lab: LiveLab) -> Iterator[Target]:
    """One node of the lab, without the load's database afterwards."""
    target = one_node(lab.target)
    yield target
    run(drop_load(target))


@pytest.fixture
def server(node: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """How that node is named on a command line; what runs against it afterwards is ended."""
    monkeypatch.setenv("OB_PASSWORD", node.password.reveal())
    monkeypatch.chdir(ROOT)
    yield node.endpoints[0].address
    end_everything()


@pytest.fixture
def ready(server: str, node: Target, tmp_path: Path) -> str:
    """The same, with data."""

    async def prepare() -> None:
        async with served(node, tmp_path / "elsewhere") as workloads:
            await make_ready(workloads, SIZES)

    run(prepare())
    return server


def test_a_bar_shows_how_far_it_is(server: str, node: Target) -> None:
    run(drop_load(node))
    with Terminal((*COMMAND, "prepare", "oltp", server, "--tables", "1", "--rows", "20000")) as terminal:
        assert "oltp: prepared with tables 1, rows 20,000" in terminal.wait_for("oltp: prepared")
        assert terminal.wait_exit() == 0
        assert re.search(r"━.* +\d+ % .*preparing [0-9,]+ rows", terminal.output().decode())
        assert "━" not in terminal.text()  # it leaves no trace


def test_ctrl_c_ends_a_run_with_its_summary(ready: str) -> None:
    with Terminal((*COMMAND, "start", "oltp", ready, *QUICK)) as terminal:
        terminal.wait_for("tx/s")
        terminal.send("\x03")
        terminal.wait_for("total ")
        assert terminal.wait_exit() == 0
    assert the_run().phase == "stopped"


def test_ctrl_c_cuts_a_prepare_short(server: str, node: Target) -> None:
    run(drop_load(node))
    with Terminal((*COMMAND, "prepare", "oltp", server, "--tables", "1", "--rows", "200000")) as terminal:
        terminal.wait_for("preparing [1-9]")
        terminal.send("\x03")
        terminal.wait_for("distdiag: oltp prepare was cut short; it can be repeated")
        assert terminal.wait_exit() == 130
    assert the_run().phase == "stopped"


def test_a_run_does_not_outlive_its_terminal(ready: str) -> None:
    with Terminal((*COMMAND, "start", "oltp", ready, *QUICK)) as terminal:
        terminal.wait_for("tx/s")
        worker = the_run().pid
        assert alive(worker)
        assert terminal.hang_up(limit=6.0) is not None
    soon(lambda: not alive(worker), 10)
    assert the_run().phase == "stopped"


def test_a_run_in_the_background_outlives_its_terminal(ready: str) -> None:
    start = " ".join((*COMMAND, "start", "oltp", ready, *QUICK, "-d"))
    with Terminal(("sh", "-c", f"{start}; exec sleep 60")) as terminal:
        terminal.wait_for("is running; to end it")
        assert terminal.hang_up() is not None
    for _ in range(2):
        fresh()
    assert the_run().phase == "running"


PARENT = """
import asyncio, json, sys
from pathlib import Path
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.workloads.journal import Journal, RunRecord
from distdiag_tui.workloads.runner import LoadProcess, Order

async def main():
    request = json.loads(sys.stdin.readline())
    endpoints = tuple(Endpoint(**fields) for fields in request["endpoints"])
    target = Target("lab", endpoints, request["user"], Secret(request["password"]))
    load = LoadProcess(Order(target, RunRecord.from_fields(request["record"])), Journal(Path(sys.argv[1])))
    await load.start()
    async for _ in load.reports():
        if not load._detached.is_set():
            await load.let_go()
            print(load.pid, flush=True)

asyncio.run(main())
"""


def test_a_run_that_was_let_go_outlives_the_kill_of_its_console(ready: str, node: Target) -> None:
    """All its pipes are broken then, and its parent is another."""
    load = load_of(node, {**SIZES, "threads": 2, "interval": 0.2}, ("run",))
    journal = Journal()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(journal.folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    ) as parent:  # fmt: skip
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(json.dumps(load._request()) + "\n")
        parent.stdin.flush()
        worker = int(parent.stdout.readline())
        parent.kill()
    for _ in range(2):
        fresh()
    assert the_run().pid == worker
    assert the_run().phase == "running"
    assert alive(worker)


ORPHAN_MAKER = """
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-m", "distdiag_tui.workloads.worker"])
print(worker.pid, flush=True)
worker.wait()
"""


@contextmanager
def parent_of_a_worker(node: Target) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """A process with a running worker that reads from us, so that the end of its input says nothing."""
    ours, theirs = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER], stdin=ours, stdout=subprocess.PIPE, env=environment()
    ) as parent:
        os.close(ours)
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        request = load_of(node, {**SIZES, "threads": 2, "interval": 0.2}, ("run",))._request()
        os.write(theirs, json.dumps(request).encode() + b"\n")
        try:
            while b"tps" not in parent.stdout.readline():
                pass
            yield parent, worker, theirs
        finally:
            parent.kill()
            os.close(theirs)
            if alive(worker):
                os.kill(worker, signal.SIGKILL)


def test_the_kernel_kills_a_worker_whose_parent_was_killed(ready: str, node: Target) -> None:
    with parent_of_a_worker(node) as (parent, worker, _):
        parent.kill()
        soon(lambda: not alive(worker), 10)


def test_the_kernel_spares_a_worker_that_was_let_go(ready: str, node: Target) -> None:
    with parent_of_a_worker(node) as (parent, worker, orders):
        os.write(orders, b'{"detach": true}\n')
        assert parent.stdout is not None
        while b"detached" not in parent.stdout.readline():
            pass
        parent.kill()
        parent.wait()
        with pytest.raises(AssertionError, match="not happen"):
            soon(lambda: not alive(worker), 1)
        os.write(orders, b'{"stop": true}\n')
        soon(lambda: not alive(worker), 10)

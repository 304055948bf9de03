"""One real node through everything that happens to servers; the session's lab is not touched."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncmy
import psutil
import pytest
from asyncmy.errors import OperationalError
from conftest import require_extra, run, servers_below, temporary_home

from distdiag_tui.lab import state
from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.processes import recorded
from distdiag_tui.lab.report import NodeProgress, NodeState, NodeStatus, Stage
from distdiag_tui.lab.state import LabState, node_folder
from distdiag_tui.model.errors import LabError
from distdiag_tui.model.target import Secret


@pytest.fixture(scope="module")
def solo_home() -> Iterator[Path]:
    require_extra()
    with temporary_home() as home:
        yield home


@pytest.fixture
def solo(solo_home: Path) -> Lab:
    """A lab of one running node, whatever the test before did to it."""
    lab = Lab(solo_home)
    run(lab.up(1))
    return lab


@asynccontextmanager
async def connected(home: Path, password: Secret | None = None) -> AsyncIterator[asyncmy.Connection]:
    target = state.lab_target(home)
    secret = (target.password if password is None else password).reveal()
    port = target.endpoints[0].port
    async with await asyncmy.connect(host="127.0.0.1", port=port, user="root", password=secret) as link:
        yield link


def ask(home: Path, *statements: str, password: Secret | None = None) -> object:
    """The first value that the last statement returns."""

    async def steps() -> object:
        async with connected(home, password) as link, link.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)
            row = await cursor.fetchone()
            return row and row[0]

    return run(steps())


def only(lab: Lab) -> NodeStatus:
    (node,) = lab.status()
    return node


def pid_of(lab: Lab) -> int:
    pid = only(lab).pid
    assert pid is not None
    return pid


def cli(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "distdiag_tui", "lab", *arguments],
        env={**os.environ, "DISTDIAG_LAB_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def slow_cli(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "distdiag_tui", "lab", *arguments],
        env={**os.environ, "DISTDIAG_LAB_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_dead(pid: int) -> None:
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_dead(pid)


def test_a_running_lab_is_left_alone(solo: Lab) -> None:
    before = only(solo)
    events: list[NodeProgress] = []
    run(solo.up(progress=events.append))
    assert (only(solo).pid, only(solo).port) == (before.pid, before.port)
    assert events[-1] == NodeProgress("n1", Stage.SECURED, 1.0)
    assert len(servers_below(solo.home)) == 1


def test_a_killed_node_is_seen_and_healed_with_its_data(solo: Lab) -> None:
    ask(
        solo.home,
        "create table if not exists test.kept (a int primary key)",
        "replace into test.kept values (7)",
        "commit",
    )
    port = only(solo).port
    os.kill(pid_of(solo), signal.SIGKILL)
    while only(solo).state is not NodeState.CRASHED:
        continue
    shown = cli(solo.home, "status")
    assert shown.returncode == 1
    assert "✗ crashed" in shown.stdout
    events: list[NodeProgress] = []
    run(solo.up(progress=events.append))
    assert (only(solo).state, only(solo).port) == (NodeState.RUNNING, port)
    assert ask(solo.home, "select a from test.kept") == 7
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert list(dict.fromkeys(event.stage for event in events)) == list(Stage)


def test_a_frozen_node_is_seen_and_thawed(solo: Lab) -> None:
    pid = pid_of(solo)
    os.kill(pid, signal.SIGSTOP)
    assert only(solo).state is NodeState.FROZEN
    shown = cli(solo.home, "status")
    assert (shown.returncode, "‖ frozen" in shown.stdout) == (1, True)
    run(solo.up())
    assert (only(solo).state, only(solo).pid) == (NodeState.RUNNING, pid)


def test_down_ends_a_frozen_node_and_keeps_its_port(solo: Lab) -> None:
    port = only(solo).port
    os.kill(pid_of(solo), signal.SIGSTOP)
    assert run(solo.down()) == ["n1"]
    assert servers_below(solo.home) == []
    assert (only(solo).state, only(solo).port) == (NodeState.STOPPED, port)
    assert run(solo.down()) == []


def test_a_server_nobody_wrote_down_is_found(solo: Lab) -> None:
    """As after a command that was killed between starting a server and saving its process id."""
    pid = pid_of(solo)
    remembered = state.load(solo.home)
    assert remembered is not None
    state.save(solo.home, LabState((replace(remembered.nodes[0], pid=None, started=None),)))
    assert only(solo).pid == pid
    run(solo.up())
    assert pid_of(solo) == pid
    assert state.load(solo.home) == remembered


def test_another_start_time_is_another_process(solo: Lab) -> None:
    remembered = state.load(solo.home)
    assert remembered is not None
    node = remembered.nodes[0]
    assert node.started is not None
    assert recorded(solo.home, node) is not None
    assert recorded(solo.home, replace(node, started=node.started - 60)) is None


def test_a_recycled_process_id_is_never_signalled(solo: Lab) -> None:
    run(solo.down())
    remembered = state.load(solo.home)
    assert remembered is not None
    folder = str(node_folder(solo.home, "n1"))
    sleeper = [sys.executable, "-c", "input()", "--base-dir", folder]
    with subprocess.Popen(sleeper, stdin=subprocess.PIPE) as stranger:
        started = psutil.Process(stranger.pid).create_time()
        record = replace(remembered.nodes[0], pid=stranger.pid, started=started)
        state.save(solo.home, LabState((record,)))
        assert only(solo).state is NodeState.CRASHED
        solo.terminate()
        run(solo.down())
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0


def test_the_password_is_needed_and_shown_nowhere(solo: Lab) -> None:
    with pytest.raises(OperationalError, match="1045"):
        ask(solo.home, "select 1", password=Secret(""))
    secret = state.lab_target(solo.home).password.reveal()
    seen = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    files = [path for path in solo.home.glob("**/*") if path.is_file() and "store" not in path.parts]
    texts = [path.read_bytes() for path in files if path.name != "password"]
    outputs = [cli(solo.home, *words) for words in (["up"], ["status", "--json"], ["logs", "-n", "9999"])]
    seen += texts + [(each.stdout + each.stderr).encode() for each in outputs]
    assert len(texts) >= 3
    assert not any(secret.encode() in text for text in seen)


def test_other_machines_are_kept_out(solo: Lab) -> None:
    assert ask(solo.home, "select @@global.ob_tcp_invited_nodes") == "127.0.0.1,::1"


def test_a_node_that_ends_while_starting_says_why_and_the_others_run(solo: Lab) -> None:
    before = only(solo)
    broken = node_folder(solo.home, "n2")
    broken.mkdir()
    (broken / "log").touch()  # where the server wants a folder
    ended = cli(solo.home, "up", "--nodes", "2")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("distdiag: node n2 ended while starting: ")
    first, second = solo.status()
    assert (first.state, first.pid) == (NodeState.RUNNING, before.pid)
    assert second.state is NodeState.CRASHED
    shutil.rmtree(broken)
    remembered = state.load(solo.home)
    assert remembered is not None
    state.save(solo.home, LabState(remembered.nodes[:1]))


def test_a_start_that_takes_too_long_is_an_error_and_goes_on(solo: Lab) -> None:
    kill(pid_of(solo))
    with pytest.raises(LabError, match="node n1 did not answer within 0 s"):
        run(Lab(solo.home, ready_timeout=0.1).up())
    assert only(solo).state is NodeState.STARTING
    run(solo.up())
    assert only(solo).state is NodeState.RUNNING


def test_terminate_returns_at_once_and_ends_all(solo: Lab) -> None:
    pid = pid_of(solo)
    os.kill(pid, signal.SIGSTOP)
    solo.terminate()
    wait_dead(pid)
    assert servers_below(solo.home) == []


def test_the_caller_s_loop_stays_free_and_children_are_collected(solo: Lab) -> None:
    async def beats_while_restarting() -> int:
        await solo.down()
        task, beats = asyncio.create_task(solo.up()), 0
        while not task.done():
            await asyncio.sleep(0.05)
            beats += 1
        await task
        return beats

    assert run(beats_while_restarting()) > 10
    pid = pid_of(solo)
    run(solo.down())
    assert not psutil.pid_exists(pid)


def test_two_commands_at_once_start_one_lab() -> None:
    with temporary_home() as home:
        both = [slow_cli(home, "up", "--nodes", "1") for _ in range(2)]
        texts = [each.communicate(timeout=60) for each in both]
        assert [each.returncode for each in both] == [0, 0]
        assert sum("waiting for another lab command" in errors for _, errors in texts) == 1
        assert len(servers_below(home)) == 1


def test_an_interrupted_first_start_says_what_runs_and_can_be_finished() -> None:
    with temporary_home() as home:
        starting = slow_cli(home, "up", "--nodes", "1")
        assert starting.stderr is not None
        while "process started" not in starting.stderr.readline():
            assert starting.poll() is None
        starting.send_signal(signal.SIGINT)
        _, errors = starting.communicate(timeout=20)
        assert starting.returncode == 130
        assert errors.splitlines()[-1] == "interrupted; n1 is starting; to finish: distdiag lab up"
        lab = Lab(home)
        kill(pid_of(lab))  # it never got its password
        run(lab.up())
        assert ask(home, "select 1") == 1
        with pytest.raises(OperationalError, match="1045"):
            ask(home, "select 1", password=Secret(""))


def test_a_purge_removes_a_corrupt_lab_but_nothing_beyond_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    home = tmp_path / "lab"
    home.mkdir()
    (home / "n1").symlink_to(precious)
    (home / "n2").mkdir()
    (home / "notes").touch()
    (home / "state.json").write_text("{", encoding="utf-8")
    run(Lab(home).down(purge=True))
    assert [path.name for path in home.iterdir()] == ["notes"]
    assert (precious / "file").exists()

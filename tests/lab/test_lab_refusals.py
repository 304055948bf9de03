"""What the lab cannot do it says in one line, with exit code 2, before anything is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import run, servers_below

from distdiag_tui.lab import preflight, state
from distdiag_tui.lab.binary import check_platform
from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.preflight import MIB, Room
from distdiag_tui.lab.state import LabState, NodeRecord
from distdiag_tui.model.errors import LabError

MAIN = "import sys; sys.argv[0] = 'distdiag'; from distdiag_tui.cli import main; main()"


def refused(home: Path, *arguments: str, before: str = "pass") -> str:
    """The one line that `distdiag lab ...` ends with, after running `before` in its interpreter."""
    command = [sys.executable, "-c", f"{before}\n{MAIN}", "lab", *arguments]
    environment = {**os.environ, "DISTDIAG_LAB_HOME": str(home)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("distdiag: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "lab"
    yield home
    if servers_below(tmp_path):  # only where a refusal failed to come
        run(Lab(home).down(purge=True))


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("module", ["pylibseekdb", "psutil"])
def test_without_the_extra(home: Path, module: str) -> None:
    line = refused(home, "up", before=f"import sys; sys.modules[{module!r}] = None")
    assert "pip install 'distdiag-tui[lab]'" in line
    assert not home.exists()


def test_on_another_platform(home: Path) -> None:
    line = refused(home, "up", before="import platform; platform.system = lambda: 'Windows'")
    assert "Linux (x86_64, aarch64) only, this is Windows" in line


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [
        ("Darwin", "arm64", ("", "")),
        ("Linux", "riscv64", ("glibc", "2.36")),
        ("Linux", "x86_64", ("", "")),  # musl does not say its name
        ("Linux", "x86_64", ("glibc", "2.17")),
    ],
)
def test_platforms_that_lack_something(system: str, machine: str, libc: tuple[str, str]) -> None:
    with pytest.raises(LabError, match=r"the lab (runs on|needs)"):
        check_platform(system, machine, libc)


def test_platforms_that_do() -> None:
    check_platform("Linux", "x86_64", ("glibc", "2.28"))
    check_platform("Linux", "aarch64", ("glibc", "2.36"))


def test_a_given_port_in_use(home: Path, taken_port: int) -> None:
    line = refused(home, "up", "--port", str(taken_port))
    assert f"port {taken_port} is in use by " in line
    assert f"(pid {os.getpid()})" in line


def test_a_given_port_in_the_middle_of_the_row_in_use(home: Path) -> None:
    with ExitStack() as held:
        while True:  # until the port before it is free
            server = held.enter_context(socket.create_server(("127.0.0.1", 0)))
            taken = server.getsockname()[1]
            if preflight.is_free(taken - 1):
                break
        line = refused(home, "up", "--nodes", "3", "--port", str(taken - 1))
    assert f"port {taken} is in use" in line


def test_a_remembered_port_in_use(home: Path, taken_port: int) -> None:
    home.mkdir()
    state.save(home, LabState((NodeRecord("n1", "zone1", taken_port),)))
    state.create_password(home)
    assert f"port {taken_port} of node n1 is in use by " in refused(home, "up")


def test_ports_that_do_not_exist(home: Path) -> None:
    assert "65535" in refused(home, "up", "--port", "65535", "--nodes", "2")


def test_chosen_ports_are_free_and_distinct(taken_port: int) -> None:
    ports = preflight.choose_ports(16, None, {})
    assert len(set(ports)) == 16
    assert all(preflight.is_free(port) for port in ports)
    assert not preflight.is_free(taken_port)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file" / "lab", Path("/proc/lab")):  # these refuse the superuser, too
        assert f"cannot write the lab folder {home}: " in refused(home, "up")


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (
            Room(memory=2_000 * MIB, disk=99_999 * MIB),
            "too little memory: 3 nodes need 2100 MB, 2000 MB are free",
        ),
        (
            Room(memory=99_999 * MIB, disk=1_000 * MIB),
            "too little disk in .*: 3 nodes need 1500 MB, 1000 MB are free",
        ),
    ],
)
def test_too_little_room(home: Path, room: Room, words: str) -> None:
    with pytest.raises(LabError, match=words) as caught:
        run(Lab(home, measure=lambda _home: room).up())
    assert caught.value.exit_code == 2
    assert Lab(home).status() == []


def test_room_is_needed_only_for_what_is_to_be_started(tmp_path: Path) -> None:
    preflight.check_room(Room(memory=0, disk=0), starting=0, new=0, home=tmp_path)
    preflight.check_room(Room(memory=800 * MIB, disk=0), starting=1, new=0, home=tmp_path)


def test_the_machine_is_measured(tmp_path: Path) -> None:
    room = preflight.measure(tmp_path)
    assert room.disk > MIB
    assert room.memory > MIB


@pytest.mark.parametrize("command", ["up", "down", "status", "logs"])
def test_a_corrupt_state(home: Path, command: str) -> None:
    home.mkdir()
    (home / "state.json").write_text("{", encoding="utf-8")
    assert f"{home}/state.json is corrupt" in refused(home, command)


def test_a_lost_password(home: Path) -> None:
    home.mkdir()
    state.save(home, LabState((NodeRecord("n1", "zone1", preflight.choose_ports(1, None, {})[0]),)))
    assert "password is gone" in refused(home, "up")


def test_fewer_nodes_than_there_are(home: Path) -> None:
    home.mkdir()
    state.save(home, LabState((NodeRecord("n1", "zone1", 21001), NodeRecord("n2", "zone2", 21002))))
    assert "the lab has 2 nodes; for fewer" in refused(home, "up", "--nodes", "1")


@pytest.mark.parametrize("count", ["0", "17", "x"])
def test_a_senseless_number_of_nodes(home: Path, count: str) -> None:
    assert "--nodes" in refused(home, "up", "--nodes", count)


def test_a_program_asking_for_too_many_nodes(home: Path) -> None:
    with pytest.raises(LabError, match="1 to 16 nodes, not 17"):
        run(Lab(home).up(17))


def test_logs_of_no_node(home: Path) -> None:
    assert "no lab is running" in refused(home, "logs")
    home.mkdir()
    state.save(home, LabState((NodeRecord("n1", "zone1", 21001),)))
    assert "it has n1" in refused(home, "logs", "../n2")

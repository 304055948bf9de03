"""The machine of the lab, with real processes in the place of its nodes."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hostcolumns import column, server

from distdiag_tui.hosts import local, process
from distdiag_tui.hosts.lab import LabHosts
from distdiag_tui.hosts.threads import Threads
from distdiag_tui.lab.state import LabState, NodeRecord, save
from distdiag_tui.sources.frame import Sample

BUSY = ["sh", "-c", "while :; do :; done"]
IDLE = ["sleep", "600"]
SERVERS = (server("n1"), server("n2"))

Readings = Mapping[str, Sample]


class Nodes:
    """Processes that pass for nodes in the lab's state."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str]) -> None:
        (self.home / name).mkdir(exist_ok=True)
        self.processes[name] = subprocess.Popen(command)
        self.save()

    def end(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def save(self, **wrong: float) -> None:
        """`wrong`: when processes began, if not as they did."""
        records = [
            NodeRecord(
                name, "zone1", 2881, each.pid, wrong.get(name) or psutil.Process(each.pid).create_time()
            )
            for name, each in self.processes.items()
        ]
        save(self.home, LabState(tuple(records)))


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    found = Nodes(tmp_path)
    yield found
    for name in found.processes:
        found.end(name)


@pytest.fixture
async def hosts(nodes: Nodes) -> AsyncIterator[LabHosts]:
    before = handles()
    made = LabHosts(nodes.home)
    yield made
    await made.close()
    assert handles() == before


def handles() -> list[str]:
    """Files in /proc of others that this process has open."""
    found = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the folder that is being read is closed by then
            found.append(str(file.readlink()))
    mine = f"/proc/{os.getpid()}"
    return sorted(each for each in found if each.startswith("/proc/") and not each.startswith(mine))


async def until(hosts: LabHosts, seen: Callable[[Readings], bool]) -> Readings:
    """The first readings in which something is seen."""
    async with asyncio.timeout(20):
        while not seen(found := await hosts.read(SERVERS)):  # noqa: ASYNC110  the kernel tells nobody
            await asyncio.sleep(0.02)
    return found


async def test_nodes_share_the_machine_and_each_has_its_own_process(nodes: Nodes, hosts: LabHosts) -> None:
    nodes.start("n1", BUSY)
    nodes.start("n2", IDLE)
    first = await hosts.read(SERVERS)
    later = await until(
        hosts, lambda now: column(now["n1"], "proc_user") > column(first["n1"], "proc_user") + 50_000
    )
    assert column(later["n2"], "proc_user") == column(first["n2"], "proc_user")
    assert column(later["n1"], "proc_runs") > column(first["n1"], "proc_runs")
    for name in ("machines", "elapsed", "cpu_user", "memory_total", "tcp_sent", "disk_writes"):
        one, other = (column(later[each], name) for each in ("n1", "n2"))
        assert one == other or (math.isnan(one) and math.isnan(other)), name
    assert column(later["n1"], "cpus") == os.cpu_count()
    assert column(later["n1"], "memory_total") == psutil.virtual_memory().total
    assert column(later["n2"], "proc_memory") == psutil.Process(nodes.processes["n2"].pid).memory_info().rss
    assert {host.name for host in hosts.machines.values()} == {os.uname().nodename}


async def test_a_process_that_is_stopped_is_seen(nodes: Nodes, hosts: LabHosts) -> None:
    nodes.start("n1", IDLE)
    await until(hosts, lambda now: column(now["n1"], "proc_looks") > 2)
    found = await hosts.read(SERVERS)
    assert column(found["n1"], "proc_stopped") == 0
    nodes.processes["n1"].send_signal(signal.SIGSTOP)
    found = await until(hosts, lambda now: column(now["n1"], "proc_stopped") > 2)
    assert column(found["n1"], "proc_stopped") <= column(found["n1"], "proc_looks") - 3


async def test_after_its_process_a_node_s_machine_still_tells(nodes: Nodes, hosts: LabHosts) -> None:
    nodes.start("n1", IDLE)
    before = (await hosts.read(SERVERS))["n1"]
    assert column(before, "proc_threads") == 1
    nodes.end("n1")
    gone = (await hosts.read(SERVERS))["n1"]
    assert math.isnan(column(gone, "proc_threads"))
    assert column(gone, "cpu_idle") >= column(before, "cpu_idle")
    nodes.start("n1", IDLE)
    again = (await hosts.read(SERVERS))["n1"]
    assert column(again, "proc_threads") == 1
    assert again.epoch != before.epoch


async def test_an_id_that_now_belongs_to_another_process_is_not_believed(
    nodes: Nodes, hosts: LabHosts
) -> None:
    nodes.start("n1", IDLE)
    nodes.save(n1=1_600_000_000.0)
    found = (await hosts.read(SERVERS))["n1"]
    assert math.isnan(column(found, "proc_threads"))
    assert column(found, "machines") == 1


@pytest.mark.parametrize("place", ["Threads", "read_text"])
def test_a_process_that_ends_while_it_is_opened_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def ended(*_: object) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(process, place, ended)
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(ProcessLookupError):
        process.LocalProcess(os.getpid(), 10)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


async def test_without_a_lab_s_state_there_is_nothing(nodes: Nodes, hosts: LabHosts) -> None:
    assert await hosts.read(SERVERS) == {}
    (nodes.home / "state.json").write_text("nonsense")
    assert await hosts.read(SERVERS) == {}


def test_a_file_that_the_kernel_gives_page_by_page_is_read_whole() -> None:
    text = local.read_text("/proc/self/smaps")
    assert len(text) > os.sysconf("SC_PAGESIZE")
    assert text.endswith("\n")
    last = Path("/proc/self/maps").read_text().splitlines()[-1]
    assert last in text


@pytest.mark.parametrize("kept", [0, 2, 100])
def test_what_threads_waited_stays_when_they_end(kept: int) -> None:
    process = os.open("/proc/self", os.O_RDONLY)
    over = threading.Event()
    others = [threading.Thread(target=over.wait) for _ in range(5)]
    before = len([*Path("/proc/self/fd").iterdir()])
    threads = Threads(process, kept)
    try:
        for each in others:
            each.start()
        first = threads.figures()
        over.set()
        for each in others:
            each.join()
        second, third = threads.figures(), threads.figures()
    finally:
        threads.close()
        left = len([*Path("/proc/self/fd").iterdir()])
        os.close(process)
    assert first["proc_runs"] == 0  # counted since somebody looks
    assert second["proc_runs"] >= first["proc_runs"]
    assert third["proc_runs"] >= second["proc_runs"]
    assert third["proc_run_delay"] >= second["proc_run_delay"]
    assert left == before

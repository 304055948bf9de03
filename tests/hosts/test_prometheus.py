"""Machines by way of a real Prometheus and a real node_exporter, and what its answers mean."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from hostcolumns import column, server
from promserver import EXPORTER, PROMETHEUS, Monitoring, monitoring

from distdiag_tui.hosts import series
from distdiag_tui.hosts.prometheus import PrometheusHosts
from distdiag_tui.model.hostaccess import HostAccess, NodeExporter
from distdiag_tui.model.target import Secret
from distdiag_tui.model.topology import Host
from distdiag_tui.sources.frame import Sample

NEEDS_BOTH = pytest.mark.skipif(
    not (PROMETHEUS and EXPORTER), reason="needs prometheus and prometheus-node-exporter"
)
SERVERS = (server("n1"), server("n2", "10.0.0.9"), server("n3", "db3.example"))


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Monitoring]:
    async with monitoring(tmp_path) as found:
        yield found


async def until(
    hosts: PrometheusHosts, seen: Callable[[Mapping[str, Sample]], object]
) -> Mapping[str, Sample]:
    """The first reading in which something is seen."""
    async with asyncio.timeout(30):
        while not seen(found := await hosts.read(SERVERS)):  # noqa: ASYNC110  it is asked, it does not tell
            await asyncio.sleep(0.05)
    return found


@NEEDS_BOTH
async def test_figures_of_node_exporter(there: Monitoring) -> None:
    way = NodeExporter(there.url, {"job": "node"})
    hosts = PrometheusHosts(way, HostAccess(way, {"n3": "127.0.0.1"}))
    first = (await until(hosts, lambda found: "n1" in found))["n1"]
    found = await until(hosts, lambda found: "n1" in found)
    second = found["n1"]
    assert column(first, "cpus") == os.cpu_count()
    assert column(first, "memory_total") == psutil.virtual_memory().total
    spent = sum(
        column(second, f"cpu_{name}") - column(first, f"cpu_{name}") for name in ("user", "system", "idle")
    )
    passed = column(second, "elapsed") - column(first, "elapsed")
    assert 0.3 * passed < spent / (os.cpu_count() or 1) < 1.5 * passed
    assert second.at - first.at == pytest.approx(passed / 1e6, abs=1e-3)
    assert second.every == pytest.approx(passed / 1e6, abs=1e-3)
    assert column(second, "net_in_bytes") >= 0
    assert math.isnan(column(second, "proc_threads"))  # node_exporter knows no processes
    assert alike(found["n3"], second)
    assert hosts.machines == {
        "n1": Host(os.uname().nodename, "Prometheus"),
        "n2": Host("", "Prometheus", "no series of node_exporter with instance 10.0.0.9"),
        "n3": Host(os.uname().nodename, "Prometheus"),
    }
    there.exporter.kill()
    await until(hosts, lambda _: hosts.machines["n1"].trouble)
    assert hosts.machines["n1"].trouble == "no series of node_exporter with instance 127.0.0.1"
    await hosts.close()


def alike(one: Sample, other: Sample) -> bool:
    return all(
        column(one, name) == column(other, name)
        for name in ("cpu_user", "memory_available", "elapsed", "load")
    )


@pytest.fixture
async def answering() -> AsyncIterator[Callable[[bytes], Any]]:
    """Starts servers that give every request the same answer; what they were asked is in their list."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> tuple[str, list[bytes]]:
        asked: list[bytes] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            writer.close()

        servers.append(await asyncio.start_server(handle, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}", asked

    yield start
    for each in servers:
        each.close()
        await each.wait_closed()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nnope", "answers HTTP 401"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "not JSON"),
        (b"", "cannot be reached"),
    ],
)
async def test_trouble_is_one_line_without_the_secret(
    answering: Callable[[bytes], Any], answer: bytes, words: str
) -> None:
    url, asked = await answering(answer)
    way = NodeExporter(url, token=Secret("s3cret"))
    hosts = PrometheusHosts(way, HostAccess(way))
    assert await hosts.read(SERVERS) == {}
    told = hosts.machines["n1"].trouble
    assert words in told
    assert "s3cret" not in told + repr(hosts.machines) + repr(way)
    assert "\n" not in told
    assert b"Authorization: Bearer s3cret" in asked[0]
    before = len(asked)
    assert await hosts.read(SERVERS) == {}  # not asked again at once
    assert len(asked) == before


def one(name: str, value: float = 1.0, **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, **labels}, "value": [0, str(value)]}


@pytest.mark.parametrize(
    ("path", "disk"),
    [
        ("/data/1/ob", "nvme1n1"),
        ("/data/1", "nvme1n1"),
        ("/data/10", "vda"),
        ("/var", "vda"),
        ("/mapped/x", "dm-0"),
        ("/nfs/x", ""),
        ("", ""),
    ],
)
def test_the_disk_that_holds_a_path(path: str, disk: str) -> None:
    mounts = [
        one("node_filesystem_size_bytes", mountpoint=mount, device=device)
        for mount, device in (
            ("/", "/dev/vda1"), ("/data/1", "/dev/nvme1n1p2"), ("/mapped", "/dev/dm-0"), ("/nfs", "host:/a"),
        )
    ]  # fmt: skip
    disks = [one("node_disk_reads_completed_total", device=name) for name in ("vda", "nvme1n1", "dm-0")]
    assert series.device_of(path, mounts, disks) == disk


def test_without_a_path_the_only_disk_there_is() -> None:
    assert series.device_of("", [], [one("node_disk_reads_completed_total", device="sda")]) == "sda"


def test_what_is_no_number_costs_only_its_own_figure() -> None:
    answer = [
        one("node_time_seconds", 5, instance="a"),
        one("node_load1", math.nan, instance="a"),
        one("node_boot_time_seconds", math.inf, instance="a"),
        one("node_procs_running", 3, instance="a"),
    ]
    found = series.by_instance([answer], "instance")["a"]
    assert series.clock(found) == (5, 0)
    assert series.figures(found, "") == {"running": 3}


def test_figures_of_other_disks_and_modes_do_not_mix() -> None:
    found = series.figures(
        [
            one("node_disk_reads_completed_total", 5, device="sda"),
            one("node_disk_reads_completed_total", 70, device="sdb"),
            one("node_memory_SwapTotal_bytes", 100),
            one("node_memory_SwapFree_bytes", 30),
            one("node_network_receive_errs_total", 1),
            one("node_network_transmit_errs_total", 2),
            {"metric": {"instance": "a", "mode": "softirq"}, "value": [0, "0.5"]},
            {"metric": {"instance": "a", "mode": "irq"}, "value": [0, "0.25"]},
            {"metric": {"instance": "a", "mode": "of another system"}, "value": [0, "9"]},
            {"metric": {"instance": "a"}, "value": [0, "16"]},
        ],
        "sda",
    )
    assert found == {
        "disk_reads": 5, "swap_total": 100, "swap_used": 70, "net_errors": 3, "cpu_system": 750_000,
        "cpus": 16,
    }  # fmt: skip

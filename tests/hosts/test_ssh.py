"""Machines over SSH: OpenSSH's server where there is one, and asyncssh's, both with keys of their own."""

from __future__ import annotations

import asyncio
import getpass
import math
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest
from hostcolumns import PORT, Observer, column, observer, server
from sshserver import SSHD, Place, asyncssh_server, system_server

from distdiag_tui.hosts.machines import RemoteHosts, machine_of
from distdiag_tui.hosts.remote import RemoteMachine
from distdiag_tui.hosts.ssh import SshShell, open_ssh
from distdiag_tui.model.errors import ConnectError
from distdiag_tui.model.hostaccess import HostAccess, Ssh
from distdiag_tui.model.topology import Status

NEEDS_SSHD = pytest.mark.skipif(not Path(SSHD).exists(), reason="needs OpenSSH's server")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with asyncssh_server(tmp_path) as found:
        yield found


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Observer]:
    async with observer(tmp_path) as found:
        yield found


def access(place: Place) -> Ssh:
    return Ssh(getpass.getuser(), place.port, str(place.key), str(place.known_hosts))


def machine(way: Ssh, program: str) -> RemoteMachine:
    return RemoteMachine(partial(open_ssh, "127.0.0.1", way), program)


async def check(place: Place, there: Observer) -> None:
    """A machine's figures, and its server's process."""
    asked = machine(access(place), there.program)
    try:
        first = (await asked.read({"n1": PORT}))["n1"]
        second = (await asked.read({"n1": PORT}))["n1"]
    finally:
        await asked.close()
    assert (asked.trouble, asked.name) == ("", os.uname().nodename)
    assert column(first, "cpus") == os.cpu_count()
    assert column(second, "cpu_user") >= column(first, "cpu_user") > 0
    assert column(first, "proc_threads") == 1
    assert column(first, "proc_memory") > 100_000
    assert column(first, "proc_files") == psutil.Process(there.process.pid).num_fds()
    assert math.isfinite(column(first, "proc_run_delay"))
    assert second.at - first.at == pytest.approx(
        (column(second, "elapsed") - column(first, "elapsed")) / 1e6, abs=1e-4
    )


async def test_figures_over_ssh(place: Place, there: Observer) -> None:
    await check(place, there)


@NEEDS_SSHD
async def test_figures_from_the_server_that_everybody_has(tmp_path: Path, there: Observer) -> None:
    async with system_server(tmp_path) as place:
        await check(place, there)


@pytest.mark.parametrize("host", ["10.0.0.9:22 '-oProxyCommand=touch x #'", "${SECRET}", "-oA=b", "", "a b"])
async def test_what_is_no_name_of_a_machine_gets_to_no_proxy_command(host: str) -> None:
    with pytest.raises(ConnectError, match="is not the name of a machine"):
        await open_ssh(host, Ssh())


async def test_a_host_whose_key_is_not_known_is_not_trusted(place: Place, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    asked = machine(replace(access(place), known_hosts=str(tmp_path / "nobody")), "observer")
    assert await asked.read({"n1": PORT}) == {}
    assert asked.trouble == "127.0.0.1: its key is not among the known hosts; connect once with ssh"


async def test_a_wrong_key_and_a_dead_port_say_so_and_are_left_alone(place: Place, tmp_path: Path) -> None:
    wrong = machine(replace(access(place), key=str(tmp_path / "host_key")), "observer")
    assert await wrong.read({"n1": PORT}) == {}
    assert "permission denied" in wrong.trouble
    dead = machine(replace(access(place), port=1), "observer")
    assert await dead.read({"n1": PORT}) == {}
    told = dead.trouble
    assert told
    assert "\n" not in told
    assert await dead.read({"n1": PORT}) == {}  # within its pause nothing is tried
    assert dead.trouble == told


async def test_a_server_that_is_not_there_costs_only_its_process(place: Place) -> None:
    asked = machine(access(place), "no_such_program")
    try:
        found = (await asked.read({"n1": PORT}))["n1"]
    finally:
        await asked.close()
    assert column(found, "machines") == 1
    assert math.isnan(column(found, "proc_threads"))
    assert asked.trouble == "no process no_such_program of n1 found there"


async def test_servers_on_one_machine_are_told_apart_by_their_ports(
    place: Place, there: Observer, tmp_path: Path
) -> None:
    way, given = access(place), HostAccess(None, {"n2": "127.0.0.1"}, there.program)
    asked: list[str] = []

    def connect(host: str) -> RemoteMachine:
        asked.append(host)
        return machine(way, there.program)

    hosts = RemoteHosts("SSH", partial(machine_of, given), connect)
    proxy = replace(server("proxy", "proxy.example"), status=Status.CONNECTING)
    servers = (server("n1"), server("n2", "db2.example", 2883), server("n3", port=9999), proxy)
    async with observer(tmp_path, 2883, there.program) as other:
        try:
            samples = await hosts.read(servers)
            while not samples:
                samples = await hosts.read(servers)
        finally:
            await hosts.close()
        memory = [psutil.Process(each.process.pid).memory_info().rss for each in (there, other)]
    assert asked == ["127.0.0.1"]
    assert [column(samples[name], "proc_memory") for name in ("n1", "n2")] == memory
    assert math.isnan(column(samples["n3"], "proc_memory"))
    assert hosts.machines["n2"].name == hosts.machines["n1"].name == os.uname().nodename


async def test_a_server_that_was_started_anew_does_not_compare(place: Place, tmp_path: Path) -> None:
    async with observer(tmp_path, name="obsanew") as first:
        asked = machine(access(place), "obsanew")
        before = (await asked.read({"n1": PORT}))["n1"]
        first.process.send_signal(signal.SIGSTOP)
        there = psutil.Process(first.process.pid)
        while there.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110  the kernel tells nobody
            await asyncio.sleep(0.01)
        stopped = (await asked.read({"n1": PORT}))["n1"]
    assert [column(each, "proc_stopped") for each in (before, stopped)] == [0, 1]
    assert before.epoch == stopped.epoch
    gone = (await asked.read({"n1": PORT}))["n1"]
    assert math.isnan(column(gone, "proc_threads"))
    async with observer(tmp_path, name="obsanew"):
        again = (await asked.read({"n1": PORT}))["n1"]
    await asked.close()
    assert column(again, "proc_threads") == 1
    assert again.epoch != before.epoch


class Lost:
    """A connection, and the shell over there, whose answer does not come through."""

    def __init__(self) -> None:
        self.stdin = self.stdout = self

    def write(self, data: bytes) -> None:
        """Into nothing."""

    async def readuntil(self, end: bytes) -> bytes:
        """As asyncssh does then."""
        raise asyncssh.ConnectionLost("Connection lost")

    def abort(self) -> None:
        """It is gone."""

    async def wait_closed(self) -> None:
        """At once."""


async def test_a_connection_that_is_lost_in_the_middle_of_an_answer_is_trouble() -> None:
    lost: Any = Lost()

    async def opening() -> SshShell:
        return SshShell(lost, lost)

    asked = RemoteMachine(opening, "observer")
    assert await asked.read({"n1": PORT}) == {}
    assert asked.trouble == "the connection has ended: Connection lost"


async def test_a_machine_that_goes_away_says_so(tmp_path: Path, there: Observer) -> None:
    async with asyncssh_server(tmp_path) as place:
        asked = machine(access(place), there.program)
        assert await asked.read({"n1": PORT})
    assert await asked.read({"n1": PORT}) == {}
    assert asked.trouble
    await asked.close()

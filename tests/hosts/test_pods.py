"""Machines of ob-operator's pods: a shell in each, through the stand-in API server, whose pods run here."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from apiserver import PODS, ApiServer
from chaosworld import OTHERS, POD, SERVER, World, stand_in
from hostcolumns import Observer, column, observer, server

from distdiag_tui.hosts import pods, remote
from distdiag_tui.hosts.pods import PodHosts
from distdiag_tui.kube.place import Place
from distdiag_tui.model.hostaccess import HostAccess, Pods
from distdiag_tui.model.topology import Server
from distdiag_tui.sources.frame import Sample

RIGHTS = {("list", "observers.oceanbase.oceanbase.com"), ("list", "pods"), ("get", "pods/exec")}
SERVERS = (server("a", SERVER.host), server("b", "10.9.9.9"), server("c", "127.0.0.1", 20881))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with stand_in(tmp_path, installed=False) as found:
        yield found


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Observer]:
    async with observer(tmp_path) as found:
        yield found


def hosts_of(world: World, program: str) -> PodHosts:
    """With a name for the one behind a port-forward."""
    return PodHosts(Place(namespace=world.namespace), HostAccess(Pods(), {"c": OTHERS[0]}, program))


async def until(
    hosts: PodHosts, seen: Callable[[Mapping[str, Sample]], object], servers: tuple[Server, ...] = SERVERS
) -> Mapping[str, Sample]:
    """All readings until something is seen, the newest of each server."""
    found: dict[str, Sample] = {}
    async with asyncio.timeout(20):
        while not seen(found):
            found.update(await hosts.read(servers))
            await asyncio.sleep(0.01)
    return found


async def test_figures_of_pods_with_no_more_rights_than_that_takes(world: World, there: Observer) -> None:
    world.gate.rights = RIGHTS
    hosts = hosts_of(world, there.program)
    try:
        found = await until(hosts, lambda found: {"a", "c"} <= set(found))
    finally:
        await hosts.close()
    assert set(found) == {"a", "c"}
    for name in found:
        assert column(found[name], "cpus") == os.cpu_count()
        assert column(found[name], "proc_threads") == 1
        assert column(found[name], "cgroup_memory") > 0
    told = hosts.machines
    assert (told["a"].name, told["a"].trouble) == ("node1", "")
    assert told["c"].name not in ("", "node1")
    assert told["b"].trouble.startswith(f"no pod in namespace {world.namespace} has b (10.9.9.9:2881)")
    assert world.gate.used == RIGHTS


async def test_what_is_not_permitted_is_said(world: World) -> None:
    world.gate.rights = RIGHTS - {("get", "pods/exec")}
    hosts = hosts_of(world, "observer")
    assert await hosts.read(SERVERS) == {}
    await hosts.close()
    assert hosts.machines["a"].trouble == f"you may not create pods/exec in namespace {world.namespace}"


async def test_a_pod_that_was_made_anew_elsewhere_is_on_its_new_node(
    world: World, there: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "_AGAIN", 0.0)
    monkeypatch.setattr(remote, "_BACK_OFF", (0.05, 0.05))
    hosts = hosts_of(world, there.program)
    await until(hosts, lambda found: "a" in found, SERVERS[:1])
    assert hosts.machines["a"].name == "node1"
    assert isinstance(world.server, ApiServer)
    store = world.server.store
    pod = store.get(PODS, world.namespace, POD)
    store.update(PODS, {**pod, "spec": {**pod["spec"], "nodeName": "node7"}})
    await world.down()
    await until(hosts, lambda _: hosts.machines["a"].trouble, SERVERS[:1])
    await world.up()
    await until(hosts, lambda _: hosts.machines["a"].name == "node7", SERVERS[:1])
    await hosts.close()


async def test_shells_end_with_the_console_and_with_the_server(world: World, there: Observer) -> None:
    hosts = hosts_of(world, there.program)
    await until(hosts, lambda found: "a" in found, SERVERS[:1])
    assert shells()
    await world.down()
    await until(hosts, lambda _: hosts.machines["a"].trouble, SERVERS[:1])
    await world.up()
    await hosts.close()
    async with asyncio.timeout(10):
        while shells():  # noqa: ASYNC110  the kernel tells nobody
            await asyncio.sleep(0.02)


def shells() -> list[str]:
    """Of ours that are children of this process."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                command = Path(f"/proc/{child}/cmdline").read_text()
            except OSError:
                continue
            if "read -r verb rest" in command:
                found.append(child)
    return found


@pytest.mark.parametrize("pod", [POD])
async def test_a_program_that_is_not_in_the_image_says_so(world: World, pod: str) -> None:
    from distdiag_tui.kube.exec import run_in_pod  # noqa: PLC0415

    program = await run_in_pod(Place(), world.namespace, pod, (f"{sys.prefix}/no such program",), 5.0)
    with pytest.raises(OSError, match="could not be run"):
        await program.read_until(b"\n")
    await program.close()

"""A cluster found from one address: every version, every kind of account and of way to it."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
from watching import Watch, figure_of, watching

from distdiag_tui.model.metrics import CATALOGUE, COLUMNS, Kind
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Endpoint, Sampling, Target
from distdiag_tui.model.topology import Status, Subject, Zone
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim
from distdiag_tui.sources.discovery.history import History
from distdiag_tui.sources.discovery.look import Discovery
from distdiag_tui.sources.frame import Sample
from distdiag_tui.sources.node import Node
from distdiag_tui.sources.reader import Reader

SERVERS = 3
VERSIONS = ("4.2.1", "4.2.5", "4.3.3", "4.3.5")


@pytest.fixture
async def sim() -> AsyncIterator[Sim]:
    """Three zones with a server each, two tenants besides sys."""
    async with Sim(Shape(servers=SERVERS, tenants=2), seed=1, obproxy=0) as found:
        yield found


def through(sim: Sim, sampling: Sampling, user: str = "root@sys") -> Target:
    return dataclasses.replace(sim.target(user), sampling=sampling)


def all_figures(snapshot: Snapshot) -> bool:
    """Whether every server has one."""
    return all(figure_of(snapshot, each.name) > 0 for each in snapshot.servers)


async def all_up(watch: Watch) -> Snapshot:
    """The first snapshot with figures of all servers."""
    snapshot = await watch.until(lambda s: len(s.servers) == SERVERS and all_figures(s))
    assert all(each.status.answers for each in snapshot.servers)
    return snapshot


def filled(sample: Sample) -> set[object]:
    """Columns with a value for some tenant."""
    there = np.flatnonzero((~np.isnan(sample.columns)).any(axis=0))
    return {COLUMNS[index] for index in there}


@pytest.mark.parametrize("version", VERSIONS)
async def test_all_that_is_asked_is_answered_by_every_version(version: str) -> None:
    async with Sim(Shape(version=version, servers=3), seed=1) as sim:
        target = sim.target()
        discovery, reader, node = Discovery(target), Reader(target), Node(target.endpoints[0], target)
        sim.symptom("z1s1", "locks", 5)  # and so with transactions that are old
        try:
            for _ in range(50):
                known = await discovery.look(target.endpoints)
                if all(known.answers.parts.values()):
                    break
                await asyncio.sleep(0.1)
            assert known.layout.missing == ()
            assert {part for part, rows in known.answers.parts.items() if not rows} == set()
            assert next(iter(known.layout.members.values())).oldest_transaction == pytest.approx(
                time.time() - 90, abs=10
            )
            assert await History().fresh(discovery.session, known, ()) == ()
            samples = await reader.poll(target.endpoints)
            assert (reader.status.answers, reader.detail) == (True, "")
            assert samples.keys() == known.places.keys()
            own = await node.poll()
            assert own is not None
            assert (node.server().status.answers, node.server().detail) == (True, "")
            assert node.key is not None
            wide = samples[node.key]
            assert filled(wide) == filled(own)
            assert set(wide.tenants) == set(own.tenants)
        finally:
            discovery.close()
            reader.close()
            node.close()


async def test_one_address_is_enough(sim: Sim) -> None:
    async with watching(sim.target(), 0.5) as watch:
        snapshot = await all_up(watch)
    assert [(each.address, each.zone) for each in snapshot.servers] == [
        (sim.endpoint(f"z{number}s1").address, f"zone{number}") for number in (1, 2, 3)
    ]
    layout = snapshot.layout
    assert layout is not None
    assert layout.sampling == "direct"
    assert layout.zones[0] == Zone("zone1", "ACTIVE", "region1", "idc1")
    assert {member.state for member in layout.members.values()} == {"ACTIVE"}
    assert sum(member.rootserver for member in layout.members.values()) == 1
    assert {tenant.name for tenant in layout.tenants} >= {"sys", "t1", "t2"}
    led = sum(member.leaders or 0 for member in layout.members.values())
    assert led == sum(sum(tenant.leaders.values()) for tenant in layout.tenants) > 0
    assert all(abs(member.clock_offset or 9) < 1 for member in layout.members.values())
    tenants = {subject.tenant for subject in snapshot.values}
    assert tenants == {"", "sys", "t1", "t2"}


@pytest.mark.parametrize("sampling", [Sampling.CLUSTER, Sampling.DIRECT])
async def test_sessions_that_wait_for_row_locks_are_counted_where_they_wait(
    sim: Sim, sampling: Sampling
) -> None:
    sim.symptom("z1s1", "locks", 60)
    async with watching(through(sim, sampling)) as watch:
        await all_up(watch)
        seen = await watch.until(lambda s: max(waiting_on(s).values()) > 0)
    (sick,) = (name for name, count in waiting_on(seen).items() if count > 0)
    assert waiting_on(seen)[sick] <= figure_of(seen, sick, "sessions_active")


def waiting_on(snapshot: Snapshot) -> dict[str, float]:
    """Sessions that wait for row locks, by server."""
    return {each.name: figure_of(snapshot, each.name, "lock_waiters") for each in snapshot.servers}


async def test_one_connection_gives_the_figures_that_many_give(sim: Sim) -> None:
    async with (
        watching(through(sim, Sampling.CLUSTER)) as one,
        watching(through(sim, Sampling.DIRECT)) as many,
    ):
        wide, direct = await all_up(one), await all_up(many)
    assert wide.layout is not None
    assert direct.layout is not None
    assert (wide.layout.sampling, direct.layout.sampling) == ("cluster", "direct")
    assert wide.values.keys() == direct.values.keys()
    for subject, values in direct.values.items():
        for metric, value in zip(CATALOGUE, values, strict=True):
            if not metric.under or metric.kind is Kind.GAUGE:  # a ratio needs something that happened
                assert math.isnan(value) == math.isnan(wide.value(subject, metric.id)), (subject, metric.id)
    for name in ("memory_used", "data_disk_percent", "plan_cache_used"):
        assert wide.value(Subject(), name) == pytest.approx(direct.value(Subject(), name), rel=0.1)
    names = {each.name: (each.zone, each.address, each.tenants) for each in wide.servers}
    assert names == {each.name: (each.zone, each.address, each.tenants) for each in direct.servers}


@pytest.mark.parametrize(("user", "sampling"), [("root", Sampling.DIRECT), ("monitor", Sampling.CLUSTER)])
async def test_an_account_of_a_tenant_sees_that_alone(sim: Sim, user: str, sampling: Sampling) -> None:
    async with watching(through(sim, sampling, f"{user}@t1"), 0.5) as watch:
        snapshot = await all_up(watch)
    assert snapshot.layout is not None
    assert snapshot.layout.tenant == "t1"
    assert {tenant.name for tenant in snapshot.layout.tenants} == {"t1"}
    assert {subject.tenant for subject in snapshot.values} == {"", "t1"}
    assert {zone.name for zone in snapshot.layout.zones} == set(sim.zones)
    assert {unit.server for unit in snapshot.layout.units} == {each.name for each in snapshot.servers}
    assert snapshot.layout.tenants[0].leaders
    assert any("no states of servers" in line for line in snapshot.layout.missing)


async def test_through_an_obproxy(sim: Sim) -> None:
    target = sim.target("monitor@sys", obproxy=True)
    assert target.user == "monitor@sys#sim"
    async with watching(target, 0.5) as watch:
        first = await watch.next()
        assert all(each.status is not Status.UNREACHABLE for each in first.servers)
        snapshot = await all_up(watch)
    assert snapshot.layout is not None
    assert snapshot.layout.sampling == "cluster"
    addresses = {each.address for each in snapshot.servers}
    assert addresses == {sim.endpoint(name).address for name in sim.servers}


async def test_an_obproxy_that_nobody_named_is_found_out(sim: Sim) -> None:
    proxied = sim.target(obproxy=True)
    target = dataclasses.replace(proxied, user="root@sys")
    async with watching(target, 0.5) as watch:
        await watch.until(lambda s: s.layout is not None and s.layout.sampling == "cluster")
        servers = {sim.endpoint(name).address for name in sim.servers}
        await watch.until(lambda s: {each.address for each in s.servers} == servers and all_figures(s))


async def test_endpoints_that_were_given_keep_their_names(sim: Sim) -> None:
    first, second = (sim.endpoint(name) for name in sim.servers[:2])
    named = Endpoint(second.host, second.port, "two", "east")
    dead = Endpoint("127.9.9.9", first.port, "nobody")
    target = dataclasses.replace(sim.target(), endpoints=(dead, named))
    async with watching(target, 0.5) as watch:
        snapshot = await all_up(watch)
    assert {each.name: each.zone for each in snapshot.servers}["two"] == "east"
    assert "nobody" not in {each.name for each in snapshot.servers}  # the cluster knows no such server


async def test_one_address_for_all_servers_of_ipv6() -> None:
    async with Sim(Shape(servers=3, alone="::1"), seed=1) as sim, watching(sim.target(), 0.5) as watch:
        snapshot = await all_up(watch)
    assert all(each.name.startswith("[::1]:") for each in snapshot.servers)

"""The live source and the engine on a real three-node lab."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncmy
import pytest
from conftest import LiveLab
from watching import figure_of, watching

from distdiag_tui.diagnosis.standing import standing
from distdiag_tui.engine import Engine
from distdiag_tui.feed import Feed
from distdiag_tui.model.metrics import CATALOGUE, LEVELS, STAT_IDS
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.model.topology import Server, Status, Subject, Tenant
from distdiag_tui.sources.capability import VIEWS, probe
from distdiag_tui.sources.discovery.alone import Alone, layout_of
from distdiag_tui.sources.live import LONGEST, SHORTEST, LiveSource
from distdiag_tui.sources.node import Node

ONLY_GROW = {140012, 140013}  # declared as values that are set, and yet they are totals


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Any]:
    """A connection to the target's first server."""
    first, password = target.endpoints[0], target.password.reveal()
    link = await asyncmy.connect(host=first.host, port=first.port, user=target.user, password=password)
    try:
        yield link
    finally:
        link.close()


async def ask(target: Target, *statements: str) -> Sequence[Sequence[Any]]:
    """The rows of the last statement."""
    async with connected(target) as link, link.cursor() as cursor:
        for statement in statements:
            await cursor.execute(statement)
        return list(await cursor.fetchall())


async def test_figures_appear_with_the_second_frame(lab: LiveLab) -> None:
    async with watching(lab.target, interval=60.0) as watch:  # the third frame would be a minute away
        first, second = await watch.next(), await watch.next()
    assert 0.2 <= second.time - first.time < 1.5
    for snapshot in (first, second):
        assert [each.name for each in snapshot.servers] == ["n1", "n2", "n3"]
        assert {each.status for each in snapshot.servers} == {Status.UP}
    for each in first.servers:
        assert math.isnan(figure_of(first, each.name))
        assert figure_of(first, each.name, "memory_used") > 1e6
        assert figure_of(second, each.name) > 0
    assert second.health.samples == 6


async def test_figures_are_plausible(lab: LiveLab) -> None:
    async with watching(lab.target) as watch:
        await watch.until(lambda s: s.health.samples >= 9)
    last = watch.seen[-1]
    for subject, values in last.values.items():
        for metric, value in zip(CATALOGUE, values, strict=True):
            assert math.isnan(value) or value >= 0, (subject, metric.id)
            assert metric.unit != "%" or metric.id == "cpu_percent" or not value > 100.1, (subject, metric.id)
    for each in last.servers:
        assert 0 < figure_of(last, each.name) < 1e5
        assert 0 < figure_of(last, each.name, "select_rt") < 1
        assert 0 < figure_of(last, each.name, "memory_percent") < 100
        assert 0 < figure_of(last, each.name, "memstore_percent") < 100
        assert 0 < figure_of(last, each.name, "data_disk_percent") < 100
        assert 0 <= figure_of(last, each.name, "sessions_active") <= figure_of(last, each.name, "sessions")
    together = last.value(Subject(), "qps")
    assert together == pytest.approx(sum(figure_of(last, each.name) for each in last.servers), rel=1e-4)


async def test_servers_say_what_they_are(lab: LiveLab) -> None:
    async with watching(lab.target) as watch:
        servers = (await watch.next()).servers
    for number, each in enumerate(servers, 1):
        assert (each.name, each.zone) == (f"n{number}", f"zone{number}")
        assert each.address == lab.target.endpoints[number - 1].address
        assert each.product.startswith("seekdb 1.")
        assert each.tenants == (Tenant(1, "sys"),)
        assert each.role
        assert each.uptime is not None
        assert 0 < each.uptime < 7 * 86400
        assert each.latency is not None
        assert 0 < each.latency < 3
    tenants = {subject.tenant for subject in watch.seen[0].values}
    assert tenants == {"", "sys"}


async def test_ticks_are_multiples_of_the_interval(lab: LiveLab) -> None:
    async with watching(lab.target) as watch:
        for _ in range(8):
            await watch.next()
    ticks = [snapshot.tick for snapshot in watch.seen[2:]]
    assert ticks == sorted(set(ticks))
    assert all(abs(s.time / 0.2 - s.tick) < 2 for s in watch.seen[2:])
    assert all(s.interval == 0.2 for s in watch.seen)


async def test_closing_ends_polls_and_connections(lab: LiveLab) -> None:
    def sockets() -> int:
        links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
        return sum(str(link.readlink()).startswith("socket:") for link in links)

    before, tasks = sockets(), len(asyncio.all_tasks())
    async with watching(lab.target) as watch:
        await watch.next()
        assert sockets() == before + 3
    await asyncio.sleep(0)
    assert sockets() == before
    assert len(asyncio.all_tasks()) == tasks


async def test_a_feed_samples_before_anyone_looks(lab: LiveLab) -> None:
    feed = Feed(Engine(LiveSource(lab.target, 0.2), "lab"))
    feed.start()
    came = asyncio.Event()
    feed.listen(lambda snapshot: came.set() if len(snapshot.values) > 4 else None)
    async with asyncio.timeout(10):
        await came.wait()
    await feed.stop()
    assert feed.latest is not None


@pytest.mark.parametrize(("asked", "used"), [(0.0, SHORTEST), (1e9, LONGEST), (5.0, 5.0)])
def test_intervals_are_kept_in_bounds(asked: float, used: float) -> None:
    assert LiveSource(Target("c", (Endpoint("h", 1),)), asked).interval == used


async def test_levels_and_totals_are_what_the_server_says(lab: LiveLab) -> None:
    rows = await ask(lab.target, "select stat_id, value_type from oceanbase.GV$SYSSTAT")
    types = {int(stat): str(kind) for stat, kind in rows}
    assert set(STAT_IDS) - set(types) == set()
    set_values = {stat for stat in STAT_IDS if types[stat] == "SET_VALUE"}
    assert set_values - ONLY_GROW == LEVELS & set(STAT_IDS)
    assert set_values >= ONLY_GROW


async def test_totals_only_grow(lab: LiveLab) -> None:
    listed = ",".join(str(stat) for stat in STAT_IDS if stat not in LEVELS)
    sql = f"select stat_id, value from oceanbase.GV$SYSSTAT where stat_id in ({listed})"
    before, after = [{row[0]: row[1] for row in await ask(lab.target, sql)} for _ in range(2)]
    assert [stat for stat in before if after[stat] < before[stat]] == []


async def test_a_probe_finds_what_there_is(lab: LiveLab) -> None:
    async with connected(lab.target) as link:
        capability = await probe(link)
    assert capability.usable
    assert {*capability.views, *capability.missing} == set(VIEWS)
    assert set(capability.missing) == {"GV$OB_SERVERS", "DBA_OB_SERVERS", "DBA_OB_TENANTS"}
    assert all("doesn't exist" in words for words in capability.missing.values())
    rows = await ask(lab.target, "show columns from oceanbase.GV$SYSSTAT")
    assert capability.views["GV$SYSSTAT"] == {row[0] for row in rows}
    assert not capability.has("GV$SYSSTAT", "SVR_IP")


async def polled(target: Target) -> Server:
    """The first server after a poll."""
    node = Node(target.endpoints[0], target)
    try:
        await node.poll()
        return node.server()
    finally:
        node.close()


@pytest.fixture
async def few(lab: LiveLab) -> AsyncIterator[Target]:
    """The lab for a user without any privilege."""
    await ask(lab.target, "drop user if exists distdiag_few", "create user distdiag_few identified by 'few'")
    yield dataclasses.replace(lab.target, user="distdiag_few", password=Secret("few"))
    await ask(lab.target, "drop user distdiag_few")


async def test_a_user_who_may_see_nothing(few: Target) -> None:
    found = await polled(few)
    assert found.status is Status.VIEW_MISSING
    assert found.detail.startswith("no statistics: SELECT command denied to user 'distdiag_few'")
    assert found.age is None  # an answer without figures is no sample
    async with watching(few) as watch:
        for _ in range(3):
            snapshot = await watch.next()
    assert snapshot.values == {}
    assert server_statuses(snapshot.servers) == {"n1": "view missing", "n2": "refused", "n3": "refused"}


def server_statuses(servers: Sequence[Server]) -> dict[str, str]:
    return {each.name: each.status.value for each in servers}


async def test_a_user_who_may_see_some(few: Target, lab: LiveLab) -> None:
    await ask(lab.target, "grant select on oceanbase.GV$SYSSTAT to distdiag_few")
    async with watching(dataclasses.replace(few, endpoints=few.endpoints[:1])) as watch:
        snapshot = await watch.until(lambda s: figure_of(s, "n1") > 0)
    (found,) = snapshot.servers
    assert found.status is Status.VIEW_MISSING
    assert "no sessions: SELECT command denied" in found.detail
    assert "no statistics" not in found.detail
    assert math.isnan(figure_of(snapshot, "n1", "sessions"))
    assert figure_of(snapshot, "n1", "memory_used") > 0
    assert found.age is not None
    assert found.age < snapshot.interval / 2  # it answers at once, so its figures are those of this tick


async def test_a_wrong_password_is_refused_and_not_shown(lab: LiveLab) -> None:
    found = await polled(dataclasses.replace(lab.target, password=Secret("not-the-right-one")))
    assert found.status is Status.REFUSED
    assert "Access denied for user 'root'" in found.detail
    assert "not-the-right-one" not in found.detail
    assert "\n" not in found.detail


async def test_a_merge_that_was_suspended_in_the_middle_is_told(lab: LiveLab) -> None:
    try:
        await ask(lab.target, "alter system suspend merge", "alter system major freeze")
        for _ in range(50):
            node = Node(lab.target.endpoints[0], lab.target)
            while not node.described:
                await node.poll()
            told = layout_of([Alone(node.server(), node.tables)])
            node.close()
            if told.tenants[0].merge.since is not None:
                break
            await asyncio.sleep(0.1)
        assert told.tenants[0].merge.state == "SUSPENDED"
        assert [each.cause for each in standing(told, time.time())] == ["compaction_stuck"]
    finally:
        await ask(lab.target, "alter system resume merge")

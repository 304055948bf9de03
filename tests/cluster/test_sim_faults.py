"""Bad input and faults of a cluster: none stops the console, and none gets into its history."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import pytest
from watching import Watch, figure_of, server, watching

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Endpoint, Sampling, Target
from distdiag_tui.model.topology import Happening, Member, Status, Subject
from distdiag_tui.sim.rows.statistics import SPOILT
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim
from distdiag_tui.sim.world import Happening as RootEvent
from distdiag_tui.sources import live, node, reader, session, silent
from distdiag_tui.sources.discovery import look
from distdiag_tui.sources.discovery.known import Key
from distdiag_tui.sources.frame import Sample
from distdiag_tui.sources.live import LiveSource

BOTH = pytest.mark.parametrize("sampling", [Sampling.DIRECT, Sampling.CLUSTER])
TICKS = 100
MOST = 2000.0  # statements a second that no server of the stand-in comes near


@pytest.fixture
async def sim(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sim]:
    """Three zones, a server in each, and little patience with them."""
    monkeypatch.setattr(node, "TIMEOUT", 1.2)
    monkeypatch.setattr(session, "TIMEOUT", 1.2)
    monkeypatch.setattr(reader, "TIMEOUT", 1.2)
    monkeypatch.setattr(live, "LOOK_AGAIN", 0.3)
    async with Sim(Shape(servers=3, tenants=2), seed=1, obproxy=0) as found:
        yield found


@asynccontextmanager
async def looking(target: Target, sampling: Sampling = Sampling.AUTO) -> AsyncIterator[Watch]:
    """Watch a cluster, and look often what it consists of."""
    source = LiveSource(dataclasses.replace(target, sampling=sampling), 0.3, look_every=0.6)
    async with watching(source) as watch:
        yield watch


def address(sim: Sim, name: str) -> str:
    """The name under which the console shows a server."""
    return sim.endpoint(name).address


def figures(snapshot: Snapshot, *names: str) -> bool:
    """Whether these servers have one."""
    return all(math.isfinite(figure_of(snapshot, name)) for name in names)


async def each_has_figures(watch: Watch, names: list[str]) -> None:
    """Until every one of the servers has had one: under load not all have them at the same tick."""
    left = set(names)

    def seen(snapshot: Snapshot) -> bool:
        there = left & {each.name for each in snapshot.servers}
        left.difference_update(name for name in there if figures(snapshot, name))
        return not left

    await watch.until(seen, TICKS)


def member(snapshot: Snapshot, name: str) -> Member:
    assert snapshot.layout is not None
    return snapshot.layout.members[name]


def without_spikes(watch: Watch) -> None:
    """No figure of any server, in all the time, that it cannot have had."""
    last = watch.seen[-1]
    for each in last.servers:
        past = last.history.window(Subject(each.zone, each.name), 1000)
        assert not (past[0] > MOST).any()
        assert not (past < 0).any()


async def until_all(watch: Watch, sim: Sim) -> list[str]:
    """Names of all servers, once each has figures."""
    names = [address(sim, name) for name in sim.servers]
    await each_has_figures(watch, names)
    return names


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("root@nowhere", "invalid tenant name"),
        ("root@sys#elsewhere", "cluster not exist"),
        ("nobody@sys", "Access denied"),
        ("monitor@sys", "password has expired"),
    ],
)
@pytest.mark.parametrize("proxied", [False, True])
async def test_logins_that_are_refused(sim: Sim, user: str, words: str, proxied: bool) -> None:
    sim.expire_password("monitor@sys")
    target = dataclasses.replace(sim.target(obproxy=proxied), user=user)
    async with looking(target) as watch:
        snapshot = await watch.until(lambda s: s.servers[0].status is Status.REFUSED)
        await watch.next()
    (refused,) = snapshot.servers
    assert words in refused.detail
    assert snapshot.values == {}


@BOTH
async def test_a_view_that_is_denied_costs_what_comes_from_it(sim: Sim, sampling: Sampling) -> None:
    for view in ("GV$SYSTEM_EVENT", "DBA_OB_ZONES", "DBA_OB_UNITS"):
        sim.deny("monitor@sys", view)
    async with looking(sim.target("monitor@sys"), sampling) as watch:
        (first, *_) = await until_all(watch, sim)
        snapshot = await watch.until(lambda s: figure_of(s, first, "sessions") > 0, TICKS)
    assert {each.status for each in snapshot.servers} == {Status.VIEW_MISSING}
    assert "no waits by class: SELECT command denied" in server(snapshot, first).detail
    assert math.isnan(figure_of(snapshot, first, "wait_commit"))
    assert snapshot.layout is not None
    assert [line.partition(":")[0] for line in snapshot.layout.missing] == ["no states of zones"]
    assert [zone.name for zone in snapshot.layout.zones] == sim.zones
    assert {unit.server for unit in snapshot.layout.units} == {each.name for each in snapshot.servers}


@BOTH
async def test_values_that_are_none_or_twice_or_impossible(sim: Sim, sampling: Sampling) -> None:
    async with looking(sim.target(), sampling) as watch:
        names = await until_all(watch, sim)
        for how in SPOILT:
            sim.spoil(sim.servers[1], how)
            if how == "duplicates":
                await each_has_figures(watch, names)
            else:  # tenants whose totals are 0 are not spoilt by a sign
                await watch.until(lambda s: not figure_of(s, names[1]) > 0 and figures(s, names[2]), TICKS)
        sim.heal_server(sim.servers[1])
        await each_has_figures(watch, names)
    without_spikes(watch)


async def test_a_server_that_answers_in_half_a_minute(sim: Sim) -> None:
    async with looking(sim.target(), Sampling.DIRECT) as watch:
        names = await until_all(watch, sim)
        sim.slow_server(sim.servers[1], 30)
        down = await watch.until_status(names[1], Status.UNREACHABLE)
        assert down.detail.startswith("no answer within 1.2 s")
        await each_has_figures(watch, [names[0], *names[2:]])
        sim.heal_server(sim.servers[1])
    without_spikes(watch)


async def test_a_server_that_takes_its_time_for_each_statement_is_slow_and_not_away(sim: Sim) -> None:
    sim.slow_server(sim.servers[1], 0.15)
    async with looking(sim.target(server=sim.servers[1]), Sampling.DIRECT) as watch:
        slow = await watch.until_status(address(sim, sim.servers[1]), Status.SLOW, TICKS)
        assert (slow.latency or 0) > 0.5
    without_spikes(watch)


async def test_an_entrance_that_answers_in_half_a_minute_is_left(sim: Sim) -> None:
    async with looking(sim.target(), Sampling.CLUSTER) as watch:
        names = await until_all(watch, sim)
        sim.slow_server(sim.servers[0], 30)  # the only address that was given
        slow = await watch.until_status(names[1], Status.SLOW)
        assert slow.detail.startswith("no answer for ")
        await watch.until(lambda s: not any(math.isfinite(figure_of(s, name)) for name in names))
        await each_has_figures(watch, names)
    without_spikes(watch)


async def test_a_server_that_hangs_does_not_take_the_others_figures_along(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MEET_EVERY", 1.0)
    monkeypatch.setattr(silent, "WAIT", 1.2)
    async with looking(sim.target(), Sampling.CLUSTER) as watch:
        names = await until_all(watch, sim)
        sim.hang_server(sim.servers[1])
        await watch.until(lambda s: server(s, names[1]).detail.endswith("left out until it does"), TICKS)
        assert server(watch.seen[-1], names[1]).status is Status.UNREACHABLE
        for _ in range(3):  # again and again, not only once
            snapshot = await watch.until(lambda s: figures(s, names[0], names[2]), TICKS)
            assert not figures(snapshot, names[1])
        assert server(snapshot, names[0]).status.answers
        sim.heal_server(sim.servers[1])
        await each_has_figures(watch, names)
    without_spikes(watch)


async def test_who_connects_while_a_server_hangs_sees_the_cluster_and_what_changes(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "PATIENCE", 0.4)
    monkeypatch.setattr(silent, "WAIT", 1.2)
    names = [address(sim, name) for name in sim.servers]
    sim.hang_server(sim.servers[1])
    async with looking(sim.target(), Sampling.CLUSTER) as watch:
        await watch.until(lambda s: [each.name for each in s.servers] == names, TICKS)
        await watch.until(lambda s: figures(s, names[0], names[2]), TICKS)
        hung = await watch.until_status(names[1], Status.UNREACHABLE, TICKS)
        assert hung.detail.endswith("left out until it does")
        sim.move_leaders(sim.servers[0], sim.servers[2])
        snapshot = await watch.until(lambda s: member(s, names[0]).leaders == 0, TICKS)
        assert (member(snapshot, names[2]).leaders or 0) > 0
        assert snapshot.layout is not None
        assert len([line for line in snapshot.layout.missing if "Timeout" in line]) == 1  # asked once


async def test_an_answer_about_all_that_takes_its_time_comes_with_its_frame(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "READ_PATIENCE", 100)
    source = LiveSource(dataclasses.replace(sim.target(), sampling=Sampling.CLUSTER), 0.3)
    poll = source.fleet.reader.poll

    async def late(endpoints: tuple[Endpoint, ...]) -> Mapping[Key, Sample]:
        await asyncio.sleep(2 * live.MOST_PATIENCE)
        return await poll(endpoints)

    monkeypatch.setattr(source.fleet.reader, "poll", late)
    async with aclosing(source.frames()) as frames:
        seen = 0
        async for frame in frames:
            if seen or len(frame.samples) == 3:
                assert len(frame.samples) == 3
                seen += 1
            if seen == 4:
                break


async def test_where_each_server_is_asked_itself_one_that_hangs_is_alone(sim: Sim) -> None:
    async with looking(sim.target()) as watch:
        names = await until_all(watch, sim)
        sim.hang_server(sim.servers[1])
        await watch.until_status(names[1], Status.UNREACHABLE)
        for _ in range(3):
            await watch.until(lambda s: figures(s, names[0], names[2]), TICKS)
        sim.heal_server(sim.servers[1])
        await each_has_figures(watch, names)
    without_spikes(watch)


async def test_an_obproxy_that_leads_to_a_dead_server(sim: Sim) -> None:
    async with looking(sim.target(obproxy=True)) as watch:
        names = await until_all(watch, sim)
        sim.route(sim.servers[0])
        await sim.stop_server(sim.servers[0])
        down = await watch.until(lambda s: all(not each.status.answers for each in s.servers))
        assert len(down.servers) == len(names)
        assert f"(asked through {sim.target(obproxy=True).endpoints[0].address})" in down.servers[1].detail
        sim.route()
        await each_has_figures(watch, names[1:])
    without_spikes(watch)


@BOTH
async def test_a_server_that_goes_and_comes_back_at_the_same_address(sim: Sim, sampling: Sampling) -> None:
    async with looking(sim.target(server=sim.servers[1]), sampling) as watch:
        names = await until_all(watch, sim)
        await sim.stop_server(sim.servers[0])
        gone = await watch.until(
            lambda s: member(s, names[0]).state == "INACTIVE" and not server(s, names[0]).status.answers
        )
        found = server(gone, names[0])
        assert found.status is Status.UNREACHABLE
        assert "the cluster calls it INACTIVE" in found.detail
        assert math.isnan(figure_of(gone, names[0]))
        told = {event.kind for event in gone.events}
        assert {Happening.SERVER_STATE, Happening.LEADER_MOVED} <= told
        await sim.start_server(sim.servers[0])
        await each_has_figures(watch, names)
        back = await watch.until(lambda s: member(s, names[0]).state == "ACTIVE")
    assert (server(back, names[0]).uptime or 1e9) < 60
    assert any(event.text.endswith("INACTIVE → ACTIVE") for event in back.events)
    without_spikes(watch)


async def test_a_server_that_is_down_is_told_to_the_account_of_a_tenant(sim: Sim) -> None:
    async with looking(sim.target("monitor@t1", server=sim.servers[1])) as watch:
        names = await until_all(watch, sim)
        await sim.stop_server(sim.servers[0])
        await watch.until_status(names[0], Status.UNREACHABLE)
        gone = await watch.until(lambda s: member(s, names[0]).leaders == 0, TICKS)  # a look later
        assert server(gone, names[0]).status is Status.UNREACHABLE
        await sim.start_server(sim.servers[0])
        await each_has_figures(watch, names)
    without_spikes(watch)


async def test_servers_join_and_leave(sim: Sim) -> None:
    async with looking(sim.target(server=sim.servers[1])) as watch:
        names = await until_all(watch, sim)
        new = address(sim, await sim.add_server("zone2"))
        await watch.until(lambda s: any(each.name == new for each in s.servers), TICKS)
        sim.delete_server(sim.servers[-1], 0.2)
        await watch.until(lambda s: all(each.name != new for each in s.servers))
    last = watch.seen[-1]
    assert [each.name for each in last.servers] == names
    seen = [(event.kind, event.subject) for event in last.events]
    assert (Happening.SERVER_ADDED, Subject("zone2", new)) in seen
    assert (Happening.SERVER_LEFT, Subject("zone2", new)) in seen


async def test_what_happens_to_zones_units_and_leaders_is_told(sim: Sim) -> None:
    source, target = sim.servers[0], await sim.add_server("zone1")
    async with looking(sim.target(server=sim.servers[1]), Sampling.CLUSTER) as watch:
        await until_all(watch, sim)
        sim.stop_zone("zone3")
        sim.migrate_unit("t1", source, target, 0.2)
        facts = (("tenant_id", "1002"), ("name", "\x1b[2J\U0001d11e"))
        sim.world.history.append(RootEvent(time.time(), "backup", "start_backup", facts))
        kinds = {Happening.ZONE_STATE, Happening.LEADER_MOVED, Happening.UNIT_MIGRATED, Happening.HISTORY}
        await watch.until(lambda s: kinds <= {event.kind for event in s.events}, TICKS)
    events = watch.seen[-1].events
    assert len({(event.kind, event.text) for event in events}) == len(events)
    told = [event for event in events if event.source != "seen"]
    assert [event.text for event in told] == ["backup start_backup: tenant_id=1002, name=\ufffd[2J\U0001d11e"]
    assert told[0].source == "DBA_OB_ROOTSERVICE_EVENT_HISTORY"
    stopped = next(event for event in events if event.kind is Happening.ZONE_STATE)
    assert (stopped.text, stopped.subject, stopped.serious) == (
        "zone zone3 was stopped",
        Subject("zone3"),
        True,
    )


async def test_clocks_that_differ_are_told_and_do_no_harm(sim: Sim) -> None:
    sim.skew_clock(sim.servers[1], 300)
    async with looking(sim.target(server=sim.servers[1]), Sampling.DIRECT) as watch:
        names = await until_all(watch, sim)
        snapshot = await watch.until(lambda s: member(s, names[0]).clock_offset is not None)
        sim.world.history.append(RootEvent(time.time() + 300, "backup", "start_backup"))  # by its own clock
        await watch.until(lambda s: any(event.source != "seen" for event in s.events), TICKS)
    assert member(snapshot, names[1]).clock_offset == pytest.approx(300, abs=5)
    assert member(snapshot, names[0]).clock_offset == pytest.approx(0, abs=5)
    last = watch.seen[-1]
    assert all(abs(event.time - last.time) < 60 for event in last.events)
    without_spikes(watch)


async def test_a_server_that_is_not_reached_itself_but_has_rows_in_the_views(sim: Sim) -> None:
    sim.garble_server(sim.servers[1])
    async with looking(sim.target()) as watch:
        names = await until_all(watch, sim)
        snapshot = await watch.until(lambda s: "figures through" in server(s, names[1]).detail, TICKS)
        found = server(snapshot, names[1])
        assert found.status.answers
        assert "not reached itself (" in found.detail
        assert watch.seen[-1].layout is not None
        assert watch.seen[-1].layout.sampling == "mixed"
    without_spikes(watch)


async def test_a_server_that_answers_though_its_cluster_has_given_it_up(sim: Sim) -> None:
    async with looking(sim.target()) as watch:
        names = await until_all(watch, sim)
        sim.world.server(sim.servers[1]).status = "INACTIVE"
        await watch.until(lambda s: member(s, names[1]).state == "INACTIVE")
        snapshot = await watch.until(lambda s: figures(s, names[1]))
    found = server(snapshot, names[1])
    assert found.status.answers
    assert "the cluster calls it INACTIVE" in found.detail

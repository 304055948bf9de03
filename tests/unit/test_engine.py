"""One tick after the other: rates, gaps and sums, from frames in memory."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scripted import Script, frame, play, sample, server

from distdiag_tui.engine import LONGEST_STEP, Engine
from distdiag_tui.feed import Feed
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Status, Subject
from distdiag_tui.sources.frame import Frame, Sample

CLUSTER, N1 = Subject(), Subject("z1", "n1")
ONE = (server("n1"),)


def alone(tick: int, at: float, selects: float, *, epoch: int = 1, interval: float = 1.0) -> Frame:
    """A frame of one server with one tenant."""
    return frame(tick, {"n1": sample(at, epoch=epoch, t1={40000: selects, 140003: 5e9})}, ONE, interval)


def selects_of(snapshots: list[Snapshot], subject: Subject = N1) -> list[float | None]:
    found = [snapshot.value(subject, "select_rate") for snapshot in snapshots]
    return [None if math.isnan(value) else round(value, 3) for value in found]


async def test_a_rate_needs_two_samples_a_level_one() -> None:
    snapshots = await play([alone(1, 1.0, 100), alone(2, 2.0, 130), alone(3, 3.5, 190)])
    assert selects_of(snapshots) == [None, 30, 40]
    assert [snapshot.value(N1, "memory_used") for snapshot in snapshots] == pytest.approx([5e9] * 3)
    first = snapshots[0]
    assert (first.tick, first.time, first.cluster) == (1, 1.7e9 + 1, "scripted")


async def test_a_new_connection_is_a_gap_even_where_totals_went_on() -> None:
    frames = [alone(1, 1.0, 100), alone(2, 2.0, 130), alone(3, 3.0, 9e9, epoch=2)]
    snapshots = await play([*frames, alone(4, 4.0, 9e9 + 7, epoch=2)])
    assert selects_of(snapshots) == [None, 30, None, 7]
    assert snapshots[2].value(N1, "memory_used") == pytest.approx(5e9)


@pytest.mark.parametrize(
    ("interval", "pause", "rate"),
    [
        (1.0, 3.4, 10.0),
        (1.0, 3.6, None),
        (0.2, 3.4, 10.0),
        (0.2, 3.6, None),
        (10.0, 34.0, 10.0),
        (10.0, 36.0, None),
    ],
)
async def test_a_long_pause_is_a_gap(interval: float, pause: float, rate: float | None) -> None:
    assert LONGEST_STEP == 3.5
    frames = [alone(1, 1.0, 0, interval=interval), alone(2, 1.0 + pause, 10 * pause, interval=interval)]
    assert selects_of(await play(frames)) == [None, rate]


async def test_after_a_missed_tick_the_rate_is_over_the_time_that_passed() -> None:
    frames = [alone(1, 1.0, 100), frame(2, {}, ONE), alone(3, 3.0, 140)]
    snapshots = await play(frames)
    assert selects_of(snapshots) == [None, None, 20]
    window = snapshots[-1].history.window(N1, 9)
    assert window.shape[1] == 3
    assert np.isnan(window[:, 1]).all()


async def test_a_restarted_server_on_the_same_epoch_is_a_gap() -> None:
    fresh = Sample((1,), np.full_like(sample(3.0, t1={}).columns, 3.0), 3.0, 1)
    snapshots = await play([alone(1, 1.0, 100), alone(2, 2.0, 130), frame(3, {"n1": fresh}, ONE)])
    assert selects_of(snapshots) == [None, 30, None]
    assert math.isnan(snapshots[2].value(N1, "qps"))


THREE = (server("n1"), server("n2"), server("n3", "z2"))


def loaded(tick: int, at: float) -> Frame:
    """Three servers, two tenants; SELECTs a second: 10 and 20, 100 and 200, 1000 and 2000."""
    samples = {
        name: sample(at, t1={40000: weight * at, 40001: 1e3 * weight * at}, t1002={40000: 2 * weight * at})
        for name, weight in {"n1": 10, "n2": 100, "n3": 1000}.items()
    }
    return frame(tick, samples, THREE)


@pytest.mark.parametrize(
    ("subject", "rate"),
    [
        (Subject(), 3330),
        (Subject("z1"), 330),
        (Subject("z2"), 3000),
        (Subject("z1", "n1"), 30),
        (Subject("z1", "n2"), 300),
        (Subject("z1", "n2", "sys"), 100),
        (Subject("z1", "n2", "shop"), 200),
        (Subject("z2", "n3", "shop"), 2000),
    ],
)
async def test_wider_subjects_are_sums(subject: Subject, rate: float) -> None:
    last = (await play([loaded(1, 1.0), loaded(2, 2.0)]))[-1]
    assert last.value(subject, "select_rate") == pytest.approx(rate)


async def test_a_mean_time_of_a_cluster_is_weighted_by_its_statements() -> None:
    def mixed(tick: int, at: float) -> Frame:
        fast = sample(at, t1={40000: 900 * at, 40001: 900e3 * at})
        slow = sample(at, t1={40000: 100 * at, 40001: 5000e3 * at})
        return frame(tick, {"n1": fast, "n2": slow}, THREE)

    last = (await play([mixed(1, 1.0), mixed(2, 2.0)]))[-1]
    assert last.value(CLUSTER, "select_rt") == pytest.approx(0.0059)


async def test_a_tenant_without_a_name_counts_for_its_server_only() -> None:
    def meta(tick: int, at: float) -> Frame:
        return frame(tick, {"n1": sample(at, t1={40000: at}, t1001={40000: 5 * at})}, ONE)

    last = (await play([meta(1, 1.0), meta(2, 2.0)]))[-1]
    assert last.value(N1, "select_rate") == pytest.approx(6)
    assert {subject.tenant for subject in last.values} == {"", "sys"}


async def test_a_server_that_is_gone_leaves_the_others_and_their_sum() -> None:
    down = (*THREE[:2], server("n3", "z2", status=Status.UNREACHABLE))
    second = loaded(2, 2.0)
    rest = {name: each for name, each in second.samples.items() if name != "n3"}
    last = (await play([loaded(1, 1.0), frame(2, rest, down)]))[-1]
    assert last.value(CLUSTER, "select_rate") == pytest.approx(330)
    assert math.isnan(last.value(Subject("z2", "n3"), "select_rate"))
    assert {zone: [each.name for each in found] for zone, found in last.zones.items()} == {
        "z1": ["n1", "n2"],
        "z2": ["n3"],
    }


async def test_dropped_samples_are_counted_only_of_servers_once_seen() -> None:
    seen, unseen = server("n1"), server("n2", age=None)
    frames = [
        frame(1, {"n1": sample(1.0, t1={})}, (seen, unseen)),
        frame(2, {}, (seen, unseen)),
        frame(3, {"n1": sample(3.0, t1={}), "n2": sample(3.0, t1={})}, (seen, server("n2"))),
    ]
    health = [snapshot.health for snapshot in await play(frames)]
    assert [(each.samples, each.dropped) for each in health] == [(1, 0), (1, 1), (3, 1)]


async def test_a_snapshot_cannot_be_changed() -> None:
    last = (await play([loaded(1, 1.0), loaded(2, 2.0)]))[-1]
    with pytest.raises(ValueError, match="read-only"):
        last.values[CLUSTER][0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        last.history.window(CLUSTER, 2)[0, 0] = 1.0
    with pytest.raises(FrozenInstanceError):
        last.tick = 5  # type: ignore[misc]


async def test_an_old_snapshot_keeps_its_figures() -> None:
    first, *_ = snapshots = await play([alone(tick, tick, 30.0 * tick) for tick in range(1, 9)])
    assert math.isnan(first.value(N1, "select_rate"))
    assert snapshots[1].value(N1, "select_rate") == pytest.approx(30)


async def test_closing_the_snapshots_closes_the_source() -> None:
    script = Script([alone(1, 1.0, 1), alone(2, 2.0, 2)])
    snapshots = Engine(script, "scripted").snapshots()
    await anext(snapshots)
    await snapshots.aclose()
    assert script.closed


async def test_a_feed_hands_over_the_newest_and_ends_with_its_source() -> None:
    script = Script([alone(tick, tick, 10.0 * tick) for tick in range(1, 4)])
    feed = Feed(Engine(script, "scripted"))
    early: list[Snapshot] = []
    feed.listen(early.append)
    assert early == []
    await feed.start()
    late: list[Snapshot] = []
    feed.listen(late.append)
    assert [snapshot.tick for snapshot in early] == [1, 2, 3]
    assert [snapshot.tick for snapshot in late] == [3]
    assert script.closed


async def test_stopping_a_feed_closes_its_source() -> None:
    class Endless(Script):
        async def frames(self) -> AsyncGenerator[Frame, None]:
            try:
                yield alone(1, 1.0, 1)
                await asyncio.Event().wait()
            finally:
                self.closed = True

    script = Endless([])
    feed = Feed(Engine(script, "scripted"))
    await feed.stop()  # never started: nothing to stop
    sampled = asyncio.Event()
    feed.listen(lambda _snapshot: sampled.set())
    task = feed.start()
    await sampled.wait()
    await feed.stop()
    assert task.cancelled()
    assert script.closed


def test_servers_say_what_they_are_called() -> None:
    assert Subject("z1", "n1", "shop").title == "n1 / shop"
    assert (Subject().title, Subject("z1").title) == ("cluster", "z1")
    assert [status for status in Status if status.answers] == [Status.UP, Status.SLOW, Status.VIEW_MISSING]
    assert min(Status, key=lambda status: status.severity) is Status.UP

"""A server that freezes, dies and comes back, beside one that is well: what the console says, and when."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import signal
from collections.abc import Iterator
from itertools import pairwise

import pytest
from conftest import LiveLab, require_extra, run, temporary_home
from watching import Watch, figure_of, server, watching

from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.target import Target
from distdiag_tui.model.topology import Status, Subject
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.sources.node import TIMEOUT

SICK = "sick"
INTERVAL = 0.5


@pytest.fixture(scope="module")
def solo() -> Iterator[Lab]:
    """A lab of one node that may be broken."""
    require_extra()
    with temporary_home() as home:
        yield Lab(home)


@pytest.fixture
def sick(solo: Lab) -> Target:
    """The node that may be broken, running, whatever the test before did to it."""
    run(solo.up(1))
    return lab_target(solo.home)


def pid_of(solo: Lab) -> int:
    (node,) = solo.status()
    assert node.pid is not None
    return node.pid


class Pair(LiveSource):
    """A node of the session's lab, and one with another password, as one cluster."""

    def __init__(self, well: Target, sick: Target) -> None:
        odd = dataclasses.replace(sick.endpoints[0], name=SICK, zone="zone9")
        super().__init__(dataclasses.replace(well, endpoints=well.endpoints[:1]), INTERVAL)
        self.fleet.nodes += LiveSource(dataclasses.replace(sick, endpoints=(odd,))).nodes


def kept_pace(watch: Watch) -> None:
    """The healthy server has a sample at its tick, all the time; no frame waited for the sick one."""
    regular = watch.seen[2:]
    assert max(after.tick - before.tick for before, after in pairwise(regular)) < TIMEOUT / INTERVAL
    sampled = [s for s in regular if not math.isnan(figure_of(s, "n1"))]
    assert len(sampled) >= 0.5 * len(regular)  # one that is late, on a busy machine, costs a frame
    assert max(s.health.tick_latency for s in regular) < TIMEOUT / 3


async def test_a_frozen_server_is_slow_then_unreachable_then_well(
    lab: LiveLab, solo: Lab, sick: Target
) -> None:
    async with watching(Pair(lab.target, sick)) as watch:
        await watch.until(lambda s: figure_of(s, SICK) > 0)
        pid = pid_of(solo)
        os.kill(pid, signal.SIGSTOP)
        try:
            slow = await watch.until_status(SICK, Status.SLOW)
            assert slow.detail.startswith("no answer for ")
            assert slow.detail.endswith(" s")
            down = await watch.until_status(SICK, Status.UNREACHABLE)
            assert down.detail == "no answer within 3 s"
            assert down.age is not None
            assert TIMEOUT <= down.age < 3 * TIMEOUT
            alone = await watch.next()
            assert alone.value(Subject(), "qps") == pytest.approx(figure_of(alone, "n1"))
        finally:
            os.kill(pid, signal.SIGCONT)
        back = await watch.until(lambda s: server(s, SICK).status is Status.UP)
        assert math.isnan(figure_of(back, SICK))  # a gap: the time it was frozen has no rate
        after = await watch.until(lambda s: not math.isnan(figure_of(s, SICK)))
        assert 0 < figure_of(after, SICK) < 1e4
    kept_pace(watch)
    past = watch.seen[-1].history.window(Subject("zone9", SICK), 600)[0]
    assert past.shape[0] == watch.seen[-1].tick - watch.seen[0].tick + 1
    assert math.isnan(past[down_at(watch) - watch.seen[0].tick])


def down_at(watch: Watch) -> int:
    """The first tick at which the sick server was unreachable."""
    return next(s.tick for s in watch.seen if server(s, SICK).status is Status.UNREACHABLE)


async def test_a_killed_server_is_refused_and_comes_back_with_a_gap(
    lab: LiveLab, solo: Lab, sick: Target
) -> None:
    async with watching(Pair(lab.target, sick)) as watch:
        before = await watch.until(lambda s: figure_of(s, SICK) > 0)
        uptime = server(before, SICK).uptime
        os.kill(pid_of(solo), signal.SIGKILL)
        down = await watch.until(lambda s: server(s, SICK).detail == "connection refused")
        assert server(down, SICK).status is Status.UNREACHABLE
        assert server(down, SICK).uptime is None
        assert math.isnan(figure_of(down, SICK))
        healing = asyncio.create_task(asyncio.to_thread(run, solo.up(1)))
        back = await watch.until(lambda s: server(s, SICK).status is Status.UP, ticks=240)
        await healing
        assert math.isnan(figure_of(back, SICK))
        after = await watch.until(lambda s: not math.isnan(figure_of(s, SICK)))
        assert 0 < figure_of(after, SICK) < 1e4
        assert figure_of(after, SICK, "memory_used") > 0
        assert uptime is not None
        assert (server(after, SICK).uptime or math.inf) < uptime + 60
    kept_pace(watch)


async def test_a_server_that_is_down_from_the_start_is_found_later(
    lab: LiveLab, solo: Lab, sick: Target
) -> None:
    await asyncio.to_thread(run, solo.down())
    async with watching(Pair(lab.target, sick)) as watch:
        down = await watch.until_status(SICK, Status.UNREACHABLE)
        assert (down.zone, down.product, down.tenants, down.age) == ("zone9", "", (), None)
        assert (await watch.next()).health.dropped == 0  # it never was there
        healing = asyncio.create_task(asyncio.to_thread(run, solo.up(1)))
        await watch.until(lambda s: figure_of(s, SICK) > 0, ticks=240)
        await healing
        assert server(watch.seen[-1], SICK).product.startswith("seekdb")
    kept_pace(watch)

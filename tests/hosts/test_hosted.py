"""Frames with what machines tell: they never wait for it, and never suffer from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence

import numpy as np
from hostcolumns import column, server

from distdiag_tui.hosts.hosted import HostedSource
from distdiag_tui.hosts.protocol import sample_of
from distdiag_tui.model.topology import Host, Server
from distdiag_tui.sources.frame import Frame, Sample

SERVERS = (server("n1"),)
MACHINES = {"n1": Host("vm", "a test")}


class Ticks:
    """A source of empty frames, `interval` seconds apart."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.closed = False

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """For ever."""
        try:
            tick = 0
            while True:
                yield Frame(tick, time.time(), self.interval, SERVERS, {}, 0.0)
                tick += 1
                await asyncio.sleep(self.interval)
        finally:
            self.closed = True


class Hosts:
    """Answers when it may; `readings` counts what it was asked."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.broken = self.closed = False
        self.readings = 0

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """The number of the reading."""
        assert tuple(servers) == SERVERS
        self.readings += 1
        await self.free.wait()
        if self.broken:
            raise RuntimeError("a bug of ours")
        return {"n1": sample_of({"load": self.readings}, time.monotonic(), 1)}

    @property
    def machines(self) -> Mapping[str, Host]:
        """As ever."""
        return MACHINES

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


async def take(frames: AsyncGenerator[Frame, None], count: int) -> list[Frame]:
    return [await anext(frames) for _ in range(count)]


async def test_readings_come_with_frames_and_each_only_once() -> None:
    source, hosts = Ticks(0.05), Hosts()
    frames = HostedSource(source, hosts, SERVERS).frames()
    taken = await take(frames, 12)
    await frames.aclose()
    loads = [column(each.hosts["n1"], "load") for each in taken if each.hosts]
    assert len(loads) > 3
    assert loads == sorted(set(loads))
    assert all(each.machines == MACHINES for each in taken)
    assert source.closed
    assert hosts.closed


async def test_no_frame_waits_for_a_machine_that_does_not_answer() -> None:
    hosts = Hosts()
    hosts.free.clear()
    frames = HostedSource(Ticks(0.02), hosts, SERVERS).frames()
    taken = await take(frames, 5)
    assert [each.tick for each in taken] == [0, 1, 2, 3, 4]
    assert not any(each.hosts for each in taken)
    assert hosts.readings == 1
    hosts.free.set()
    while not (late := await anext(frames)).hosts:
        pass
    assert column(late.hosts["n1"], "load") >= 1
    hosts.free.clear()
    await frames.aclose()
    assert hosts.closed


async def test_a_reading_that_fails_costs_only_itself(caplog: object) -> None:
    hosts = Hosts()
    hosts.broken = True
    frames = HostedSource(Ticks(0.02), hosts, SERVERS).frames()
    taken = await take(frames, 8)
    assert not any(each.hosts for each in taken)
    hosts.broken = False
    while not (found := await anext(frames)).hosts:
        pass
    await frames.aclose()
    assert np.isfinite(column(found.hosts["n1"], "load"))

"""Watching live servers until something is seen, for a bounded number of ticks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from distdiag_tui.engine import Engine
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Target
from distdiag_tui.model.topology import Server, Status, Subject
from distdiag_tui.sources.frame import Source
from distdiag_tui.sources.live import LiveSource


class Watch:
    """Snapshots of a target as they come; `seen` holds all of them."""

    def __init__(self, snapshots: AsyncGenerator[Snapshot, None]) -> None:
        self._snapshots = snapshots
        self.seen: list[Snapshot] = []

    async def next(self) -> Snapshot:
        """One more tick."""
        self.seen.append(await anext(self._snapshots))
        return self.seen[-1]

    async def until(self, seen: Callable[[Snapshot], bool], ticks: int = 120) -> Snapshot:
        """The first snapshot from now on in which something is seen; the test fails after `ticks`."""
        for _ in range(ticks):
            if seen(snapshot := await self.next()):
                return snapshot
        pytest.fail(f"not seen within {ticks} ticks; the servers at last: {self.seen[-1].servers}")

    async def until_status(self, name: str, status: Status, ticks: int = 120) -> Server:
        """The named server, as soon as it has that status."""
        return server(await self.until(lambda s: server(s, name).status is status, ticks), name)


@asynccontextmanager
async def watching(what: Target | Source, interval: float = 0.2) -> AsyncIterator[Watch]:
    """An engine on a source, or on a live source of the target; closed afterwards."""
    source = LiveSource(what, interval) if isinstance(what, Target) else what
    snapshots = Engine(source, "watched").snapshots()
    try:
        yield Watch(snapshots)
    finally:
        await snapshots.aclose()


def server(snapshot: Snapshot, name: str) -> Server:
    """The server of that name."""
    (found,) = (each for each in snapshot.servers if each.name == name)
    return found


def figure_of(snapshot: Snapshot, name: str, metric: str = "qps") -> float:
    """A server's figure, NaN when missing."""
    return snapshot.value(Subject(server(snapshot, name).zone, name), metric)

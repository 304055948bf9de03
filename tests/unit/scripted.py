"""A finite source in memory: frames as a test wants them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping

import numpy as np

from distdiag_tui.engine import Engine
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, LEVELS, Column
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Server, Status, Tenant
from distdiag_tui.sources.frame import Frame, Sample

TENANTS = (Tenant(1, "sys"), Tenant(1002, "shop"))
RISING = [index for index, column in enumerate(COLUMNS) if column not in LEVELS]


class Script:
    """Yields the frames it was given, and remembers that it was closed."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = list(frames)
        self.closed = False

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """The frames, in order."""
        try:
            for frame in self._frames:
                yield frame
        finally:
            self.closed = True


def server(name: str, zone: str = "z1", **known: object) -> Server:
    """A healthy server that was sampled before."""
    facts: dict[str, object] = {"status": Status.UP, "tenants": TENANTS, "age": 0.1, **known}
    return Server(name, f"{name}:2881", zone, **facts)  # type: ignore[arg-type]


def sample(at: float, *, epoch: int = 1, **tenants: Mapping[Column, float]) -> Sample:
    """Raw columns by tenant, given as t1={...}; totals that are not given rise by 10 a second."""
    rows = np.full((len(tenants), len(COLUMNS)), np.nan)
    for row, values in zip(rows, tenants.values(), strict=True):
        row[RISING] = 1000 + 10 * at
        for column, value in values.items():
            row[COLUMN_INDEX[column]] = value
    return Sample(tuple(int(name[1:]) for name in tenants), rows, at, epoch)


def frame(
    tick: int, samples: Mapping[str, Sample], servers: tuple[Server, ...], interval: float = 1.0
) -> Frame:
    """One tick, a second after the one before."""
    return Frame(tick, 1.7e9 + tick, interval, servers, samples, 0.01)


async def play(frames: Iterable[Frame]) -> list[Snapshot]:
    """All snapshots that an engine makes of the frames."""
    return [snapshot async for snapshot in Engine(Script(frames), "scripted").snapshots()]

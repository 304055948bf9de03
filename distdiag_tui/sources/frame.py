"""What a source yields: one frame a tick, raw, before any arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.topology import Event, Host, Layout, Server

SERVER_WIDE = 0  # tenant id of figures that belong to the server as a whole

_EPOCHS = itertools.count(1)


def new_epoch() -> int:
    """A number for `Sample.epoch` that no other connection of this process has."""
    return next(_EPOCHS)


@dataclass(frozen=True, slots=True)
class Sample:
    """Raw columns of one server: `columns` has a row for each of `tenants`, C wide, NaN for missing.

    `at` is the moment of reading (s, as `elapsed` counts). Samples of different `epoch` are not comparable:
    the connection broke in between, and the server may have restarted. `every`: seconds between readings
    where that is known to be longer than a tick.
    """

    tenants: tuple[int, ...]
    columns: Floats
    at: float
    epoch: int
    every: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """All that became known in one tick.

    `samples` holds only servers with a new sample, by name; `servers` all of them, in fixed order.
    `tick` counts intervals since the epoch; `latency` is the time from tick to frame (s). `hosts` holds what
    the servers' machines tell, by server name: one row, of SERVER_WIDE, and only the columns "host.*".
    `machines` says which ones those are, by server name too.
    `events` are new in this frame; `layout` is the newest one known.
    """

    tick: int
    time: float
    interval: float
    servers: tuple[Server, ...]
    samples: Mapping[str, Sample]
    latency: float
    hosts: Mapping[str, Sample] = field(default_factory=dict)
    layout: Layout | None = None
    events: tuple[Event, ...] = ()
    machines: Mapping[str, Host] = field(default_factory=dict)


class Source(Protocol):
    """An endless (live) or finite (replay) stream of frames."""

    def frames(self) -> AsyncGenerator[Frame, None]:
        """Frames in time order; closing the iterator releases everything it holds."""
        ...

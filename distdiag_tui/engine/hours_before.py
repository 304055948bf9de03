"""What servers were like in the hours before anyone looked, as their workload repository tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from distdiag_tui.diagnosis.usual import Usual, aligned
from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Server

if TYPE_CHECKING:
    from distdiag_tui.sources.repository import Spans

log = logging.getLogger(__name__)

MOST_SERVERS: Final = 64
"""Of a larger cluster nothing is asked: it is sick, perhaps, and has better things to do."""
AT_ONCE: Final = 16
ENOUGH: Final = 3
"""Spans that say how far one may differ from the other."""


class HoursBefore:
    """Asks each server once, in the background; nothing here ever makes anybody wait, or fails."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._began: float | None = None
        self._asking: asyncio.Task[Usual | None] | None = None
        self._told = False

    def take(self, snapshot: Snapshot) -> Usual | None:
        """One tick more: what was usual, once, as soon as it is known."""
        if self._began is None:
            self._began = snapshot.time
        if self._asking is None:
            if snapshot.complete(self._began):
                self._asking = asyncio.create_task(self._ask(snapshot.servers), name="hours before")
        elif self._asking.done() and not self._told:
            self._told = True
            return self._asking.result()
        return None

    async def close(self) -> None:
        """End it."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _ask(self, servers: tuple[Server, ...]) -> Usual | None:
        answering = [server for server in servers if server.status.answers]
        if not 0 < len(answering) <= MOST_SERVERS:
            return None
        turn = asyncio.Semaphore(AT_ONCE)

        async def ask(server: Server) -> Spans | None:
            from distdiag_tui.sources.repository import read_spans  # noqa: PLC0415  not needed for a start

            async with turn:
                try:
                    endpoint = Endpoint.at(server.address, server.name)
                    return await read_spans(endpoint, self._target.at(endpoint))
                except Exception as error:  # whatever the driver makes of a sick server
                    log.info("workload repository of %s: %s", server.name, error)
                    return None

        found = await asyncio.gather(*map(ask, answering))
        told = {server.name: spans for server, spans in zip(answering, found, strict=True) if spans}
        return usual_of(told) if told else None


def usual_of(told: Mapping[str, Spans]) -> Usual:
    """Medians over each server's spans, and how far these differ where there are some."""
    from distdiag_tui.diagnosis.metricset import console_metrics  # noqa: PLC0415
    from distdiag_tui.diagnosis.robust import centre_and_spread  # noqa: PLC0415

    metrics = console_metrics()
    rows = []
    for spans in told.values():
        tame = metrics.tame(aligned(spans.metrics, METRIC_IDS, metrics.names))
        centre, spread, there = centre_and_spread(tame.T)
        rows.append((metrics.untame(centre), np.where(there < ENOUGH, np.nan, spread)))
    centres, spreads = (np.array(each) for each in zip(*rows, strict=True))
    time = max(float(spans.ends.max()) for spans in told.values())
    return Usual(time, tuple(told), metrics.names, centres, spreads)

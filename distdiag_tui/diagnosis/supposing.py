"""What is supposed of servers seen for the first time: what they were like before, or on average.

Shapes: S servers, M metrics.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.lifetime import since_start
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.usual import Usual, aligned
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Totals
from distdiag_tui.model.text import duration
from distdiag_tui.model.topology import Server

SETTLED: Final = 60.0
"""s: a server that serves for less does not yet do what it did before."""
DOUBT: Final = 15
"""Ticks of an alarm of which nothing comes: then the supposition was wrong."""
BY_MEANS: Final = "against its mean since it started"


class Supposing:
    """Each server is met once, as soon as it is known how long it serves.

    The means of servers that serve for less than `young` seconds say nothing.
    """

    def __init__(self, metrics: MetricSet, young: float) -> None:
        self._names = metrics.names
        self._young = young
        self._met: set[str] = set()
        self._remembered: Usual | None = None
        self._against: dict[str, str] = {}
        self._unexplained: dict[str, int] = {}

    def remember(self, usual: Usual) -> None:
        """What servers were like another time: it goes before their means."""
        self._remembered = usual

    def begin_anew(self, usual: Usual) -> None:
        """All are met once more, and measured by this if there is any."""
        self._met, self._against, self._unexplained = set(), {}, {}
        if usual.servers:
            self._remembered = usual

    def words(self, server: str) -> str:
        """What a server is measured by that is not known better; "" for nothing."""
        return self._against.get(server, "")

    def doubted(self, alarming: Collection[str], found: Collection[str]) -> list[str]:
        """Servers of which too much was supposed, from those that alarm for it, and those with findings."""
        self._unexplained = {
            name: self._unexplained.get(name, 0) + 1 for name in alarming if name not in found
        }
        return [name for name, ticks in self._unexplained.items() if ticks >= DOUBT]

    def meet(
        self,
        time: float,
        servers: Sequence[Server],
        totals: Mapping[str, Totals],
        hosts: Mapping[str, Totals],
    ) -> tuple[Floats, Floats] | None:
        """Means and spreads (S, M, see `Detector.suppose`), NaN but for new ones; None without any."""
        new = {
            row: (server.name, server.uptime)
            for row, server in enumerate(servers)
            if server.name not in self._met and server.name in totals and server.uptime is not None
        }
        if not new:
            return None
        self._met.update(name for name, _ in new.values())
        settled = {row: name for row, (name, uptime) in new.items() if uptime >= SETTLED}
        means, spread = np.full((2, len(servers), len(self._names)), np.nan)
        old = self._remembered
        where = {name: row for row, name in enumerate(old.servers)} if old is not None else {}
        known = {row: where[name] for row, name in settled.items() if name in where}
        if 2 * len(known) < len(new):
            old = None
        # without the others if some are remembered: what is of two times looks unlike
        met = new if old is None else known
        lives = {row: new[row] for row in met if new[row][1] >= self._young}
        self._average(lives, totals, hosts, means)
        if old is not None:
            rows, theirs = list(known), list(known.values())
            told = aligned(old.centre, old.metrics, self._names)[theirs]
            means[rows] = np.where(np.isnan(told), means[rows], told)
            spread[rows] = aligned(old.spread, old.metrics, self._names)[theirs]
            words = f"against what was usual {duration(time - old.time)} before"
            self._against.update((settled[row], words) for row in known)
        return means, spread

    def _average(
        self,
        lives: Mapping[int, tuple[str, float]],
        totals: Mapping[str, Totals],
        hosts: Mapping[str, Totals],
        means: Floats,
    ) -> None:
        """Put the means of these servers, which are their names and ages by row, into `means` (S, M)."""
        if not lives:
            return
        each = [(seconds, totals[name], hosts.get(name)) for name, seconds in lives.values()]
        means[list(lives)] = aligned(since_start(*zip(*each, strict=True)), METRIC_IDS, self._names)
        self._against.update((name, BY_MEANS) for name, _ in lives.values())

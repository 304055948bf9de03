"""What is supposed of servers seen for the first time: what they were like before, or on average.

Shapes: S servers, M metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.lifetime import since_start
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.usual import Usual, aligned
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.snapshot import Totals
from distdiag_tui.model.text import duration
from distdiag_tui.model.topology import Server

SETTLED: Final = 60.0
"""s: a server that serves for less does not yet do what it did before."""
BY_MEANS: Final = "against its mean since it started"


class Supposing:
    """Each server is met once, as soon as it is known how long it serves.

    The means of servers that serve for less than `young` seconds say nothing.
    """

    def __init__(self, metrics: MetricSet, young: float) -> None:
        self._names = metrics.names
        self._places = [METRIC_INDEX[name] for name in metrics.names if name in METRIC_INDEX]
        self._young = young
        self._met: set[str] = set()
        self._remembered: Usual | None = None
        self._against: dict[str, str] = {}

    def remember(self, usual: Usual) -> None:
        """What servers were like another time: it goes before their means."""
        self._remembered = usual

    def words(self, server: str) -> str:
        """What a server is measured by that is not known better; "" for nothing."""
        return self._against.get(server, "")

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
        means, spread = np.full((2, len(servers), len(self._names)), np.nan)
        old = {row: each for row, each in new.items() if each[1] >= self._young}
        if old:
            lives = [(seconds, totals[name], hosts.get(name)) for name, seconds in old.values()]
            since = since_start(*zip(*lives, strict=True))
            means[list(old), : len(self._places)] = since[:, self._places]
            self._against.update((name, BY_MEANS) for name, _ in old.values())
        if self._remembered is not None:
            settled = {row: name for row, (name, uptime) in new.items() if uptime >= SETTLED}
            self._recall(self._remembered, time, settled, means, spread)
        return means, spread

    def _recall(
        self, old: Usual, time: float, settled: Mapping[int, str], means: Floats, spread: Floats
    ) -> None:
        """Put what is remembered of these servers, by row, into `means` and `spread` (S, M)."""
        where = {name: row for row, name in enumerate(old.servers)}
        centre = aligned(old.centre, old.metrics, self._names)
        around = aligned(old.spread, old.metrics, self._names)
        for row, name in settled.items():
            if (at := where.get(name)) is not None:
                means[row] = np.where(np.isfinite(centre[at]), centre[at], means[row])
                spread[row] = around[at]
                ago = duration(time - float(old.times[at]))
                self._against[name] = f"against what was usual {ago} before"

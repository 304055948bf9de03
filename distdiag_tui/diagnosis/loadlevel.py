"""Whether all servers have more or less to do than usual: that is an event, and no trouble.

Shapes: S servers, M metrics. NaN is missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.reference import Flags, taken_rows
from distdiag_tui.diagnosis.robust import middle
from distdiag_tui.model.arithmetic import Floats

MOVED_Z: Final = 4.0
SPREAD: Final = 0.25
SLOWER_Z: Final = 6.0
SLOWED_Z: Final = 10.0
FOLLOWS: Final = 1.3
STEADY: Final = 0.3
"""Shares of a change of load by which figures may change with it."""
LASTING: Final = 15
"""Ticks after which a new level is the new normal."""


class LoadLevel:
    """The `factor` by which the load of all servers has changed, 1 for not at all, and `since` which tick."""

    def __init__(self, metrics: MetricSet) -> None:
        self.factor = 1.0
        self.since = -1
        self._load, self._times = list(metrics.load), list(metrics.times)
        self._steady = np.zeros(len(metrics.names), dtype=np.bool_)
        self._steady[self._times] = True
        self._steady[[column for column, way in enumerate(metrics.bad) if way < 0]] = True
        self._steady[self._load] = False
        self._clear = -1  # the last tick that showed it plainly
        self._moves: list[Floats] = []  # the changes at all of those

    def go_on(self, tick: int, change: Floats, z: Floats, apart: Floats, known: Flags) -> float:
        """The factor at this tick; see `detect.Look` for (S, M). Only servers that are `known` (S) count.

        The longer it is so, the less a moment that looks otherwise says: servers write out what they hold.
        """
        now = self._changed(change, z, apart, known)
        if now != 1.0:
            self.factor, self.since = now, tick if self.since < 0 else self.since
            self._clear = tick
            self._moves.append(change)
        elif self.since < 0 or tick - self._clear > (self._clear - self.since) / 2:
            self._end()
        return self.factor

    def new_normal(self) -> Floats | None:
        """How far what is usual has moved (S, M), once the new level has lasted: with that it is over."""
        if self._clear < self.since + LASTING:
            return None
        moved = middle(self._moves)
        self._end()
        return moved

    def follows(self, change: Floats, factor: float) -> Floats:
        """What of a change (S, M) comes with such a change of load, where no other server tells it.

        Most figures go with the load, some of them less; how long work takes, and how well caches do, hardly.
        """
        size = math.log(factor)
        least = np.where(self._steady, -STEADY * abs(size), min(0.0, FOLLOWS * size))
        most = np.where(self._steady, STEADY * abs(size), max(0.0, FOLLOWS * size))
        return np.clip(change, least, most)

    def rearranged(self, rows: Sequence[int]) -> LoadLevel:
        """With these rows of it, -1 for a new one."""
        new = copy(self)
        new._moves = [taken_rows(each, rows) for each in self._moves]
        return new

    def _changed(self, change: Floats, z: Floats, apart: Floats, known: Flags) -> float:
        """The factor by which the load of all servers changed alike at this tick, 1 if it did not."""
        if not self._load:
            return 1.0
        rows = np.flatnonzero(np.isfinite(change[:, self._load]).all(axis=1) & known)
        if not rows.size:
            return 1.0
        changes = change[rows][:, self._load]
        size = np.median(changes, axis=0)
        moved = np.abs(np.median(z[rows][:, self._load], axis=0)) >= MOVED_Z
        together = (np.abs(changes - size) <= SPREAD + 0.3 * np.abs(size)).all()
        factor = float(size[np.argmax(np.abs(size))])
        slower = self._slower(z[rows], apart[rows], less=factor < 0)
        if not (moved.any() and together and not slower):
            return 1.0
        return math.exp(factor)

    def _slower(self, z: Floats, apart: Floats, *, less: bool) -> bool:
        """Whether work takes longer somewhere more than elsewhere, or everywhere though there is `less`."""
        if not self._times:
            return False
        z, apart = z[:, self._times], apart[:, self._times]
        if less and (np.median(z, axis=0) > SLOWED_Z).any():
            return True
        return bool((np.minimum(z, apart) > SLOWER_Z).sum(axis=1).max() >= 2)

    def _end(self) -> None:
        self.factor, self.since, self._moves = 1.0, -1, []

"""Who alarms: not at a single score beyond its threshold, and not for ever. S servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.reference import Flags, take_rows
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.model.arithmetic import Floats

MARGIN: Final = 0.7
"""What of a score does not count towards an alarm."""
STEADY: Final = 3
"""Scores in a row that say what is more than a moment."""


class Alarms:
    """`alarming` (S), and `onset` (S): the tick that the alarm dates back to, -1 for none."""

    def __init__(self, servers: int, settings: Settings) -> None:
        self.alarming: Flags = np.zeros(servers, dtype=np.bool_)
        self.onset: NDArray[np.intp] = np.full(servers, -1, dtype=np.intp)
        self._settings = settings
        self._hits = np.zeros((servers, settings.of), dtype=np.bool_)
        self._excess = np.zeros((servers, 2 * settings.of))
        self._calm_for = np.zeros(servers, dtype=np.intp)
        self._first_hit = np.full(servers, -1, dtype=np.intp)

    @property
    def lately(self) -> Flags:
        """(S): whether one of the last scores was at its threshold."""
        return np.asarray(self._hits.any(axis=1))

    @property
    def steadily(self) -> Floats:
        """(S): what none of the last STEADY scores was below, MARGIN at least."""
        return np.asarray(self._excess[:, -STEADY:].min(axis=1) + MARGIN)

    def go_on(self, tick: int, scores: Floats) -> None:
        """Take in the scores (S) of a tick: n of m to alarm, some quiet ticks in a row to end."""
        with np.errstate(invalid="ignore"):
            hit, calm = scores >= 1.0, ~(scores >= self._settings.release)
        first = np.where(hit & (self._first_hit < 0), tick, self._first_hit)
        self._hits = np.concatenate([self._hits[:, 1:], hit[:, None]], axis=1)
        excess = np.maximum(0.0, np.nan_to_num(scores) - MARGIN)
        self._excess = np.concatenate([self._excess[:, 1:], excess[:, None]], axis=1)
        lasting = self._excess.sum(axis=1) >= self._settings.weight
        begins = ~self.alarming & lasting & (self._hits.sum(axis=1) >= self._settings.hits)
        self._calm_for = np.where(calm, self._calm_for + 1, 0)
        ends = self.alarming & (self._calm_for >= self._settings.quiet)
        since = np.where(begins, first - self._settings.smooth // 2, self.onset)
        self.alarming = (self.alarming | begins) & ~ends
        self.onset = np.where(self.alarming, since, -1)
        self._first_hit = np.where(ends | ~(self.alarming | self.lately), -1, first)

    def forget(self, rows: Sequence[int]) -> None:
        """That these servers alarm, or might."""
        self.alarming[rows] = self._hits[rows] = False
        self._excess[rows] = 0.0
        self.onset[rows] = self._first_hit[rows] = -1

    def rearranged(self, rows: Sequence[int]) -> Alarms:
        """For other servers: these rows of the ones before, -1 for a new one."""
        new = Alarms(len(rows), self._settings)
        for array, old in (
            (new.alarming, self.alarming), (new.onset, self.onset), (new._hits, self._hits),
            (new._excess, self._excess), (new._calm_for, self._calm_for), (new._first_hit, self._first_hit),
        ):  # fmt: skip
            take_rows(array, old, rows)
        return new

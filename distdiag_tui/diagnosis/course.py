"""The course of things: what the last ticks looked like, and since when what was so.

Shapes: S servers, M metrics, F effects.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.detect import Look
from distdiag_tui.diagnosis.local import local_part
from distdiag_tui.diagnosis.reference import take_rows, taken_rows
from distdiag_tui.diagnosis.rules import as_effects
from distdiag_tui.model.arithmetic import Floats

RECENT: Final = 10
"""Ticks that effects are the median of, as far back as the onset."""
OUT: Final = 3.0
"""Deviation from which on a metric has left its band."""


class Course:
    """Remembers `ticks` moments, and the last few looks."""

    def __init__(self, servers: int, metrics: int, ticks: int) -> None:
        self.left: NDArray[np.intp] = np.full((servers, metrics), -1, dtype=np.intp)
        """The tick at which each metric left its band, -1 if it is within."""
        self._past: deque[tuple[Floats, Floats, Floats]] = deque(maxlen=RECENT)
        self._times: dict[int, float] = {}
        self._ticks = ticks

    def rearranged(self, rows: Sequence[int]) -> Course:
        """For other servers, with the same clock: these rows of the ones before, -1 for a new one."""
        new = Course(len(rows), self.left.shape[1], self._ticks)
        new._times = self._times
        take_rows(new.left, self.left, rows)
        new._past.extend(
            (taken_rows(z, rows), taken_rows(local, rows), taken_rows(change, rows))
            for z, local, change in self._past
        )
        return new

    def go_on(self, time: float, look: Look) -> None:
        """One tick more."""
        self._times[look.tick] = time
        if len(self._times) > self._ticks:
            del self._times[min(self._times)]
        self._past.append((look.z, local_part(look.z, look.apart), look.change))
        out = np.abs(look.z) > OUT
        self.left = np.where(out, np.where(self.left < 0, look.tick, self.left), -1)

    def time(self, tick: int) -> float:
        """Epoch seconds of a tick, NaN if it is too long ago, or none."""
        return self._times.get(tick, math.nan)

    def since_onset(self, look: Look, alarming: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """Deviations (S, M), what of them is not shared, and changes: medians since the onset."""
        views = look.z.copy(), local_part(look.z, look.apart), look.change.copy()
        for row in alarming:
            # what comes with the onset itself is half of it still as it was
            ticks = max(1, min(len(self._past), look.tick - int(look.onset[row]) - 2))
            recent = list(self._past)[-ticks:]
            for view, past in zip(views, zip(*recent, strict=True), strict=True):
                view[row] = np.median([each[row] for each in past], axis=0)
        return views


def effects_of(own: Floats, local: Floats, change: Floats, *, shared: bool) -> Floats:
    """(S, F): of all of each server's deviations and changes if they are `shared`, else of what is not."""
    if shared:
        return as_effects(own, change)
    share = np.minimum(1.0, np.abs(local) / np.maximum(np.abs(own), 1e-9))
    return as_effects(local, change * share)

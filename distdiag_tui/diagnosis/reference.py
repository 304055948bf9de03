"""What is usual: the recent calm past of every server and metric, as medians and robust spreads.

Shapes: S servers, M metrics, W ticks of memory. Values are tame (see `MetricSet.tame`), NaN is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.robust import centre_and_spread, least_spread
from distdiag_tui.model.arithmetic import Floats

Flags = NDArray[np.bool_]
Singles = NDArray[np.float32]

DOUBT: Final = 20
"""Ticks of which the spread may be twice as large as it seems; more of them say it more surely."""
ROWS_A_TICK: Final = 24
"""Servers whose reference is renewed in a tick: all of them would take too long where there are many."""


class Reference:
    """Medians and spreads (S, M) over the last `memory` ticks put in; NaN where there are too few."""

    def __init__(self, servers: int, metrics: int, memory: int, least: int) -> None:
        self.centre: Floats = np.full((servers, metrics), np.nan)
        self.spread: Floats = np.full((servers, metrics), np.nan)
        self.counts = np.zeros(servers, dtype=np.intp)
        self._least = least
        self._ring: Singles = np.full((servers, metrics, memory), np.nan, dtype=np.float32)
        self._next = 0

    def put(self, values: Floats, which: Flags) -> None:
        """A tick's values (S, M) of the servers `which` (S), and renew what it is the turn of."""
        servers, _, memory = self._ring.shape
        rows = np.flatnonzero(which)
        self._ring[rows, :, self.counts[rows] % memory] = values[rows]
        self.counts[rows] += 1
        if servers == 0:
            return
        turn = (self._next + np.arange(min(servers, ROWS_A_TICK))) % servers
        self._next = (self._next + len(turn)) % servers
        fresh = rows[self.counts[rows] == self._least]  # nobody waits for the first reference
        self._renew(np.union1d(turn[self.counts[turn] >= self._least], fresh))

    def fill(self, past: Floats, which: Flags) -> None:
        """A whole past (N, S, M) in place of what is known of the servers `which` (S); N is at most W."""
        rows = np.flatnonzero(which)
        self._ring[rows] = np.nan
        self._ring[rows, :, : len(past)] = np.moveaxis(past[:, rows], 0, -1)
        self.counts[rows] = len(past)
        self._renew(rows)

    @property
    def supposed(self) -> Flags:
        """(S): of which servers all that holds is supposed."""
        few: Flags = self.counts < self._least
        return few & np.isfinite(self.centre).any(axis=1) if few.any() else few

    def suppose(self, centre: Floats, spread: Floats, which: Flags) -> None:
        """What holds for the servers `which` (S) until enough ticks are put in: (S, M), NaN for unknown."""
        self.centre[which] = centre[which]
        self.spread[which] = np.maximum(spread, least_spread(centre))[which]

    def forget(self, rows: Sequence[int]) -> None:
        """What was supposed of these servers: nothing is known until enough ticks are put in."""
        self.centre[rows] = self.spread[rows] = np.nan

    def rearranged(self, rows: Sequence[int]) -> Reference:
        """With these rows of it, -1 for a new one."""
        _, metrics, memory = self._ring.shape
        new = Reference(len(rows), metrics, memory, self._least)
        for array, old in (
            (new.centre, self.centre), (new.spread, self.spread),
            (new.counts, self.counts), (new._ring, self._ring),
        ):  # fmt: skip
            take_rows(array, old, rows)
        return new

    def shift(self, by: Floats) -> None:
        """The level has changed for good: move the whole past by (S, M), NaN for not at all."""
        moved = np.nan_to_num(by)
        self._ring += moved[:, :, None].astype(np.float32)
        self.centre += moved

    def _renew(self, rows: NDArray[np.intp]) -> None:
        if not rows.size:
            return
        kept = int(min(self.counts[rows].max(), self._ring.shape[2]))
        centre, spread, there = centre_and_spread(self._ring[rows, :, :kept])
        few = there < min(self._least, kept) // 2
        spread = np.maximum(spread, least_spread(centre)) * (1 + DOUBT / np.maximum(there, 1))
        self.centre[rows] = np.where(few, np.nan, centre)
        self.spread[rows] = np.where(few, np.nan, spread)


def taken_rows(old: Floats, rows: Sequence[int]) -> Floats:
    """These rows of `old`, NaN for -1."""
    new = np.full((len(rows), *old.shape[1:]), np.nan)
    take_rows(new, old, rows)
    return new


def take_rows(new: NDArray[Any], old: NDArray[Any], rows: Sequence[int]) -> None:
    """Copy rows of `old`, -1 for none, to where they now belong."""
    kept = np.flatnonzero(np.asarray(rows) >= 0)
    new[kept] = old[np.asarray(rows)[kept]]

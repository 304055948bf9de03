"""How far is too far: alarm thresholds from each server's own calm scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.reference import Flags, take_rows
from distdiag_tui.model.arithmetic import Floats

MEMORY: Final = 600
"""Calm scores that are kept."""
ENOUGH: Final = 60
"""Calm scores before they are believed."""
TAIL: Final = 0.1
"""The share of the scores that the tail is fitted to."""
CHANCE: Final = 1e-5
"""The probability that a calm score is beyond its threshold."""
LEAST: Final = 2.5
MOST: Final = 6.0
FIRST: Final = 3.5
"""While too few scores are known."""
EVERY: Final = 10
"""Calm scores after which a threshold is renewed,"""
TURN: Final = 16
"""of so many servers a tick: all of them would take too long where there are many."""


class Thresholds:
    """`limits` (S, K) of K kinds of scores, and how often calm scores are expected beyond one of them."""

    def __init__(self, servers: int, kinds: int) -> None:
        self.limits: Floats = np.full((servers, kinds), FIRST)
        self.false_alarms = float("nan")  # a tick, over all servers
        self._chances = np.full((servers, kinds), np.nan)
        self._ring = np.full((servers, kinds, MEMORY), np.nan, dtype=np.float32)
        self._counts = np.zeros(servers, dtype=np.intp)
        self._renewed = np.zeros(servers, dtype=np.intp)  # the counts at that time
        self._next = 0

    def put(self, scores: Floats, which: Flags) -> None:
        """A tick's scores (S, K) of the servers `which` (S) that are calm."""
        rows = np.flatnonzero(which)
        self._ring[rows, :, self._counts[rows] % MEMORY] = scores[rows]
        self._counts[rows] += 1
        servers = len(self._counts)
        if not servers:
            return
        turn = (self._next + np.arange(min(servers, TURN))) % servers
        self._next = int((self._next + len(turn)) % servers)
        due = (self._counts[turn] >= ENOUGH) & (self._counts[turn] - self._renewed[turn] >= EVERY)
        for row in turn[due]:
            self._renew(int(row))
        if np.isfinite(self._chances).any():
            self.false_alarms = float(np.nansum(self._chances))

    def rearranged(self, rows: Sequence[int]) -> Thresholds:
        """With these rows of it, -1 for a new one."""
        new = Thresholds(len(rows), self.limits.shape[1])
        for array, old in (
            (new.limits, self.limits), (new._chances, self._chances),
            (new._ring, self._ring), (new._counts, self._counts), (new._renewed, self._renewed),
        ):  # fmt: skip
            take_rows(array, old, rows)
        return new

    def _renew(self, row: int) -> None:
        """An exponential tail: its mean excess is its scale."""
        past = np.sort(self._ring[row, :, : min(self._counts[row], MEMORY)], axis=1).astype(float)
        begin = past.shape[1] - max(2, int(past.shape[1] * TAIL))
        edge = past[:, begin]
        scale = np.maximum(past[:, begin:].mean(axis=1) - edge, 0.02)
        limits = np.clip(edge + scale * np.log(TAIL / CHANCE), LEAST, MOST)
        self.limits[row], self._renewed[row] = limits, self._counts[row]
        self._chances[row] = np.minimum(1.0, TAIL * np.exp(-(limits - edge) / scale))

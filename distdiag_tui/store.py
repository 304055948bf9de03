"""The recent past of every subject and metric, in fixed-size ring buffers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Values
from distdiag_tui.model.topology import Subject

HOUR: Final = 3600  # ticks


class Store:
    """Values by tick, subject and metric: shape (2 * capacity, subjects, M), float32, NaN for gaps.

    Every tick is written twice, a capacity apart, so that the last N ticks always lie side by side and a
    view of them needs no copy. Memory is touched only as ticks come in.
    """

    def __init__(self, capacity: int = HOUR) -> None:
        self.capacity = capacity
        self.tick: int | None = None
        self.length = 0
        self._written = 0
        self._rows: dict[Subject, int] = {}
        self._data = np.empty((2 * capacity, 0, len(METRIC_IDS)), dtype=np.float32)

    def append(self, tick: int, values: Mapping[Subject, Values]) -> None:
        """Write one column. Ticks left out since the last become gaps; the same tick is overwritten."""
        self._make_rows(values)
        if self.tick is not None:
            if tick <= self.tick:
                tick = self.tick
                self._written -= 1
                self.length -= 1
            for _ in range(min(tick - self.tick - 1, self.capacity)):
                self._write({})
        self._write(values)
        self.tick = tick

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """The last `count` ticks up to tick `end` (newest if None): read-only view (M, n), oldest first.

        n is less than `count` where the buffer does not reach so far, and 0 for an unknown subject.
        """
        row = self._rows.get(subject)
        if row is None or self.tick is None:
            return np.empty((len(METRIC_IDS), 0), dtype=np.float32)
        back = 0 if end is None else max(0, self.tick - end)
        count = max(0, min(count, self.length - back))
        stop = (self._written - 1 - back) % self.capacity + self.capacity + 1
        view = self._data[stop - count : stop, row].T
        view.flags.writeable = False
        return view

    def _write(self, values: Mapping[Subject, Values]) -> None:
        slot = self._written % self.capacity
        for subject, row in self._rows.items():
            self._data[slot, row] = values.get(subject, np.nan)
        self._data[slot + self.capacity] = self._data[slot]
        self._written += 1
        self.length = min(self.length + 1, self.capacity)

    def _make_rows(self, values: Mapping[Subject, Values]) -> None:
        """Give new subjects a row whose past is a gap."""
        new = [subject for subject in values if subject not in self._rows]
        if not new:
            return
        old = len(self._rows)
        grown = np.empty((2 * self.capacity, old + len(new), len(METRIC_IDS)), dtype=np.float32)
        for start in (0, self.capacity):
            written = slice(start, start + min(self._written, self.capacity))
            grown[written, :old] = self._data[written]
            grown[written, old:] = np.nan
        self._rows.update({subject: old + index for index, subject in enumerate(new)})
        self._data = grown

"""The newest ticks as they are. Shapes: C columns (of one tick each), S subjects, M metrics."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import Values

BLOCK: Final = 32  # ticks that are packed together once the ring is too small,
SUBJECTS: Final = 128  # of so many subjects at a time
SPARE: Final = 8  # of so many subjects, room for one more: memory that is not touched is not taken


class Ring:
    """The last `columns` columns (C, S, M), by their number.

    With `twice` every column is written twice, C apart, so that any run of them lies side by side, and a view
    of it needs no copy.
    """

    def __init__(self, columns: int, subjects: int, *, twice: bool) -> None:
        self.columns, self.subjects, self.twice = columns, subjects, twice
        room = subjects + subjects // SPARE
        shape = (2 * columns if twice else columns, room, len(METRIC_IDS))
        self._data = np.empty(shape, dtype=np.float32)

    @staticmethod
    def bytes_of(columns: int, subjects: int) -> int:
        """Of one that writes twice, once it is full."""
        return 2 * columns * subjects * len(METRIC_IDS) * 4

    def write(self, column: int, rows: NDArray[np.intp], values: Values) -> None:
        """One column, with a gap for all but `rows`."""
        plane = self._data[column % self.columns, : self.subjects]
        if len(rows) < self.subjects:
            plane[...] = np.nan
        plane[rows] = values
        if self.twice:
            self._data[column % self.columns + self.columns, : self.subjects] = plane

    def clear(self) -> None:
        """Nothing but gaps."""
        self._data[:, : self.subjects] = np.nan

    def read(self, first: int, last: int) -> list[Values]:
        """Columns `first` to `last`, without that: a view (C, S, M), or two where the ring begins anew."""
        count = last - first
        if self.twice:
            stop = (last - 1) % self.columns + self.columns + 1
            return [self._data[stop - count : stop, : self.subjects]]
        start = first % self.columns
        if start + count <= self.columns:
            return [self._data[start : start + count, : self.subjects]]
        return [
            self._data[start:, : self.subjects],
            self._data[: start + count - self.columns, : self.subjects],
        ]

    def widened(self, subjects: int, first: int, last: int) -> Ring:
        """For more subjects, who have no past in columns `first` to `last`: itself if there is room."""
        old = self.subjects
        if subjects > self._data.shape[1]:
            wider = Ring(self.columns, subjects, twice=self.twice)
            wider.copy(self, first, last)
            return wider
        self.subjects = subjects
        for column in range(first, last):
            for slot in range(column % self.columns, len(self._data), self.columns):
                self._data[slot, old:subjects] = np.nan
        return self

    def copy(self, other: Ring, first: int, last: int) -> None:
        """Columns `first` to `last` of one with as many subjects or fewer."""
        rows = np.arange(other.subjects)
        for column in range(first, last):
            self.write(column, rows, other.read(column, column + 1)[0][0])

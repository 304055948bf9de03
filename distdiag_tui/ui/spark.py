"""Sparklines as pure functions: ticks to columns, columns to glyphs.

A column covers a whole number of ticks and begins at a multiple of it, so a value stays in its column
as time goes on: between two steps only the newest column changes, which is kind to a slow line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.snapshot import Values

BARS: Final = " ▁▂▃▄▅▆▇█"
STEPS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """What the columns of every plot in a pane stand for: `columns` columns of `ticks` ticks, up to `end`."""

    end: int
    columns: int
    ticks: int

    @classmethod
    def fitting(cls, end: int, columns: int, span: int) -> TimeAxis:
        """An axis of `columns` columns that covers at least `span` ticks."""
        return cls(end, columns, max(1, math.ceil(span / max(1, columns))))

    def column(self, tick: int) -> int | None:
        """The column of a tick, None where it is before or after all of them.

        >>> axis = TimeAxis(end=5, columns=3, ticks=2)
        >>> [axis.column(tick) for tick in (-1, 0, 3, 5, 6)]
        [None, 0, 1, 2, None]
        """
        column = self.columns - 1 - (self.end // self.ticks - tick // self.ticks)
        return column if column >= 0 and tick <= self.end else None

    @property
    def span(self) -> int:
        """Ticks to fetch: the columns before, and the newest, which may not be full yet."""
        return (self.columns - 1) * self.ticks + self.end % self.ticks + 1


def columns_of(window: Values, axis: TimeAxis) -> NDArray[np.float64]:
    """Mean of each column: (M, n ticks) -> (M, axis.columns); NaN where nothing is known.

    >>> axis = TimeAxis(end=5, columns=3, ticks=2)
    >>> columns_of(np.array([[1, 3, 5, 7, 9, 11]], dtype=np.float32), axis).tolist()
    [[2.0, 6.0, 10.0]]
    """
    rows, count = window.shape
    padded = np.full((rows, axis.columns * axis.ticks), np.nan)
    start = axis.columns * axis.ticks - (axis.ticks - 1 - axis.end % axis.ticks) - count
    if start < 0:
        window, start = window[:, -start:], 0
    padded[:, start : start + window.shape[1]] = window
    parts = padded.reshape(rows, axis.columns, axis.ticks)
    known = ~np.isnan(parts)
    sums, counts = np.where(known, parts, 0.0).sum(axis=2), known.sum(axis=2)
    means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def stretched(window: Values, end: int, columns: int, span: int) -> NDArray[np.float64]:
    """(M, n ticks) -> (M, columns) that cover just `span` ticks, a tick over several columns if need be.

    >>> stretched(np.array([[1, 2]], dtype=np.float32), 9, 4, 2).tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    if span >= columns:
        return columns_of(window, TimeAxis.fitting(end, columns, span))
    ticks = columns_of(window[:, -span:], TimeAxis(end, span, 1))
    spread: NDArray[np.float64] = ticks[:, np.arange(columns) * span // columns]
    return spread


def nice_ceiling(value: float) -> float:
    """The next step of 1-1.5-2-3-5-7-10 at or above a value: scales move seldom.

    >>> [nice_ceiling(v) for v in (0.0, 0.9, 1.2, 412, 7200)]
    [1.0, 1.0, 1.5, 500.0, 10000.0]
    """
    if not value > 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(step for step in STEPS if step * power >= value * 0.999999)


def bars(values: NDArray[np.float64], top: float, height: int = 1) -> list[str]:
    """Bars of `height` rows, top row first. Any value shows at least the lowest bar, a gap shows nothing.

    >>> bars(np.array([0.0, 5.0, 10.0, np.nan]), 10.0)
    ['▁▄█ ']
    """
    levels = 8 * height
    filled = np.clip(np.rint(values / top * levels), 1, levels)
    filled = np.where(np.isnan(values), 0, filled).astype(np.intp)
    return [
        "".join([BARS[level] for level in np.clip(filled - 8 * below, 0, 8).tolist()])
        for below in range(height - 1, -1, -1)
    ]

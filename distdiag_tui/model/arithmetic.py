"""From running totals to metrics: pure array functions, where a gap stays a gap.

Shapes: C raw columns, M metrics, in the order of `metrics.COLUMNS` and `metrics.CATALOGUE`;
NaN is "missing". Sources of a value that is not comparable with its predecessor (a reset, a restart,
a pause of the collector) give NaN, never a spike and never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.metrics import CATALOGUE, COLUMN_INDEX, COLUMNS, LEVELS, Column

Floats = NDArray[np.float64]

IS_LEVEL: Final = np.array([column in LEVELS for column in COLUMNS])
_LEVELS: Final = np.flatnonzero(IS_LEVEL)

# A restarted server has all its totals near zero; single totals may slip back by themselves.
RESET_SHARE: Final = 0.5


def per_second(previous: Floats, current: Floats, seconds: float | Floats) -> Floats:
    """Increase per second of running totals, levels as they are; last axis is C, `seconds` has the others.

    A total that fell, or lacks a value on either side, gives NaN. When most totals of a row fell,
    the server restarted and the whole row of totals is NaN.
    """
    known = np.where(np.asarray(seconds) > 0, seconds, np.nan)[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        rates: Floats = current - previous
        fell = rates < 0
        rates /= known
    fell[..., _LEVELS] = False
    some = fell.any(axis=-1)
    if some.any():
        fell[some] |= _reset(previous[some], current[some], fell[some])[..., None]
        rates[fell] = np.nan
    rates[np.isinf(rates)] = np.nan
    rates[..., _LEVELS] = current[..., _LEVELS]
    return rates


def _reset(previous: Floats, current: Floats, fell: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of rows where totals fell: whether those are most of the totals that moved."""
    moved = (current != previous) & ~IS_LEVEL & ~np.isnan(previous)
    changed = np.count_nonzero(moved, axis=-1)
    return np.asarray(np.count_nonzero(fell, axis=-1) > RESET_SHARE * np.maximum(changed, 1))


def add_rows(rows: Floats) -> Floats:
    """Sum over the first axis of what is there; NaN only where nothing is there at all."""
    return np.asarray(add_groups(rows, np.zeros(1, dtype=np.intp))[0])


def add_groups(rows: Floats, starts: NDArray[np.intp]) -> Floats:
    """The same for each group of rows that follow each other: (R, ...) -> (G, ...).

    Group g begins at starts[g]; none is empty.
    """
    missing = np.isnan(rows)
    total: Floats = np.add.reduceat(np.where(missing, 0.0, rows), starts, axis=0)
    total[np.logical_and.reduceat(missing, starts, axis=0)] = np.nan
    return total


class _Sums:
    """Sums of columns, one for each formula. Term by term, for most formulas have only one."""

    def __init__(self, formulas: Sequence[tuple[Column, ...]]) -> None:
        self._first = np.array([COLUMN_INDEX[terms[0]] for terms in formulas])
        self._more: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
        for number in range(1, max(map(len, formulas))):
            which = [row for row, terms in enumerate(formulas) if len(terms) > number]
            columns = [COLUMN_INDEX[formulas[row][number]] for row in which]
            self._more.append((np.array(which), np.array(columns)))

    def of(self, columns: Floats) -> Floats:
        """(..., C) -> (..., formulas); NaN where a term is missing."""
        sums: Floats = columns.take(self._first, axis=-1)
        for which, terms in self._more:
            sums[..., which] += columns.take(terms, axis=-1)
        return sums


_SCALE: Final = np.array([metric.scale for metric in CATALOGUE])
_OVER: Final = _Sums([metric.over for metric in CATALOGUE])
_UNDER: Final = _Sums([metric.under for metric in CATALOGUE if metric.under])
_LEAST: Final = np.array([metric.least for metric in CATALOGUE if metric.under])
_RATIOS: Final = np.array([index for index, metric in enumerate(CATALOGUE) if metric.under])


def evaluate(columns: Floats) -> Floats:
    """Metrics of raw columns per second: shape (..., C) -> (..., M).

    A ratio whose denominator did not move is NaN, and so is a sum with a missing term.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        values, under = _SCALE * _OVER.of(columns), _UNDER.of(columns)
        under[~(under > 0)] = np.nan
        values[..., _RATIOS] /= np.maximum(under, _LEAST)
    values[np.isinf(values)] = np.nan
    return values

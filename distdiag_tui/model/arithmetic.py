"""From running totals to metrics: pure array functions, where a gap stays a gap.

Shapes: C raw columns, M metrics, in the order of `metrics.COLUMNS` and `metrics.CATALOGUE`;
NaN is "missing". Sources of a value that is not comparable with its predecessor (a reset, a restart,
a pause of the collector) give NaN, never a spike and never a zero.
"""

from __future__ import annotations

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


def _flatten(formulas: list[tuple[Column, ...]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Column index of every term, and where each metric's terms start (for reduceat)."""
    terms = [COLUMN_INDEX[column] for formula in formulas for column in formula]
    starts = np.cumsum([0, *(len(formula) for formula in formulas)])[:-1]
    return np.array(terms, dtype=np.intp), starts.astype(np.intp)


_HAS_UNDER: Final = np.array([bool(metric.under) for metric in CATALOGUE])
_SCALE: Final = np.array([metric.scale for metric in CATALOGUE])
_OVER_TERMS, _OVER_STARTS = _flatten([metric.over for metric in CATALOGUE])
_UNDER_TERMS, _UNDER_STARTS = _flatten([metric.under for metric in CATALOGUE if metric.under])


def evaluate(columns: Floats) -> Floats:
    """Metrics of raw columns per second: shape (..., C) -> (..., M).

    A ratio whose denominator did not move is NaN, and so is a sum with a missing term.
    """
    over = np.add.reduceat(columns[..., _OVER_TERMS], _OVER_STARTS, axis=-1)
    under = np.ones_like(over)
    under[..., _HAS_UNDER] = np.add.reduceat(columns[..., _UNDER_TERMS], _UNDER_STARTS, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values: Floats = _SCALE * over / under
    values[~(under > 0) | ~np.isfinite(values)] = np.nan
    return values

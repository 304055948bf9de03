"""Medians and spreads that a few odd values do not move; NaN is missing, and left out.

All but `middle` along the last axis, of n values; leading axes are free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats

NORMAL_MAD: Final = 1.4826
NORMAL_IQR: Final = 1.349
LEAST_SPREAD: Final = 0.02
"""2 % of the level: what moves less is not worth a word."""
LEAST_SHARE: Final = 0.25
"""The share of a metric's floor that is not worth a word, where its level is about there."""

Values = NDArray[np.floating[Any]]


def centre_and_spread(values: Values) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """The median; the larger of the standard deviations that MAD and IQR stand for; how many were there."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    there = np.isfinite(ordered).sum(axis=-1)
    centre = _quantile(ordered, there, 0.5)
    mad = _quantile(np.sort(np.abs(ordered - centre[..., None]), axis=-1), there, 0.5)
    iqr = _quantile(ordered, there, 0.75) - _quantile(ordered, there, 0.25)
    return centre, np.maximum(NORMAL_MAD * mad, iqr / NORMAL_IQR), there


def quantile(values: Values, share: float) -> Floats:
    """As `numpy.nanquantile`, but fast where there are few values."""
    ordered = np.sort(values, axis=-1)
    return _quantile(ordered, np.isfinite(ordered).sum(axis=-1), share)


def middle(views: Sequence[Floats]) -> Floats:
    """The lower median of what is there, of several (S, M)."""
    stack = np.sort(np.stack(views), axis=0)  # NaN comes last
    there = np.isfinite(stack).sum(axis=0)
    place = np.maximum(there - 1, 0) // 2
    return np.asarray(np.take_along_axis(stack, place[None], axis=0)[0])


def least_spread(centre: Floats) -> Floats:
    """What a spread is at least, of tame values with these medians."""
    return np.asarray(LEAST_SPREAD + LEAST_SHARE / np.cosh(np.clip(centre, -50.0, 50.0)))


def _quantile(ordered: Values, there: NDArray[np.intp], share: float) -> Floats:
    """Of sorted values, the first `there` of which count."""
    last = np.maximum(there - 1, 0)
    at = last * share
    low = np.floor(at).astype(np.intp)
    first = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0].astype(float)
    second = np.take_along_axis(ordered, np.minimum(low + 1, last)[..., None], axis=-1)[..., 0].astype(float)
    return np.asarray(first + (second - first) * (at - low))

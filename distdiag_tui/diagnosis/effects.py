"""What has changed between two windows of time, in numbers that carry over between loads and machines.

Shapes: W and N ticks, M metrics; leading axes are free (servers, runs). NaN is missing. Values are made
tame first, asinh(value / floor): a difference is then the log of a ratio, and is linear near 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats

KINDS: Final = ("deviation", "change", "unrest")
"""What `effects` says of each metric: how far it moved in robust standard deviations, by what factor, and how
much more it moves about than before. All three are signed logs, 0 for nothing."""

LEAST_SPREAD: Final = 0.02
LEAST_OF_FLOOR: Final = 0.25
NORMAL_MAD: Final = 1.4826
NORMAL_IQR: Final = 1.349
SHARE_OF_LEVEL: Final = 0.02


def effects(before: Floats, now: Floats, floors: Floats) -> Floats:
    """(..., W, M), (..., N, M) and (M) to (..., 3M), in the order of `KINDS`; 0 where one is missing."""
    past, present = np.arcsinh(before / floors), np.arcsinh(now / floors)
    centre, spread = centre_and_spread(past)
    least = LEAST_SPREAD + LEAST_OF_FLOOR / np.cosh(np.clip(centre, -50.0, 50.0))
    change = quantile(present, 0.5) - centre
    deviation = np.arcsinh(change / np.maximum(spread, least))
    unrest = np.log((_deviation(present) + least) / (_deviation(past) + least))
    return np.asarray(np.nan_to_num(np.concatenate([deviation, change, unrest], axis=-1)))


def centre_and_spread(values: Floats) -> tuple[Floats, Floats]:
    """Of (..., W, M): the median, and the larger of the standard deviations that MAD and IQR stand for."""
    centre = quantile(values, 0.5)
    mad = NORMAL_MAD * quantile(np.abs(values - centre[..., None, :]), 0.5)
    iqr = (quantile(values, 0.75) - quantile(values, 0.25)) / NORMAL_IQR
    return centre, np.maximum(mad, iqr)


def learned_floors(calm: Floats) -> Floats:
    """(M): what is too little to count, from calm windows (R, W, M).

    The larger of 2 % of what is usual where there is something, and of the difference that the halves of a
    calm window have in one case of four. 1 for a metric that was never there.
    """
    rows = np.abs(calm.reshape(-1, calm.shape[-1]))
    level = quantile(np.where(rows > 0, rows, np.nan), 0.5)
    half = calm.shape[-2] // 2
    moved = np.abs(quantile(calm[..., :half, :], 0.5) - quantile(calm[..., half:, :], 0.5))
    noise = quantile(moved.reshape(-1, calm.shape[-1]), 0.75)
    floors = np.fmax(SHARE_OF_LEVEL * level, noise)
    return np.where(np.isfinite(floors) & (floors > 0), floors, 1.0)


def quantile(values: Floats, share: float) -> Floats:
    """Of what is there along the last axis but one, as `numpy.nanquantile`, but fast for short windows."""
    ordered = np.sort(values, axis=-2)  # NaN comes last
    there = np.isfinite(ordered).sum(axis=-2)
    at = np.maximum(there - 1, 0) * share
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(there - 1, 0))
    first = np.take_along_axis(ordered, low[..., None, :], axis=-2)[..., 0, :]
    second = np.take_along_axis(ordered, high[..., None, :], axis=-2)[..., 0, :]
    return np.asarray(first + (second - first) * (at - low))


def _deviation(values: Floats) -> Floats:
    """The standard deviation of what is there, along the last axis but one."""
    missing = np.isnan(values)
    count = np.maximum((~missing).sum(axis=-2), 1)
    mean = np.where(missing, 0.0, values).sum(axis=-2) / count
    square = np.where(missing, 0.0, (values - mean[..., None, :]) ** 2).sum(axis=-2) / count
    return np.where(missing.all(axis=-2), np.nan, np.sqrt(square))

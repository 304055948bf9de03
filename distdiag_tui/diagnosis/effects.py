"""What has changed between two windows of time, in numbers that carry over between loads and machines.

Shapes: W and N ticks, M metrics; leading axes are free (servers, runs). NaN is missing. Values are made
tame first, asinh(value / floor): a difference is then the log of a ratio, and is linear near 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from distdiag_tui.diagnosis.robust import centre_and_spread, least_spread, quantile
from distdiag_tui.model.arithmetic import Floats

KINDS: Final = ("deviation", "change", "unrest")
"""What `effects` says of each metric: how far it moved in robust standard deviations, by what factor, and how
much more it moves about than before. All three are signed logs, 0 for nothing."""

SHARE_OF_LEVEL: Final = 0.02


def effects(before: Floats, now: Floats, floors: Floats) -> Floats:
    """(..., W, M), (..., N, M) and (M) to (..., 3M), in the order of `KINDS`; 0 where one is missing."""
    past, present = _by_metric(np.arcsinh(before / floors)), _by_metric(np.arcsinh(now / floors))
    centre, spread, _ = centre_and_spread(past)
    least = least_spread(centre)
    change = quantile(present, 0.5) - centre
    deviation = np.arcsinh(change / np.maximum(spread, least))
    unrest = np.log((_deviation(present) + least) / (_deviation(past) + least))
    return np.asarray(np.nan_to_num(np.concatenate([deviation, change, unrest], axis=-1)))


def learned_floors(calm: Floats) -> Floats:
    """(M): what is too little to count, from calm windows (R, W, M).

    The larger of 2 % of what is usual where there is something, and of the difference that the halves of a
    calm window have in one case of four. 1 for a metric that was never there.
    """
    rows = np.abs(calm.reshape(-1, calm.shape[-1]))
    level = quantile(np.where(rows > 0, rows, np.nan).T, 0.5)
    half, by_metric = calm.shape[-2] // 2, _by_metric(calm)
    moved = np.abs(quantile(by_metric[..., :half], 0.5) - quantile(by_metric[..., half:], 0.5))
    noise = quantile(moved.reshape(-1, calm.shape[-1]).T, 0.75)
    floors = np.fmax(SHARE_OF_LEVEL * level, noise)
    return np.where(np.isfinite(floors) & (floors > 0), floors, 1.0)


def _by_metric(values: Floats) -> Floats:
    """(..., W, M) to (..., M, W)."""
    return np.swapaxes(values, -1, -2)


def _deviation(values: Floats) -> Floats:
    """The standard deviation of what is there, along the last axis."""
    missing = np.isnan(values)
    count = np.maximum((~missing).sum(axis=-1), 1)
    mean = np.where(missing, 0.0, values).sum(axis=-1) / count
    square = np.where(missing, 0.0, (values - mean[..., None]) ** 2).sum(axis=-1) / count
    return np.where(missing.all(axis=-1), np.nan, np.sqrt(square))

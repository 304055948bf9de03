"""What the other servers do at the same moment."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats

FEW: Final = 12
"""Servers: among more of them the median of all is that of the others."""


def others_median(values: Floats) -> Floats:
    """For each server the median of the others' values (S, M); NaN where there are none."""
    servers = len(values)
    if servers < 2:
        return np.full_like(values, np.nan)
    if servers > FEW:
        return np.broadcast_to(_median(values), values.shape)
    return np.stack([_median(np.delete(values, server, axis=0)) for server in range(servers)])


def _median(values: Floats) -> Floats:
    if np.isfinite(values).all():
        return np.asarray(np.median(values, axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a metric that nobody has
        return np.asarray(np.nanmedian(values, axis=0))

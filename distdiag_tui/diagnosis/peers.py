"""What the other servers do at the same moment."""

from __future__ import annotations

from typing import Final

import numpy as np

from distdiag_tui.diagnosis.robust import quantile
from distdiag_tui.model.arithmetic import Floats

FEW: Final = 12
"""Servers: among more of them the median of all is that of the others."""


def others_median(values: Floats) -> Floats:
    """For each server the median of the others' values (..., S, M); NaN where there are none."""
    servers = values.shape[-2]
    if servers < 2:
        return np.full_like(values, np.nan)
    if servers > FEW:
        return np.broadcast_to(_median(values)[..., None, :], values.shape)
    others = (np.delete(values, server, axis=-2) for server in range(servers))
    return np.stack([_median(each) for each in others], axis=-2)


def _median(values: Floats) -> Floats:
    if np.isfinite(values).all():
        return np.asarray(np.median(values, axis=-2))
    return quantile(np.swapaxes(values, -1, -2), 0.5)

"""Whose fault it is: what of a server's change is its own, and not that of all servers.

Shapes: S servers, M metrics.
"""

from __future__ import annotations

import numpy as np

from distdiag_tui.diagnosis.peers import others_median
from distdiag_tui.model.arithmetic import Floats


def attribute(change: Floats, spread: Floats) -> Floats:
    """(S, M): each server's change less the median of its peers', over the usual `spread` of that difference.

    One server alone is measured against itself.
    """
    peers = np.nan_to_num(others_median(change))
    return np.asarray((change - peers) / np.maximum(spread, 1e-9))


def local_part(own: Floats, apart: Floats) -> Floats:
    """What is beyond the server's own past and beyond its peers, alike in sign: the lesser of the two."""
    lesser = np.minimum(np.abs(own), np.abs(apart))
    return np.where(own * apart > 0, np.sign(own) * lesser, 0.0)

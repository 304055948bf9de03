"""What is a server's own of how it deviates."""

from __future__ import annotations

import numpy as np

from distdiag_tui.model.arithmetic import Floats


def local_part(own: Floats, apart: Floats) -> Floats:
    """What is beyond the server's own past and beyond its peers, alike in sign: the lesser of the two."""
    lesser = np.minimum(np.abs(own), np.abs(apart))
    return np.where(own * apart > 0, np.sign(own) * lesser, 0.0)

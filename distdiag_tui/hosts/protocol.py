"""A way to the machines that servers run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS
from distdiag_tui.model.topology import Server
from distdiag_tui.sources.frame import SERVER_WIDE, Sample

Figures = Mapping[str, float]
"""Raw columns without "host.", totals of time in µs."""


class HostSource(Protocol):
    """One way in. It never mixes machines: a server whose machine it cannot tell gets no figures."""

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """New figures by server name, of those that have some. Never raises for trouble over there."""
        ...

    async def close(self) -> None:
        """Release everything."""
        ...


def sample_of(figures: Figures, at: float, epoch: int) -> Sample:
    """`figures` as a server's row; `at` and `epoch` as in Sample."""
    row = np.full((1, len(COLUMNS)), np.nan)
    for name, value in figures.items():
        row[0, COLUMN_INDEX[f"host.{name}"]] = value
    return Sample((SERVER_WIDE,), row, at, epoch)

"""A way to the machines that servers run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from distdiag_tui.hosts.procfs import Figures
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS
from distdiag_tui.model.topology import Host, Server
from distdiag_tui.sources.frame import SERVER_WIDE, Sample


class HostSource(Protocol):
    """One way in. It never mixes machines: a server whose machine it cannot tell gets no figures."""

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """New figures by server name, of those that have some. Never raises for trouble over there."""
        ...

    @property
    def machines(self) -> Mapping[str, Host]:
        """Which machines those are, by server name, and what is wrong with the way to them."""
        ...

    async def close(self) -> None:
        """Release everything."""
        ...


def sample_of(figures: Figures, at: float, epoch: int, every: float = 0.0) -> Sample:
    """`figures` as a server's row; the rest as in Sample."""
    row = np.full((1, len(COLUMNS)), np.nan)
    for name, value in figures.items():
        row[0, COLUMN_INDEX[f"host.{name}"]] = value
    return Sample((SERVER_WIDE,), row, at, epoch, every)

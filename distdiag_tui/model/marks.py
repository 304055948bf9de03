"""Moments worth a mark on every time axis: a workload began, a fault ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BEGAN: Final = "▶"
ENDED: Final = "■"
INJECTED: Final = "↯"
"""Of an anomaly; the sign of high voltage itself takes two cells, or one, as the terminal pleases."""
REVERTED: Final = "□"


@dataclass(frozen=True, slots=True)
class Mark:
    """`time` in epoch seconds, one cell of `glyph`, and a few words."""

    time: float
    glyph: str
    words: str

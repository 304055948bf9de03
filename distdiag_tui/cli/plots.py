"""Figures as text, for any terminal and for files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from distdiag_tui.model.text import DASH, plain, shorten

WIDTH: Final = 24
LABEL: Final = 34
EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def bars(shares: Mapping[str, float]) -> str:
    """A bar for each share from 0 to 1, the longest label first cut; NaN: a dash.

    >>> print(bars({"a": 0.5, "bc": float("nan")}))
    a  ████████████             0.500
    bc                          –
    """
    wide = min(LABEL, max((len(label) for label in shares), default=0))
    return "\n".join(f"{_fit(label, wide)} {bar(share)} {_number(share)}" for label, share in shares.items())


def bar(share: float, width: int = WIDTH) -> str:
    """In steps of an eighth of a cell."""
    if not math.isfinite(share):
        return " " * width
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    text = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    return text.ljust(width)


def confusion_table(counts: Mapping[tuple[str, str], int]) -> str:
    """Rows: what it was; columns: what it was told to be, by number, in the order of the rows."""
    causes = sorted({cause for cause, _ in counts})
    told = [*causes, *sorted({other for _, other in counts} - set(causes))]
    wide = max(len(name) for name in told) + 3
    head = " " * wide + "".join(f"{number:>4}" for number in range(1, len(told) + 1))
    rows = [head]
    for number, cause in enumerate(told, 1):
        cells = [counts.get((cause, other), 0) for other in told]
        shown = "".join(f"{count or '·':>4}" for count in cells) if cause in causes else ""
        rows.append(f"{number:2} {_fit(cause, wide - 3)}{shown}")
    return "\n".join(row.rstrip() for row in rows)


def _fit(label: str, width: int) -> str:
    return shorten(plain(label), width).ljust(width)


def _number(share: float) -> str:
    return f"{share:.3f}" if math.isfinite(share) else DASH

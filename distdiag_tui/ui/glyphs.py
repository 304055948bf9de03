"""The signs of diagnosis, the same wherever they are shown."""

from __future__ import annotations

from typing import Final

SICK: Final = "▲"
"""Something is wrong with it."""
ODD: Final = "△"
"""Not as usual, without a cause so far; or an incident that is quiet."""
SEEN: Final = "✓"
"""Somebody knows of it."""
OVER: Final = "□"
"""It is over."""
ONSET: Final = "┊"
"""When a metric left its band."""
SHADE: Final = "░"
"""Where it usually is."""

"""How long to wait before something is tried again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0


def pauses() -> Iterator[float]:
    """Seconds between attempts: doubling, with jitter so that clients do not come back in step."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        pause = min(pause * 2, LONGEST_PAUSE)

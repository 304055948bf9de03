"""The clock that differences of counters are divided by."""

from __future__ import annotations

import time
from typing import Final

_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Seconds since some moment in the past, never less than before.

    Those in which this machine sleeps count, other than in `time.monotonic`: servers go on meanwhile.
    """
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)

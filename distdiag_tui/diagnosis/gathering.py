"""Whether servers gather statistics of their tables: they do so by themselves, and it is over in seconds.

OceanBase looks every 15 minutes which tables have changed much (ASYNC_GATHER_STATS_JOB_PROC). Those are read
as a whole, and all plans of statements on them are made anew.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.model.arithmetic import Floats

READ: Final = "rows_read_rate"
READ_CHANGE: Final = 2.5
"""So many more rows (12 times, see `MetricSet.tame`) are read by one server at least."""
FOUND: Final = "plan_cache_hit"
FOUND_CHANGE: Final = -0.1
"""So few plans are found (90 % instead of all) by the share MANY of the servers."""
MANY: Final = 0.5
READ_BEFORE: Final = 20
"""For so many ticks after tables were read plans may be missing for that."""
AFTERWARDS: Final = 10
"""Ticks for which it goes on to count: effects are medians of so many."""
LONGEST: Final = 60
"""Ticks after which it is no longer that."""


class Gathering:
    """Remembers since which tick it is going on."""

    def __init__(self, metrics: MetricSet) -> None:
        self._since = self._read = self._seen = -1
        known = READ in metrics.names and FOUND in metrics.names
        self._columns = (metrics.index(READ), metrics.index(FOUND)) if known else None

    def go_on(self, tick: int, change: Floats) -> int:
        """That tick, -1 if it is not going on at this one; `change` (servers, metrics): see `detect.Look`."""
        if self._looks_so(tick, change):
            self._since = tick if self._since < 0 else self._since
            self._seen = tick
        elif tick - self._seen > AFTERWARDS:
            self._since = -1
        return self._since if tick - self._since < LONGEST else -1

    def _looks_so(self, tick: int, change: Floats) -> bool:
        if self._columns is None:
            return False
        read, found = (change[:, column] for column in self._columns)
        with np.errstate(invalid="ignore"):
            if (read >= READ_CHANGE).any():
                self._read = tick
            missing = int((found <= FOUND_CHANGE).sum())
        many = missing >= max(1.0, MANY * np.isfinite(found).sum())
        return many and self._read >= 0 and tick - self._read <= READ_BEFORE

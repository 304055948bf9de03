"""What is trouble at a certain level, whatever is usual, and what is none below one: full things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.reference import Flags
from distdiag_tui.model.arithmetic import Floats

LIMITS: Final = (
    ("disk_nearly_full", "data_disk_percent", 90.0),
    ("disk_nearly_full", "log_disk_percent", 92.0),  # beyond 80 % it is recycled, at 95 % writes stop
    ("memstore_full", "memstore_percent", 85.0),
)
LEAST: Final = (
    ("memstore_full", "memstore_percent", 20.0),  # that much is frozen and written out all the time
)
NEGLIGIBLE: Final = {
    "io_saturation": (("host_disk_percent", 60.0), ("log_write_rt", 0.010), ("io_read_rt", 0.020)),
}
"""What is no trouble while the first of these (%, s) is known to be lower, and no other one is higher.

A write of 0.1 ms on a fast disk may take 2 ms for some seconds: a disk that has time left, and answers like
that, is not saturated.
"""


@dataclass(frozen=True, slots=True)
class Full:
    """Something on the server of that row is beyond its limit, in %."""

    row: int
    cause: str
    metric: str
    value: float
    limit: float


def full_ones(metrics: MetricSet, values: Floats) -> Iterator[Full]:
    """All that is beyond its limit; `values` (S, M)."""
    for cause, name, limit in LIMITS:
        if name not in metrics.names:
            continue
        column = values[:, metrics.index(name)]
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(column >= limit)
        for row in rows:
            yield Full(int(row), cause, name, float(column[row]), limit)


def possible(metrics: MetricSet, causes: Sequence[str], values: Floats) -> Flags:
    """(S, K): which of the causes there can be at these values (S, M); all where a value is missing."""
    can = np.ones((len(values), len(causes)), dtype=np.bool_)
    for cause, name, least in LEAST:
        if cause in causes and name in metrics.names:
            with np.errstate(invalid="ignore"):
                can[:, causes.index(cause)] &= ~(values[:, metrics.index(name)] < least)
    return can


def negligible(metrics: MetricSet, causes: Sequence[str], values: Floats) -> Flags:
    """(S, K): which of the causes would be no trouble at these values (S, M), see NEGLIGIBLE."""
    flags = np.zeros((len(values), len(causes)), dtype=np.bool_)
    for cause, ((first, limit), *others) in NEGLIGIBLE.items():
        if cause not in causes or first not in metrics.names:
            continue
        with np.errstate(invalid="ignore"):
            low = values[:, metrics.index(first)] < limit
            for name, high in others:
                if name in metrics.names:
                    low &= ~(values[:, metrics.index(name)] >= high)
        flags[:, causes.index(cause)] = low
    return flags

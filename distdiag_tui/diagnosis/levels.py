"""What is trouble at a certain level, whatever is usual, and what is none below one: full things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
Signs = Mapping[str, tuple[tuple[str, float], ...]]
"""Of causes the metrics that show them, with the values (%, s) from which on they do."""
LEAST: Final[Signs] = {
    "memstore_full": (("memstore_percent", 20.0),),  # that much is frozen and written out all the time
}
"""What there cannot be below: something else is the cause."""
NEGLIGIBLE: Final[Signs] = {
    "io_saturation": (("host_disk_percent", 60.0), ("log_write_rt", 0.010), ("io_read_rt", 0.020)),
}
"""What there can be below, but is no trouble.

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
    """(S, K): which of the causes there can be at these values (S, M), see LEAST."""
    return ~_below(LEAST, metrics, causes, values)


def negligible(metrics: MetricSet, causes: Sequence[str], values: Floats) -> Flags:
    """(S, K): which of the causes would be no trouble at these values (S, M), see NEGLIGIBLE."""
    return _below(NEGLIGIBLE, metrics, causes, values)


def _below(signs: Signs, metrics: MetricSet, causes: Sequence[str], values: Floats) -> Flags:
    """(S, K): of which causes the first sign is known to be below its value, and no other at its own."""
    flags = np.zeros((len(values), len(causes)), dtype=np.bool_)
    for cause, ((first, least), *others) in signs.items():
        if cause not in causes or first not in metrics.names:
            continue
        with np.errstate(invalid="ignore"):
            low = values[:, metrics.index(first)] < least
            for name, enough in others:
                if name in metrics.names:
                    low &= ~(values[:, metrics.index(name)] >= enough)
        flags[:, causes.index(cause)] = low
    return flags

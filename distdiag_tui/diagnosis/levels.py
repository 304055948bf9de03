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

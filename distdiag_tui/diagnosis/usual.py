"""What was usual when somebody last looked: what a diagnoser knows that others may go on with.

Shapes: S servers, M metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distdiag_tui.model.arithmetic import Floats


@dataclass(frozen=True, slots=True)
class Usual:
    """Of `servers` and `metrics` by name, all at the same `time` (epoch s), so that they can be compared.

    `centre` (S, M) in the metrics' own units, `spread` (S, M) as a robust standard deviation of tame values
    (see `MetricSet.tame`); NaN for unknown.
    """

    time: float
    servers: tuple[str, ...]
    metrics: tuple[str, ...]
    centre: Floats
    spread: Floats

    def __post_init__(self) -> None:
        shape = len(self.servers), len(self.metrics)
        if self.centre.shape != shape or self.spread.shape != shape:
            raise ValueError("as many rows as servers, and as many columns as metrics")


def aligned(values: Floats, names: Sequence[str], wanted: Sequence[str]) -> Floats:
    """Columns (S, M) of `names` as those that are `wanted`; NaN for what is not there."""
    where = {name: column for column, name in enumerate(names)}
    found = np.full((len(values), len(wanted)), np.nan)
    there = [column for column, name in enumerate(wanted) if name in where]
    found[:, there] = values[:, [where[wanted[column]] for column in there]]
    return found

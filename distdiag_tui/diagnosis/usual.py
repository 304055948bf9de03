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
    """Of `servers` by name, each as of `times` (S, epoch s), and of `metrics` by name.

    `centre` (S, M) in the metrics' own units, `spread` (S, M) as a robust standard deviation of tame values
    (see `MetricSet.tame`); NaN for unknown.
    """

    servers: tuple[str, ...]
    metrics: tuple[str, ...]
    times: Floats
    centre: Floats
    spread: Floats

    def __post_init__(self) -> None:
        shape = len(self.servers), len(self.metrics)
        if self.times.shape != shape[:1] or self.centre.shape != shape or self.spread.shape != shape:
            raise ValueError("as many times and rows as servers, and as many columns as metrics")

    def since(self, time: float) -> Usual:
        """Without what is older."""
        return self._of([row for row, each in enumerate(self.times.tolist()) if each >= time])

    def beside(self, older: Usual) -> Usual:
        """With those servers of an older one that this one does not know."""
        rest = older._of([row for row, name in enumerate(older.servers) if name not in self.servers])
        return Usual(
            self.servers + rest.servers,
            self.metrics,
            np.concatenate([self.times, rest.times]),
            *(
                np.concatenate([mine, aligned(theirs, rest.metrics, self.metrics)])
                for mine, theirs in ((self.centre, rest.centre), (self.spread, rest.spread))
            ),
        )

    def _of(self, rows: list[int]) -> Usual:
        names = tuple(self.servers[row] for row in rows)
        return Usual(names, self.metrics, self.times[rows], self.centre[rows], self.spread[rows])


def aligned(values: Floats, names: Sequence[str], wanted: Sequence[str]) -> Floats:
    """Columns (S, M) of `names` as those that are `wanted`; NaN for what is not there."""
    where = {name: column for column, name in enumerate(names)}
    found = np.full((len(values), len(wanted)), np.nan)
    there = [column for column, name in enumerate(wanted) if name in where]
    found[:, there] = values[:, [where[wanted[column]] for column in there]]
    return found

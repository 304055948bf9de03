"""What calm looks like, learned from calm alone: whether a window of time is like it. Needs no fault.

Shapes: N windows, M metrics, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.detect import top_mean
from distdiag_tui.model.arithmetic import Floats

USUAL: Final = 0.975
"""Up to this quantile of its calm effects, and down to that of the other side, a metric is as usual."""
LEAST: Final = 0.05
TOP: Final = 8
GROUP_TOP: Final = 2
LIMIT: Final = 0.99
"""The quantile of its calm scores at which each group's score is 1."""


@dataclass(frozen=True, slots=True)
class Calm:
    """`up` and `down` (M): how far effects go while all is well. `limits` (1 + G): of the scores over all
    metrics and over each group. `threshold`: of the largest of them, see `learn_calm`."""

    up: Floats
    down: Floats
    members: tuple[NDArray[np.intp], ...]
    limits: Floats
    threshold: float

    def scores(self, effects: Floats) -> Floats:
        """(N, M) to (N): 1 is the threshold. The plainest group counts: what is subtle shows in one only."""
        return np.asarray(self._ratios(effects).max(axis=1) / self.threshold)

    def _ratios(self, effects: Floats) -> Floats:
        size = np.where(effects > 0, effects / self.up, -effects / self.down)
        found = [top_mean(size, TOP), *(top_mean(size[:, rows], GROUP_TOP) for rows in self.members)]
        return np.asarray(np.stack(found, axis=1) / self.limits)


def learn_calm(effects: Floats, groups: Sequence[str], false_alarms: float = 0.01) -> Calm:
    """From calm effects (N, M), `groups` (M) saying which metrics belong together.

    `false_alarms` is the share of calm windows that may score 1 or more.
    """
    names = sorted(set(groups))
    members = tuple(
        np.array([index for index, group in enumerate(groups) if group == name], dtype=np.intp)
        for name in names
    )
    up = np.maximum(np.quantile(effects, USUAL, axis=0), LEAST)
    down = np.maximum(-np.quantile(effects, 1 - USUAL, axis=0), LEAST)
    raw = Calm(up, down, members, np.ones(1 + len(names)), 1.0)
    limits = np.maximum(np.quantile(raw._ratios(effects), LIMIT, axis=0), LEAST)
    scaled = Calm(up, down, members, limits, 1.0)
    return Calm(
        up, down, members, limits, float(np.quantile(scaled._ratios(effects).max(axis=1), 1 - false_alarms))
    )

"""From scores to probabilities that keep their word, fitted to scores of runs that were held out.

Shapes: N scores, and whether each was right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.linear import logistic
from distdiag_tui.model.arithmetic import Floats

Flags = NDArray[np.bool_]

BINS: Final = 10
STEPS: Final = 100
LEAST_RIDGE: Final = 1e-6
"""Where features say the same, none of them is made much of."""


@dataclass(frozen=True, slots=True)
class Platt:
    """The probability is logistic(slope * score + shift)."""

    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, scores: Floats) -> Floats:
        """Any shape."""
        return logistic(self.slope * scores + self.shift)


def fit_platt(scores: Floats, right: Flags) -> Platt:
    """By Newton, to targets that are drawn in a little as Platt has it: few examples make nobody sure."""
    if not len(scores):
        return Platt()
    yes = int(right.sum())
    no = len(right) - yes
    target = np.where(right, (yes + 1) / (yes + 2), 1 / (no + 2))
    slope, shift = odds(scores[:, None], target).tolist()
    return Platt(max(slope, 0.0), shift)  # a score that tells the opposite tells nothing


def odds(features: Floats, target: Floats) -> Floats:
    """(D + 1): weights and shift of the log-odds of `target` (N), 0 to 1, in `features` (N, D)."""
    scale = np.maximum(np.abs(features).max(axis=0), 1e-12)
    design = np.column_stack([features / scale, np.ones(len(features))])
    rate = float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
    at = np.append(np.zeros(features.shape[1]), np.log(rate / (1 - rate)))
    for _ in range(STEPS):
        chance = logistic(design @ at)
        gradient = design.T @ (chance - target) + LEAST_RIDGE * at
        if np.abs(gradient).max() < 1e-9 * len(features):
            break
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + LEAST_RIDGE * np.eye(len(at))
        at = at - np.clip(np.linalg.solve(curve, gradient), -5.0, 5.0)
    return np.asarray(at / np.append(scale, 1.0))


def calibration_error(confidence: Floats, right: Flags, bins: int = BINS) -> float:
    """Expected |confidence - share that was right|, over `bins` equal parts of 0 to 1; NaN of nothing."""
    if not len(confidence):
        return float("nan")
    part = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    sure = np.bincount(part, weights=confidence, minlength=bins)
    true = np.bincount(part, weights=right.astype(float), minlength=bins)
    return float(np.abs(sure - true).sum() / len(confidence))

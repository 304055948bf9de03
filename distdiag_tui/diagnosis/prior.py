"""What rules say as log-odds: what a model begins with, and corrects as far as examples speak against it.

So a cause of which there are few examples, or none, is known as well as the rules know it, under loads too
that no example had. Shapes: N examples, K causes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.calibrate import odds
from distdiag_tui.model.arithmetic import Floats

Flags = NDArray[np.bool_]


class RuleSet(Protocol):
    """Rules that need no training; from a score of `least` on something is a finding."""

    @property
    def causes(self) -> tuple[str, ...]: ...
    @property
    def least(self) -> float: ...

    def scores(self, effects: Floats) -> Floats:
        """(..., F) to (..., K), 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Prior:
    """Log-odds are `shift` + `rule` * the rules' score + `lead` * how far that is ahead of the next one."""

    rule: float
    lead: float
    shift: float

    def log_odds(self, scores: Floats) -> Floats:
        """Scores (..., K) of all causes to log-odds (..., K)."""
        return np.asarray(self.shift + self.rule * scores + self.lead * ahead(scores))


FIRST: Final = Prior(rule=10.0, lead=10.0, shift=-5.0)
"""Where examples cannot tell how far the rules are to be trusted."""


def fit_prior(scores: Floats, labels: Flags, least: float) -> Prior:
    """To the rules' `scores` (N, K) of what `labels` (N, K) say is there.

    Only examples that look sick count: calm is told from trouble before anyone asks for a cause.
    """
    sick = labels.any(axis=1) | (scores.max(axis=1, initial=0.0) >= least)
    right = labels[sick].ravel()
    if not right.any() or right.all():
        return FIRST
    features = np.column_stack([scores[sick].ravel(), ahead(scores[sick]).ravel()])
    rule, lead, shift = odds(features, right.astype(float)).tolist()
    return Prior(rule, lead, shift)


def ahead(scores: Floats) -> Floats:
    """(..., K): how far each score is ahead of the best of the others, below 0 for behind."""
    if scores.shape[-1] < 2:
        return scores.copy()
    ordered = np.sort(scores, axis=-1)
    best, second = ordered[..., -1:], ordered[..., -2:-1]
    return np.where(scores == best, scores - second, scores - best)

"""How much to trust rules and how much a model, learned from what both say of runs that were held out.

With few examples of a cause the rules know more of it, and they carry over to loads that no example had.
Shapes: N examples, K causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.calibrate import Platt, fit_platt, odds
from distdiag_tui.diagnosis.linear import logistic
from distdiag_tui.model.arithmetic import Floats

Flags = NDArray[np.bool_]

LIKELIEST: Final = 3
"""So many causes of each example are learned from, by the model and by the rules: the rest is wrong."""
FEW: Final = 20
"""Pairs of example and cause, of which right ones too, below which nothing can be said."""


@dataclass(frozen=True, slots=True)
class RuleScores:
    """What rules say of the examples (N, K), 0 to 1, and from which score on that is a finding."""

    causes: tuple[str, ...]
    scores: Floats
    least: float


@dataclass(frozen=True, slots=True)
class Blend:
    """The log-odds of a cause are `shift` + `learned` * those of the model + `rule` * the rules' score of it
    + `lead` * how far that is ahead of the rules' next one. `alone`: of a cause that only the rules know.
    """

    learned: float
    rule: float
    lead: float
    shift: float
    alone: Platt

    def __call__(self, log_odds: Floats, rule: Floats, ahead: Floats) -> Floats:
        """The probabilities; arrays of one shape."""
        return logistic(self.shift + self.learned * log_odds + self.rule * rule + self.lead * ahead)


def fit_blend(causes: Sequence[str], log_odds: Floats, labels: Flags, rules: RuleScores) -> Blend | None:
    """From held-out `log_odds` and `labels` (N, K) of a model's causes; None if there is too little of it.

    Only examples that look sick count: calm is told from trouble before anyone asks for a cause.
    """
    known = [k for k, cause in enumerate(causes) if cause in rules.causes]
    theirs = [rules.causes.index(causes[k]) for k in known]
    sick = labels.any(axis=1) | (rules.scores.max(axis=1) >= rules.least)
    mine, right = log_odds[sick][:, known], labels[sick][:, known]
    rule, lead = rules.scores[sick][:, theirs], ahead(rules.scores[sick])[:, theirs]
    chosen = (_likeliest(np.nan_to_num(mine, nan=-np.inf)) | _likeliest(rule)) & np.isfinite(mine)
    if min(right[chosen].sum(), (~right[chosen]).sum()) < FEW:
        return None
    features = np.column_stack([mine[chosen], rule[chosen], lead[chosen]])
    learned, by_rule, by_lead, shift = odds(features, right[chosen].astype(float)).tolist()
    likely = _likeliest(rule)
    return Blend(learned, by_rule, by_lead, shift, fit_platt(rule[likely], right[likely]))


def ahead(scores: Floats) -> Floats:
    """(..., K): how far each score is ahead of the best of the others, below 0 for behind."""
    if scores.shape[-1] < 2:
        return scores.copy()
    ordered = np.sort(scores, axis=-1)
    best, second = ordered[..., -1:], ordered[..., -2:-1]
    return np.where(scores == best, scores - second, scores - best)


def _likeliest(scores: Floats) -> Flags:
    """Of each row the few largest, and no others."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :LIKELIEST]
    chosen = np.zeros(scores.shape, dtype=np.bool_)
    np.put_along_axis(chosen, order, values=True, axis=1)
    return chosen

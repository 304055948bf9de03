"""A trained model and the rules that it began with, as one judge."""

from __future__ import annotations

import numpy as np

from distdiag_tui.diagnosis.learned import Model
from distdiag_tui.diagnosis.prior import Prior
from distdiag_tui.diagnosis.rules import Rules
from distdiag_tui.model.arithmetic import Floats


class Blended:
    """Knows what either of them knows. Shapes: F effects, M metrics, K causes of both together."""

    calibrated = True

    def __init__(self, model: Model, rules: Rules, prior: Prior) -> None:
        self.causes = tuple(dict.fromkeys((*model.causes, *rules.causes)))
        self.least, self.further = model.least, model.further
        self._model, self._rules, self._prior = model, rules, prior
        self._of_rules = [self.causes.index(cause) for cause in rules.causes]

    def scores(self, effects: Floats) -> Floats:
        """(..., F) to (..., K): probabilities."""
        log_odds = np.zeros((*effects.shape[:-1], len(self.causes)))
        log_odds[..., self._of_rules] = self._prior.log_odds(self._rules.scores(effects))
        log_odds[..., : len(self._model.causes)] += self._model.linear.log_odds(effects)
        return self._model.sure(log_odds)

    def beside(self, effects: Floats, scores: Floats) -> Floats:
        """Mixtures were learned from, but not under every load: what the rules deny is not there as well."""
        scores = scores.copy()
        scores[..., self._of_rules] *= ~self._rules.denied(effects)
        return scores

    def confidence(self, scores: Floats) -> Floats:
        """The scores themselves."""
        return scores

    def rest(self, effects: Floats, cause: int) -> Floats:
        """Effects (F) less those that the cause explains."""
        name = self.causes[cause]
        if name in self._model.causes:
            return self._model.rest(effects, self._model.causes.index(name))
        return self._rules.rest(effects, self._rules.causes.index(name))

    def contributions(self, effects: Floats, cause: int) -> Floats:
        """(M): what each metric gives to the log-odds of a cause, by both."""
        name, given = self.causes[cause], np.zeros(len(self._model.metrics))
        if name in self._model.causes:
            given += self._model.contributions(effects, self._model.causes.index(name))
        if name in self._rules.causes:
            weight = self._prior.rule + self._prior.lead
            given += weight * self._rules.contributions(effects, self._rules.causes.index(name))
        return given


def judge_of(model: Model, rules: Rules) -> Model | Blended:
    """The model, with the rules if it began with some."""
    return model if model.prior is None else Blended(model, rules, model.prior)

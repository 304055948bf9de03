"""A trained model and the rules as one judge."""

from __future__ import annotations

import numpy as np

from distdiag_tui.diagnosis.blend import Blend, ahead
from distdiag_tui.diagnosis.learned import Model
from distdiag_tui.diagnosis.rules import Rules
from distdiag_tui.model.arithmetic import Floats


class Blended:
    """Knows what either of them knows. Shapes: M metrics, K causes of both together."""

    calibrated = True

    def __init__(self, model: Model, rules: Rules, blend: Blend) -> None:
        self.causes = tuple(dict.fromkeys((*model.causes, *rules.causes)))
        self.least, self.further = model.least, model.further
        self._model, self._rules, self._blend = model, rules, blend
        both = [cause for cause in model.causes if cause in rules.causes]
        self._both = [self.causes.index(cause) for cause in both]
        self._mine = [model.causes.index(cause) for cause in both]
        self._theirs = [rules.causes.index(cause) for cause in both]

    def scores(self, effects: Floats) -> Floats:
        """(..., M) to (..., K): probabilities."""
        log_odds, rule = self._model.linear.log_odds(effects), self._rules.scores(effects)
        found = np.empty((*effects.shape[:-1], len(self.causes)))
        found[..., [self.causes.index(cause) for cause in self._rules.causes]] = self._blend.alone(rule)
        found[..., : len(self._model.causes)] = self._model.sure(log_odds)
        found[..., self._both] = self._blend(
            log_odds[..., self._mine], rule[..., self._theirs], ahead(rule)[..., self._theirs]
        )
        return found

    def confidence(self, scores: Floats) -> Floats:
        """The scores themselves."""
        return scores

    def rest(self, effects: Floats, cause: int) -> Floats:
        """Effects (M) less those that the cause explains."""
        name = self.causes[cause]
        if name in self._model.causes:
            return self._model.rest(effects, self._model.causes.index(name))
        return self._rules.rest(effects, self._rules.causes.index(name))

    def contributions(self, effects: Floats, cause: int) -> Floats:
        """(M): what each metric gives to a cause, by both."""
        name, given = self.causes[cause], np.zeros(len(self._model.metrics))
        if name in self._model.causes:
            given += self._blend.learned * self._model.contributions(effects, self._model.causes.index(name))
        if name in self._rules.causes:
            weight = self._blend.rule + self._blend.lead
            given += weight * self._rules.contributions(effects, self._rules.causes.index(name))
        return given


def judge_of(model: Model, rules: Rules) -> Model | Blended:
    """The model, beside the rules if it has learned to be."""
    return model if model.blend is None else Blended(model, rules, model.blend)

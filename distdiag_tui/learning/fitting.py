"""From examples to a model that diagnosis can use."""

from __future__ import annotations

from distdiag_tui.diagnosis.blended import Blended, judge_of
from distdiag_tui.diagnosis.learned import About, Model, train
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.rules import KINDS, Rules
from distdiag_tui.diagnosis.signs import SIGNS
from distdiag_tui.learning.dataset import Examples
from distdiag_tui.recording.run import catalogue_hash


def fit_examples(examples: Examples, created: str = "", note: str = "") -> Model:
    """What the rules do not know yet. ModelError if no example has a cause."""
    return train(
        examples.effects,
        examples.causes,
        metrics=examples.metrics,
        kinds=KINDS,
        runs=examples.runs,
        rules=day_one_rules(),
        about=About(created=created, catalogue=catalogue_hash(), note=note),
    )


def day_one_rules() -> Rules:
    """What is known without any training."""
    return Rules(console_metrics(), SIGNS)


def live_judge(model: Model) -> Model | Blended:
    """For the metrics of this version of the console."""
    return judge_of(model.adapted(console_metrics().names), day_one_rules())

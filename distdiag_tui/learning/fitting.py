"""From examples to a model that diagnosis can use."""

from __future__ import annotations

from distdiag_tui.diagnosis.learned import About, Model, train
from distdiag_tui.diagnosis.rules import KINDS
from distdiag_tui.learning.dataset import Examples
from distdiag_tui.learning.judges import day_one_rules
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

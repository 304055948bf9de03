"""From examples to a model that diagnosis can use."""

from __future__ import annotations

from distdiag_tui.diagnosis.learned import About, Model, train
from distdiag_tui.learning.dataset import Examples
from distdiag_tui.recording.run import catalogue_hash


def fit_examples(examples: Examples, created: str = "", note: str = "") -> Model:
    """ModelError if no example has a cause."""
    return train(
        examples.effects,
        examples.causes,
        metrics=examples.metrics,
        runs=examples.runs,
        about=About(created=created, catalogue=catalogue_hash(), note=note),
    )

"""Diagnosis as it is to be used here: with the model that was activated, else with the rules."""

from __future__ import annotations

from pathlib import Path

from distdiag_tui.diagnosis.blended import Blended, judge_of
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.learned import Model
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.rules import Rules
from distdiag_tui.diagnosis.signs import SIGNS
from distdiag_tui.learning.registry import RULES, Registry, misfit, models_folder
from distdiag_tui.model.errors import ModelError
from distdiag_tui.recording.run import catalogue_hash


def active_diagnoser(folder: Path | None = None) -> tuple[Diagnoser, str]:
    """And what the user should know of its model, in a line, or "". A model that is damaged is not used.

    `folder` of the models, else the user's.
    """
    registry = Registry(folder or models_folder())
    try:
        name = registry.active()
        if name == RULES:
            return Diagnoser(), ""
        model = registry.load(name)
    except ModelError as error:
        return Diagnoser(), f"the rules are used: {error}"
    words = misfit(model, console_metrics().names, catalogue_hash())
    return Diagnoser(live_judge(model), model=name), f"model {name}: {words}" if words else ""


def day_one_rules() -> Rules:
    """What is known without any training."""
    return Rules(console_metrics(), SIGNS)


def live_judge(model: Model) -> Model | Blended:
    """For the metrics of this version of the console."""
    return judge_of(model.adapted(console_metrics().names), day_one_rules())

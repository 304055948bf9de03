"""The diagnoser that is used here: with the model that was chosen, or with the rules alone."""

from __future__ import annotations

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.learning.judges import live_judge
from distdiag_tui.learning.registry import RULES, Registry, misfit, models_folder
from distdiag_tui.model.errors import ModelError
from distdiag_tui.recording.run import catalogue_hash


def diagnoser_in_use(model: str = "") -> tuple[Diagnoser, str]:
    """By default with the active model; and a line on what is wrong with that, "" for nothing.

    ModelError if a `model` is named that cannot be read. Where the active one cannot, there are the rules.
    """
    registry = Registry(models_folder())
    try:
        name = model or registry.active()
        if name == RULES:
            return Diagnoser(), ""
        chosen = registry.load(name)
    except ModelError as error:
        if model:
            raise
        return Diagnoser(), f"the rules are used, for {error}"
    trouble = misfit(chosen, console_metrics().names, catalogue_hash())
    return Diagnoser(live_judge(chosen), model=name), f"model {name}: {trouble}" if trouble else ""

"""Who names causes: the rules alone, or a trained model."""

from __future__ import annotations

from distdiag_tui.diagnosis.blended import Blended, judge_of
from distdiag_tui.diagnosis.learned import Model
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.rules import Rules
from distdiag_tui.diagnosis.signs import DAY_ONE


def day_one_rules() -> Rules:
    """What is known without any training."""
    return Rules(console_metrics(), DAY_ONE)


def live_judge(model: Model) -> Model | Blended:
    """For the metrics of this version of the console."""
    return judge_of(model.adapted(console_metrics().names), day_one_rules())

"""The process that trains: `python -m distdiag_tui.api.trainer`, so that no tick waits for it.

stdin: {"folder", "models", "name", "note", "activate"}. stdout: lines {"stage", "progress", "message"}, the
last one with "stats" and "model", or with "error".
"""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distdiag_tui.learning.dataset import examples_of
from distdiag_tui.learning.evaluation import evaluate_training
from distdiag_tui.learning.fitting import fit_examples
from distdiag_tui.learning.registry import Registry
from distdiag_tui.learning.runs import load_runs
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.text import plain


def main() -> None:
    """Entry point of the process; the exit code is 1 if there is no model."""
    with suppress(OSError):
        os.nice(10)
    try:
        _train(json.loads(sys.stdin.readline()))
    except DistdiagError as error:
        _tell("failed", 0, str(error), error=str(error))
        sys.exit(1)


def _train(asked: dict[str, Any]) -> None:
    """As `distdiag train`: measured on runs that were held out, then kept."""
    registry, name = Registry(Path(asked["models"])), asked["name"]
    registry.check_new(name)
    _tell("preprocessing", 0, "reading the recordings")
    runs = load_runs([Path(asked["folder"])])
    _tell("training", 10, f"learning from {len(runs)} runs")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    examples = examples_of(runs)
    model = fit_examples(examples, created, plain(asked["note"]))

    def progress(done: int, total: int) -> None:
        _tell("evaluating", 20 + 75 * done // total, f"{done} of {total} runs")

    figures = evaluate_training(runs, examples, "run", progress).figures()
    scores = {key: value for key, value in figures.items() if math.isfinite(value)}
    registry.save(name, replace(model, about=replace(model.about, scores=scores)))
    if asked["activate"]:
        registry.activate(name)
    words = f"{len(model.causes)} causes from {model.about.examples} examples of {len(runs)} runs"
    _tell("completed", 100, words, stats=scores, model=name)


def _tell(stage: str, progress: int, message: str, **more: object) -> None:
    print(json.dumps({"stage": stage, "progress": progress, "message": message, **more}), flush=True)


if __name__ == "__main__":
    main()

"""What `distdiag train` and `distdiag evaluate` do."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import typer

from distdiag_tui.cli.plots import bars, confusion_table
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.learning.dataset import examples_of
from distdiag_tui.learning.evaluation import Evaluation, Progress, evaluate_judge, evaluate_training
from distdiag_tui.learning.fitting import fit_examples
from distdiag_tui.learning.judges import live_judge
from distdiag_tui.learning.registry import Registry, misfit, models_folder
from distdiag_tui.learning.runs import Run, load_runs
from distdiag_tui.model.errors import ModelError
from distdiag_tui.model.text import plain
from distdiag_tui.recording.run import catalogue_hash


def train_model(
    folders: Sequence[Path], name: str, note: str, *, activate: bool, quick: bool, as_json: bool
) -> None:
    """Make it, measure it on runs that were held out, and keep it."""
    registry = Registry(models_folder())
    name = name or time.strftime("model-%Y%m%d-%H%M%S")
    registry.check_new(name)
    runs = _runs(folders)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    examples = examples_of(runs)
    model = fit_examples(examples, created, plain(note))
    evaluation = None if quick else evaluate_training(runs, examples, "run", _progress("evaluating"))
    if evaluation is not None:
        known = {key: value for key, value in evaluation.figures().items() if math.isfinite(value)}
        model = replace(model, about=replace(model.about, scores=known))
    file = registry.save(name, model)
    if activate:
        registry.activate(name)
    if as_json:
        measured = None if evaluation is None else evaluation.document()
        typer.echo(json.dumps({"model": name, "file": str(file), "active": activate, "evaluation": measured}))
        return
    typer.echo(f"{name}: {len(model.causes)} causes from {model.about.examples} examples of {len(runs)} runs")
    if evaluation is not None:
        _print(evaluation)
    typer.echo("in use from the next start on" if activate else f"to use it: distdiag model activate {name}")


def evaluate_runs(folders: Sequence[Path], split: str, model: str, *, rules: bool, as_json: bool) -> None:
    """Judge the runs, and print the figures."""
    if model and rules:
        raise ModelError("give either --model or --rules")
    registry = Registry(models_folder())
    chosen = registry.load(model) if model else None
    runs = _runs(folders)
    progress = _progress("judging")
    if chosen is not None:
        if words := misfit(chosen, console_metrics().names, catalogue_hash()):
            typer.echo(f"{model}: {words}", err=True)
        found = evaluate_judge(model, live_judge(chosen), runs, progress)
    elif rules:
        found = evaluate_judge("rules", None, runs, progress)
    else:
        found = evaluate_training(runs, examples_of(runs), split, progress)
    if as_json:
        typer.echo(json.dumps(found.document()))
    else:
        _print(found)


def _runs(folders: Sequence[Path]) -> list[Run]:
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise ModelError(f"there is no folder {missing[0]}")
    return load_runs(folders)


def _progress(word: str) -> Progress:
    """On a terminal only."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            typer.echo(f"\r{word}: {done} of {total} runs{end}", err=True, nl=False)

    return show


SHARES = {
    "ac1_single": "AC@1, one fault",
    "ac3_single": "AC@3, one fault",
    "ac5_single": "AC@5, one fault",
    "ac1_compound": "AC@1, several faults",
    "ac3_compound": "AC@3, several faults",
    "ac5_compound": "AC@5, several faults",
    "exact_single": "just the fault and no other",
    "exact_compound": "just the faults and no others",
    "recall": "sick servers that were found",
    "named": "faults that were named",
}


def _print(found: Evaluation) -> None:
    figures = found.figures()
    split = f", held out by {found.split}" if found.split != "none" else ""
    typer.echo(f"{found.who} on {figures['runs']:.0f} runs{split}\n")
    typer.echo(bars({words: figures[key] for key, words in SHARES.items()}))
    typer.echo(
        f"\nfound after {_seconds(figures['delay_median'])}, 90 % within {_seconds(figures['delay_p90'])};"
        f" named after {_seconds(figures['named_median'])}\n"
        f"{figures['false_alarms']:.0f} false alarms in {figures['calm_node_hours']:.2f} calm node-hours\n"
        f"expected calibration error {figures['ece']:.3f}"
    )
    for title, groups in (
        ("AC@1 by cause", found.by(lambda verdict: " + ".join(sorted({c for _, c in verdict.truth})))),
        ("AC@1 by load", found.by(lambda verdict: verdict.load)),
        ("AC@1 by severity", found.by(lambda verdict: verdict.severity)),
    ):
        typer.echo(f"\n{title}")
        typer.echo(bars({f"{key} ({count})": share for key, (count, share) in sorted(groups.items())}))
    if confusion := found.confusion():
        typer.echo(f"\nwhat one fault was called on its server\n{confusion_table(confusion)}")
    if failures := list(found.failures()):
        typer.echo("\nnot told as it was")
        for verdict, words in failures:
            typer.echo(f"  {plain(verdict.run)}: {words}")


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if math.isfinite(value) else "–"

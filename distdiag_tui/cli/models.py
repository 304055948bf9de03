"""What `distdiag model` prints and does."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import typer

from distdiag_tui.diagnosis.learned import Model
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.learning.registry import RULES, Registry, misfit, models_folder
from distdiag_tui.model.errors import ModelError
from distdiag_tui.model.text import DASH, plain
from distdiag_tui.recording.run import catalogue_hash

SCHEMA: Final = "distdiag.model-summary/1"
MOST_SHOWN: Final = 4
"""Metrics of a cause."""
SHORT: Final = ("ac1_single", "ac1_compound", "exact_compound", "recall", "ece")


def print_models(*, as_json: bool) -> None:
    """One a line; a damaged file does not hide the others."""
    registry = Registry(models_folder())
    active, found = registry.active(), list[dict[str, Any]]()
    for name in registry.names():
        try:
            found.append(_summary(name, registry.load(name), active))
        except ModelError as error:
            found.append({"schema": SCHEMA, "name": name, "active": name == active, "error": str(error)})
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"{'*' if active == RULES else ' '} {RULES}: what is known without training")
    for each in found:
        star = "*" if each["active"] else " "
        words = plain(each["error"]) if "error" in each else _line(each)
        typer.echo(f"{star} {each['name']}: {words}")
    if active not in (RULES, *registry.names()):
        typer.echo(f"{plain(active)} is meant to be in use and is gone: the rules are")


def print_model(name: str, *, as_json: bool) -> None:
    """All that is known of a model."""
    registry = Registry(models_folder())
    model = registry.load(name)
    summary = _summary(name, model, registry.active())
    if as_json:
        typer.echo(json.dumps({**summary, "moves": _moves(model)}))
        return
    typer.echo(f"{name}{' (in use)' if summary['active'] else ''}: {_line(summary)}")
    about = plain(f"data {model.about.data}, catalogue {model.about.catalogue}")
    typer.echo(f"{about}, {len(model.metrics)} metrics")
    if model.about.note:
        typer.echo(plain(model.about.note))
    if summary["misfit"]:
        typer.echo(f"fits this version badly: {summary['misfit']}")
    for key, value in model.about.scores.items():
        typer.echo(f"  {plain(key):20} {value:.3f}")
    typer.echo("what it goes by" if model.prior is None else "what it goes by beside the rules")
    wide = max(len(cause) for cause in model.causes)
    for cause, moves in _moves(model).items():
        arrows = " ".join(f"{plain(metric)}{'↑' if way > 0 else '↓'}" for metric, way in moves)
        typer.echo(f"  {plain(cause):{wide}}  {arrows}")


def print_comparison(name: str, other: str) -> None:
    """Figures beside each other, and the better one marked where that is plain."""
    registry = Registry(models_folder())
    first, second = registry.load(name), registry.load(other)
    models = first, second
    typer.echo(f"{'':20} {name:>16} {other:>16}")
    if first.about.data != second.about.data:
        typer.echo("made of different data: their figures are not of the same runs")
    if not (first.about.scores or second.about.scores):
        typer.echo("neither was measured: train them without --quick")
    for key in dict.fromkeys([*models[0].about.scores, *models[1].about.scores]):
        cells = [_cell(model.about.scores.get(key)) for model in models]
        typer.echo(f"{plain(key):20} {cells[0]:>16} {cells[1]:>16}")
    for mine, its, words in ((first, second, name), (second, first, other)):
        if only := sorted(set(mine.causes) - set(its.causes)):
            typer.echo(f"only {words} knows {', '.join(map(plain, only))}")


def activate_model(name: str) -> None:
    """Say so if it fits badly; it is the user's choice."""
    registry = Registry(models_folder())
    registry.activate(name)
    if name != RULES and (words := misfit(registry.load(name), console_metrics().names, catalogue_hash())):
        typer.echo(f"{name} fits this version badly: {words}", err=True)
    typer.echo(f"in use from the next start on: {name}")


def _summary(name: str, model: Model, active: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": name,
        "active": name == active,
        **asdict(model.about),
        "causes": list(model.causes),
        "metrics": len(model.metrics),
        "misfit": misfit(model, console_metrics().names, catalogue_hash()),
    }


def _line(summary: dict[str, Any]) -> str:
    scores = ", ".join(f"{key} {summary['scores'][key]:.2f}" for key in SHORT if key in summary["scores"])
    made = f"{plain(summary['created'])}, {len(summary['causes'])} causes, {summary['runs']} runs"
    return f"{made}, {scores or 'not measured'}"


def _moves(model: Model) -> dict[str, list[tuple[str, float]]]:
    """By cause the metrics that say most, each with how it moves."""
    found = {}
    for number, cause in enumerate(model.causes):
        given = model.contributions(model.usual[number], number)
        usual = model.usual[number].reshape(len(model.kinds), -1)[0]
        most = np.argsort(-given)[:MOST_SHOWN]
        found[cause] = [(model.metrics[k], round(float(usual[k]), 3)) for k in most if given[k] > 0]
    return found


def _cell(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"

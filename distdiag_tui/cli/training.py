"""`distdiag train`, `evaluate` and `model`: diagnosis that has learned from one's own cluster."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

model_app = typer.Typer(
    help="Trained models: which there are, how good they are, and which one is in use.", no_args_is_help=True
)

Folders = Annotated[
    list[Path], typer.Argument(metavar="FOLDER...", help="Of an experiment, or of one recorded run.")
]
Name = Annotated[str, typer.Argument(metavar="MODEL", help="A name that distdiag model list shows.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]


class SplitBy(StrEnum):
    """What is held out together."""

    RUN = "run"
    SERVER = "server"
    SEVERITY = "severity"
    LOAD = "load"


def train(
    folders: Folders,
    *,
    name: Annotated[str, typer.Option("--name", help="Of the new model; else one with the date.")] = "",
    note: Annotated[str, typer.Option("--note", help="A few words to remember it by.")] = "",
    activate: Annotated[bool, typer.Option("--activate", help="Use it from now on.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not measure how good it is, which takes most of the time.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Learn from labelled recordings what each cause looks like on one's own cluster."""
    from distdiag_tui.cli.learning import train_model  # noqa: PLC0415

    train_model(folders, name, note, activate=activate, quick=quick, as_json=as_json)


def evaluate(
    folders: Folders,
    *,
    split: Annotated[
        SplitBy,
        typer.Option("--split", help="Train anew without each of these, and judge what was held out."),
    ] = SplitBy.RUN,
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="Judge this one as it is, on runs new to it.")
    ] = "",
    rules: Annotated[bool, typer.Option("--rules", help="Judge what is known without training.")] = False,
    as_json: Json = False,
) -> None:
    """How good diagnosis is on recorded runs: figures, confusion matrix, and what it got wrong."""
    from distdiag_tui.cli.learning import evaluate_runs  # noqa: PLC0415

    evaluate_runs(folders, split.value, model, rules=rules, as_json=as_json)


@model_app.callback()
def models() -> None:
    """Trained models."""


@model_app.command("list")
def list_models(*, as_json: Json = False) -> None:
    """All models; a star is before the one that is in use."""
    from distdiag_tui.cli.models import print_models  # noqa: PLC0415

    print_models(as_json=as_json)


@model_app.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """What a model was made of, how good it is, and what it goes by."""
    from distdiag_tui.cli.models import print_model  # noqa: PLC0415

    print_model(name, as_json=as_json)


@model_app.command()
def compare(name: Name, other: Annotated[str, typer.Argument(metavar="OTHER", help="Another one.")]) -> None:
    """The figures of two models beside each other."""
    from distdiag_tui.cli.models import print_comparison  # noqa: PLC0415

    print_comparison(name, other)


@model_app.command()
def activate(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model, or 'rules' for none.")],
) -> None:
    """Diagnose with this model from the next start on."""
    from distdiag_tui.cli.models import activate_model  # noqa: PLC0415

    activate_model(name)


@model_app.command()
def rollback(*, as_json: Json = False) -> None:
    """Go back to what was in use before."""
    from distdiag_tui.learning.registry import Registry, models_folder  # noqa: PLC0415

    now = Registry(models_folder()).roll_back()
    typer.echo(json.dumps({"active": now}) if as_json else f"in use now: {now}")

"""`distdiag experiment`: record many runs, each with a fault or without one, as data for diagnosis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from distdiag_tui.cli.anomaly import Cluster, open_service
from distdiag_tui.cli.options import AskPassword
from distdiag_tui.model.text import duration, plain

if TYPE_CHECKING:
    from distdiag_tui.experiments.plan import Plan
    from distdiag_tui.recording.reader import Recording
    from distdiag_tui.recording.run import RunInfo

experiment_app = typer.Typer(
    help="Labelled recordings: a matrix of workloads, anomalies, servers and severities.",
    no_args_is_help=True,
)

STATUS_SCHEMA: Final = "distdiag.experiment-status/1"
SUMMARY_SCHEMA: Final = "distdiag.recording-summary/1"

Json = Annotated[bool, typer.Option("--json", help="JSON lines, for programs.")]


@experiment_app.callback()
def experiment() -> None:
    """Labelled recordings."""


@experiment_app.command()
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What is to be recorded.")],
    cluster: Cluster = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder; else one in the user's data folder.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and do nothing.")] = False,
    as_json: Json = False,
    ask_password: AskPassword = False,
) -> None:
    """Record every run that is not in the folder yet; the same command again goes on where it was cut off."""
    from distdiag_tui.cli.experimenting import run_experiment  # noqa: PLC0415
    from distdiag_tui.config.experiment import load_experiment  # noqa: PLC0415  pydantic costs 50 ms
    from distdiag_tui.experiments.runner import check  # noqa: PLC0415

    service = open_service(cluster, ask_password=ask_password)
    servers = [endpoint.name or endpoint.address for endpoint in service.target.endpoints]
    plan = load_experiment(file, service.target.cluster, servers)
    if dry_run:
        check(plan, service)
        _print_plan(plan, as_json=as_json)
        return
    run_experiment(service, plan, out or _default_folder(plan.name), as_json=as_json)


@experiment_app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the experiment.")],
    *,
    as_json: Json = False,
) -> None:
    """What of an experiment is done; exit code 0 if all of it is, else 1."""
    from distdiag_tui.experiments.folder import Folder  # noqa: PLC0415

    there = Folder(folder)
    plan = there.plan()
    infos = {cell["id"]: there.info(cell["id"]) for cell in plan["cells"]}
    states = {name: info.outcome if info else "to do" for name, info in infos.items()}
    if as_json:
        cells = [_state_document(name, states[name], info) for name, info in infos.items()]
        document = {"schema": STATUS_SCHEMA, "name": plan["name"], "cluster": plan["cluster"], "cells": cells}
        typer.echo(json.dumps(document))
    else:
        counts = {state: list(states.values()).count(state) for state in ("done", "failed", "to do")}
        typer.echo(", ".join(f"{count} {state}" for state, count in counts.items() if count))
        for name, info in infos.items():
            if info is not None and info.outcome == "failed":
                typer.echo(f"{name} failed: {plain(info.message)}")
    if set(states.values()) != {"done"}:
        raise typer.Exit(1)


@experiment_app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="RUN_FOLDER", help="Of one recorded run.")],
    *,
    as_json: Json = False,
) -> None:
    """What a run consists of: phases, faults as they were applied and reverted, samples, gaps, size."""
    from distdiag_tui.cli.recordings import print_summary, summary  # noqa: PLC0415
    from distdiag_tui.recording.reader import open_recording  # noqa: PLC0415

    recording: Recording = open_recording(folder)
    if as_json:
        typer.echo(json.dumps({"schema": SUMMARY_SCHEMA, **summary(recording)}))
    else:
        print_summary(recording)


def _default_folder(name: str) -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415  costs 20 ms

    return user_data_path("distdiag", appauthor=False) / "experiments" / name


def _print_plan(plan: Plan, *, as_json: bool) -> None:
    from distdiag_tui.experiments.folder import SCHEMA  # noqa: PLC0415

    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, **plan.to_fields()}))
        return
    width = max(len(cell.id) for cell in plan.cells)
    for number, cell in enumerate(plan.cells, 1):
        times = f"{duration(cell.calm)} calm, {duration(cell.fault)} {cell.event}, {duration(cell.rest)} rest"
        typer.echo(f"{number:4} {cell.id:{width}}  {times}")
    typer.echo(f"{len(plan.cells)} runs on {plain(plan.cluster)}, {duration(plan.seconds)} of recording")


def _state_document(name: str, state: str, info: RunInfo | None) -> dict[str, Any]:
    return {"id": name, "state": state, "message": info.message if info else ""}

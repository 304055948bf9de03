"""`distdiag incident`: what the console has found, and what people wrote to it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.findings import sureness
from distdiag_tui.model.text import duration, plain

if TYPE_CHECKING:
    from distdiag_tui.incidents.incident import Event, Incident
    from distdiag_tui.incidents.report import Dossier

incident_app = typer.Typer(
    help="Incidents that the console has found: list, read, acknowledge, annotate, export.",
    no_args_is_help=True,
)

INCIDENTS_SCHEMA: Final = "distdiag.incidents/1"

_SHOWN: Final = 20  # ended ones that are listed

Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]
Name = Annotated[str, typer.Argument(metavar="INCIDENT", help="As list names it; its beginning will do.")]
Names = Annotated[list[str], typer.Argument(metavar="INCIDENT...", help="As list names them.")]


@incident_app.callback()
def incident() -> None:
    """Incidents."""


@incident_app.command("list")
def list_incidents(
    cluster: Annotated[
        str | None, typer.Argument(metavar="[CLUSTER]", help="Of this cluster only.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that ended long ago.")] = False,
    as_json: Json = False,
) -> None:
    """Those that are open, and those that ended last; exit code 1 if one is open."""
    from distdiag_tui.incidents.store import open_store  # noqa: PLC0415

    found = open_store().incidents(cluster)
    listed = [each for each in found if each.state == "open"]
    ended = sorted((each for each in found if each.state != "open"), key=lambda each: each.updated)
    listed = [*(ended if every else ended[-_SHOWN:]), *listed]
    if as_json:
        documents = [_dossier(each, papers=False).document() for each in listed]
        typer.echo(json.dumps({"schema": INCIDENTS_SCHEMA, "incidents": documents}))
    elif listed:
        typer.echo(
            f"{'INCIDENT':11} {'CLUSTER':14} {'SERVER':20} {'CAUSE':22} {'SURE':>5} {'STATE':13} SINCE"
        )
        for each in listed:
            typer.echo(_row(each))
    else:
        typer.echo("nothing was found yet")
    if any(each.state == "open" for each in listed):
        raise typer.Exit(1)


@incident_app.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """All about one: evidence, what happened, facts, what to check and to do."""
    dossier = _dossier(_find(name))
    typer.echo(json.dumps(dossier.document()) if as_json else dossier.markdown(), nl=as_json)


@incident_app.command()
def ack(names: Names, *, as_json: Json = False) -> None:
    """Say that somebody knows of them."""
    for name in names:
        found = _find(name)
        if not found.acknowledged:
            found = _add(found, "acknowledged", "")
        _tell(found, f"{found.id} is acknowledged", as_json=as_json)


@incident_app.command()
def note(
    name: Name,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered of it.")],
    *,
    as_json: Json = False,
) -> None:
    """Write something down."""
    if not (words := plain(text, 2000).strip()):
        raise ConfigError("a note needs some words")
    found = _add(_find(name), "note", words)
    _tell(found, f"{found.id} has the note", as_json=as_json)


@incident_app.command()
def export(
    name: Name,
    *,
    to: Annotated[Path, typer.Option("--to", help="The folder to write to.")] = Path(),
    as_json: Json = False,
) -> None:
    """Write it down as Markdown and as JSON (distdiag.incident/1)."""
    from distdiag_tui.incidents.report import export as write  # noqa: PLC0415

    files = write(_dossier(_find(name)), to)
    if as_json:
        typer.echo(json.dumps({"files": [str(file) for file in files]}))
    else:
        for file in files:
            typer.echo(file)


def _find(name: str) -> Incident:
    from distdiag_tui.incidents.store import open_store  # noqa: PLC0415

    return open_store().find(name)


def _add(found: Incident, kind: str, words: str) -> Incident:
    from distdiag_tui.incidents.incident import Event  # noqa: PLC0415
    from distdiag_tui.incidents.store import open_store  # noqa: PLC0415
    from distdiag_tui.ledger import user_name  # noqa: PLC0415

    event: Event = Event(time.time(), kind, words, user_name())
    return open_store().add(found.id, event)


def _dossier(found: Incident, *, papers: bool = True) -> Dossier:
    from distdiag_tui.diagnosis.causes import find_cause  # noqa: PLC0415
    from distdiag_tui.incidents.report import Dossier  # noqa: PLC0415
    from distdiag_tui.incidents.store import Papers, open_store  # noqa: PLC0415

    kept = open_store().papers(found.id) if papers else Papers()
    return Dossier(found, find_cause(found.cause), kept)


def _tell(found: Incident, words: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(_dossier(found, papers=False).document()) if as_json else words)


def _row(found: Incident) -> str:
    end = found.ended
    if end is None:
        state = "acknowledged" if found.acknowledged else "open"
        span = f"{duration(time.time() - found.opened)} ago, seen {duration(time.time() - found.updated)} ago"
    else:
        state, span = (
            found.state,
            f"{duration(time.time() - found.opened)} ago, for {duration(end - found.opened)}",
        )
    sure = sureness(found.finding.confidence, calibrated=found.finding.calibrated)
    where = f"{plain(found.cluster, 14):14} {plain(found.server, 20):20}"
    return f"{found.id:11} {where} {plain(found.cause, 22):22} {sure:>5} {state:13} {span}"

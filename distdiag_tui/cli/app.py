"""The commands of `distdiag`. Each imports what it needs when it runs, so that starting stays quick."""

from __future__ import annotations

from typing import Annotated

import typer

from distdiag_tui.cli.lab import lab_app
from distdiag_tui.cli.options import AskPassword, Interval, TargetName, chosen_target
from distdiag_tui.cli.workload import workload_app

app = typer.Typer(
    name="distdiag",
    help="See which node of an OceanBase cluster is sick, with what, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(lab_app, name="lab")
app.add_typer(workload_app, name="workload")


@app.command()
def watch(
    target: TargetName = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a tick (distdiag.watch/1).")] = False,
    once: Annotated[bool, typer.Option("--once", help="Print one tick and end.")] = False,
    interval: Interval = 1.0,
    ask_password: AskPassword = False,
) -> None:
    """Print a cluster's live figures, for scripts and dumb terminals."""
    from distdiag_tui.cli.watch import run_watch  # noqa: PLC0415

    run_watch(chosen_target(target, ask_password=ask_password), interval, as_json=json, once=once)


@app.command()
def metrics(*, json: Annotated[bool, typer.Option("--json", help="As one JSON array.")] = False) -> None:
    """List every metric the console knows, with its unit and formula."""
    from distdiag_tui.cli.metrics import print_metrics  # noqa: PLC0415

    print_metrics(as_json=json)

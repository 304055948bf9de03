"""The commands of `distdiag`. Each imports what it needs when it runs, so that starting stays quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distdiag_tui.cli.alert import alert
from distdiag_tui.cli.anomaly import anomaly_app
from distdiag_tui.cli.doctor import doctor
from distdiag_tui.cli.experiment import experiment_app
from distdiag_tui.cli.incident import incident_app
from distdiag_tui.cli.lab import lab_app
from distdiag_tui.cli.options import AskPassword, Interval, TargetName, chosen_target
from distdiag_tui.cli.serve import serve
from distdiag_tui.cli.sim import sim
from distdiag_tui.cli.training import evaluate, model_app, train
from distdiag_tui.cli.workload import workload_app

app = typer.Typer(
    name="distdiag",
    help="See which node of an OceanBase cluster is sick, with what, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
lab_app.command()(sim)
app.add_typer(lab_app, name="lab")
app.add_typer(workload_app, name="workload")
app.add_typer(anomaly_app, name="anomaly")
app.add_typer(experiment_app, name="experiment")
app.add_typer(incident_app, name="incident")
app.command()(train)
app.command()(evaluate)
app.add_typer(model_app, name="model")
app.command()(serve)
app.command()(alert)
app.command()(doctor)


LogLevel = Annotated[
    str,
    typer.Option(
        "--log-level",
        metavar="debug|info|warning|error|off",
        help="Of the log in the state folder; else DISTDIAG_LOG, else info.",
    ),
]


@app.callback()
def distdiag(
    log_level: LogLevel = "",
) -> None:
    """See which node of an OceanBase cluster is sick, with what, and why."""
    if log_level:
        from distdiag_tui.log import open_log  # noqa: PLC0415

        open_log(log_level)


Theme = Annotated[
    str,
    typer.Option("--theme", envvar="DISTDIAG_THEME", help="A theme by name; t walks through them."),
]
Mouse = Annotated[bool, typer.Option("--mouse", help="Take the mouse, which otherwise selects text.")]


@app.command()
def demo(
    *,
    nodes: Annotated[int | None, typer.Option("--nodes", min=1, max=16, help="Lab nodes (3).")] = None,
    threads: Annotated[int, typer.Option("--threads", help="Clients of the built-in load; 0: no load.")] = 8,
    rate: Annotated[float, typer.Option("--rate", help="Transactions a second; 0: as many as go.")] = 120.0,
    coupled: Annotated[
        bool, typer.Option("--coupled/--independent", help="Each transaction visits every node, or just one.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab running afterwards.")] = False,
    interval: Interval = 1.0,
    theme: Theme = "",
    mouse: Mouse = False,
) -> None:
    """Start a real three-node lab with some load, and open the console on it."""
    from distdiag_tui.cli.console import Demo, run_demo  # noqa: PLC0415
    from distdiag_tui.ui.launch import ConsoleOptions  # noqa: PLC0415

    mode = "coupled" if coupled else "independent"
    load = {"threads": threads, "rate": rate, "mode": mode} if threads else None
    run_demo(Demo(nodes, load, keep), ConsoleOptions(interval, theme, mouse))


@app.command()
def connect(
    target: TargetName = None,
    *,
    interval: Interval = 1.0,
    theme: Theme = "",
    mouse: Mouse = False,
    ask_password: AskPassword = False,
) -> None:
    """Open the console on a cluster."""
    from distdiag_tui.cli.console import run_connect  # noqa: PLC0415
    from distdiag_tui.ui.launch import ConsoleOptions  # noqa: PLC0415

    options = ConsoleOptions(interval, theme, mouse)
    run_connect(chosen_target(target, ask_password=ask_password), options)


@app.command()
def replay(
    run: Annotated[Path, typer.Argument(metavar="RUN_FOLDER", help="A run that an experiment has recorded.")],
    *,
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, max=1000, help="So many times as fast as it was.")
    ] = 1.0,
    theme: Theme = "",
    mouse: Mouse = False,
) -> None:
    """Open the console on a recorded run, with its faults as marks."""
    import asyncio  # noqa: PLC0415

    from distdiag_tui.recording.reader import open_recording  # noqa: PLC0415
    from distdiag_tui.ui.replay import run_replay  # noqa: PLC0415

    asyncio.run(run_replay(open_recording(run), speed, theme, mouse=mouse))


@app.command()
def watch(
    target: TargetName = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a tick (distdiag.watch/1).")] = False,
    once: Annotated[bool, typer.Option("--once", help="Print one tick and end.")] = False,
    interval: Interval = 1.0,
    ask_password: AskPassword = False,
) -> int:
    """Print a cluster's live figures, for scripts and dumb terminals.

    With --once exit code 0 if every server is well, 1 if one is not or cannot be read, 3 if none answers.
    """
    from distdiag_tui.cli.watch import run_watch  # noqa: PLC0415

    return run_watch(chosen_target(target, ask_password=ask_password), interval, as_json=json, once=once)


@app.command()
def topology(
    target: TargetName = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="One JSON object (distdiag.topology/1).")] = False,
    grants: Annotated[
        bool, typer.Option("--grants", help="Print the SQL of an account that may do no more than watch.")
    ] = False,
    ask_password: AskPassword = False,
) -> int:
    """Say what a cluster consists of; exit code 1 if a server is not well, 3 if none answers."""
    from distdiag_tui.cli.topology import print_grants, run_topology  # noqa: PLC0415

    chosen = chosen_target(target, ask_password=ask_password)
    if grants:
        print_grants(chosen)
        return 0
    return run_topology(chosen, as_json=json)


@app.command()
def diagnose(
    target: TargetName = None,
    *,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a change (distdiag.finding/1).")
    ] = False,
    seconds: Annotated[
        float,
        typer.Option("--for", metavar="SECONDS", min=0, help="End after that time; 0: when interrupted."),
    ] = 0.0,
    recording: Annotated[
        Path | None, typer.Option("--from", metavar="RUN_FOLDER", help="A recorded run instead of a cluster.")
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="A trained model, or 'rules'; else the one in use.")
    ] = "",
    interval: Interval = 1.0,
    ask_password: AskPassword = False,
) -> int:
    """Say what is wrong on which server, whenever that changes; exit code 1 if anything was found."""
    from distdiag_tui.cli.diagnose import Telling, diagnose_live, diagnose_recording  # noqa: PLC0415

    telling = Telling(json, seconds, model)
    if recording is not None:
        if target is not None:
            raise typer.BadParameter("either a cluster or a recording, not both")
        return diagnose_recording(recording, telling)
    return diagnose_live(chosen_target(target, ask_password=ask_password), interval, telling)


@app.command()
def metrics(*, json: Annotated[bool, typer.Option("--json", help="As one JSON array.")] = False) -> None:
    """List every metric the console knows, with its unit and formula."""
    from distdiag_tui.cli.metrics import print_metrics  # noqa: PLC0415

    print_metrics(as_json=json)

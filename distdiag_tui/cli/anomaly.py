"""`distdiag anomaly`: make a server sick on purpose, for a while."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from distdiag_tui.cli.options import AskPassword, chosen_target
from distdiag_tui.model.errors import ConfigError

if TYPE_CHECKING:
    from distdiag_tui.anomalies.dose import Dose
    from distdiag_tui.anomalies.entry import Anomaly
    from distdiag_tui.service.anomalies import Anomalies

anomaly_app = typer.Typer(
    help="Faults on purpose: on the lab, with SQL, or with Chaos Mesh; each ends by itself.",
    no_args_is_help=True,
)

CATALOGUE_SCHEMA: Final = "distdiag.anomalies/1"
INJECTIONS_SCHEMA: Final = "distdiag.injections/1"

Json = Annotated[bool, typer.Option("--json", help="JSON lines, for programs.")]
Cluster = Annotated[
    str | None,
    typer.Argument(
        metavar="[CLUSTER]",
        help="A profile, 'lab', or [user@]host:port[,host:port...].",
        show_default=False,
    ),
]
Names = Annotated[
    str | None, typer.Argument(metavar="[ANOMALY[,ANOMALY...]]", help="See: distdiag anomaly catalog")
]
Servers = Annotated[
    str | None, typer.Option("--target", "-t", help="The server, by name or address; several with commas.")
]
Severity = Annotated[
    str | None,
    typer.Option("--severity", "-s", metavar="low|medium|high", help="How much of it.  [default: medium]"),
]
Duration = Annotated[
    str | None,
    typer.Option("--duration", help="How long it lasts, such as 45s or 2m.  [default: 60s]"),
]
Start = Annotated[str | None, typer.Option("--start", help="How long until it begins.  [default: 0s]")]
Injector = Annotated[
    str | None, typer.Option("--injector", help="How it is made, where there are several ways.")
]
ScenarioFile = Annotated[
    Path | None, typer.Option("--scenario", help="A TOML file with several anomalies, each with its time.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Leave it; it ends by itself when its time is over.")
]


@anomaly_app.callback()
def anomaly() -> None:
    """Faults on purpose."""


@anomaly_app.command()
def catalog(
    name: Annotated[str | None, typer.Argument(metavar="[ANOMALY]", help="Show all about this one.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """What can be injected; with an ANOMALY, how it is made, what it shows, and its risk."""
    from distdiag_tui.anomalies.catalogue import CATALOGUE, find_anomaly  # noqa: PLC0415

    entries = CATALOGUE if name is None else (find_anomaly(name),)
    if as_json:
        typer.echo(json.dumps({"schema": CATALOGUE_SCHEMA, "anomalies": [_document(e) for e in entries]}))
        return
    for entry in entries:
        typer.echo(f"{entry.id:20} {entry.about}")
        if name is not None:
            _print_entry(entry)


@anomaly_app.command()
def inject(
    names: Names = None,
    cluster: Cluster = None,
    *,
    target: Servers = None,
    severity: Severity = None,
    duration: Duration = None,
    start: Start = None,
    injector: Injector = None,
    scenario: ScenarioFile = None,
    dry_run: DryRun = False,
    detach: Detach = False,
    as_json: Json = False,
    ask_password: AskPassword = False,
) -> None:
    """Make a server sick for a while; Ctrl-C ends it early. Several names or targets: all at once."""
    from distdiag_tui.cli.injecting import run_injections, show_plan  # noqa: PLC0415

    if scenario is not None:
        from distdiag_tui.config.scenario import load_scenario  # noqa: PLC0415  pydantic costs 50 ms

        if any(each is not None for each in (cluster, target, severity, duration, start, injector)):
            raise ConfigError(
                "with --scenario the file says all of what is made; only a cluster can be named"
            )
        cluster = names
        title, doses = load_scenario(scenario)
    else:
        title, doses = "", _doses(names, target, severity, duration, start, injector)
    service = open_service(cluster, ask_password=ask_password)
    if dry_run:
        asyncio.run(show_plan(service, doses, as_json=as_json))
    else:
        asyncio.run(run_injections(service, doses, title, as_json=as_json, detach=detach))


@anomaly_app.command("list")
def list_injections(*, as_json: Json = False) -> None:
    """What was injected from this machine, and what goes on."""
    from distdiag_tui.anomalies.injection import Injections  # noqa: PLC0415
    from distdiag_tui.cli.injecting import print_table  # noqa: PLC0415

    records = Injections().records()
    if as_json:
        document = {"schema": INJECTIONS_SCHEMA, "injections": [record.to_fields() for record in records]}
        typer.echo(json.dumps(document))
    else:
        print_table(records)


@anomaly_app.command()
def stop(
    names: Annotated[list[str], typer.Argument(metavar="INJECTION...", help="As list names them.")],
    *,
    as_json: Json = False,
) -> None:
    """End injections early, and see them undone."""
    from distdiag_tui.cli.injecting import stop_injections  # noqa: PLC0415

    asyncio.run(stop_injections(_any_service(), names, as_json=as_json))


@anomaly_app.command("stop-all")
def stop_all(
    cluster: Cluster = None,
    *,
    others: Annotated[
        bool, typer.Option("--others", help="With Chaos Mesh: also what other users and machines made.")
    ] = False,
    as_json: Json = False,
    ask_password: AskPassword = False,
) -> None:
    """End everything that was injected from this machine, also what a crash left behind.

    If the CLUSTER's profile tells of Kubernetes, its namespace is searched for what no record here names.
    """
    from distdiag_tui.cli.injecting import stop_everything  # noqa: PLC0415

    service = _any_service() if cluster is None else open_service(cluster, ask_password=ask_password)
    asyncio.run(stop_everything(service, others=others, as_json=as_json))


def open_service(cluster: str | None, *, ask_password: bool) -> Anomalies:
    """The anomalies of a cluster; what dead supervisors left there is undone from now on."""
    from distdiag_tui.config import longest_anomaly  # noqa: PLC0415
    from distdiag_tui.service.anomalies import Anomalies  # noqa: PLC0415

    service = Anomalies(chosen_target(cluster, ask_password=ask_password), longest=longest_anomaly())
    for record in service.recover():
        typer.echo(f"{record.id} was left behind: it is being undone", err=True)
    return service


def _any_service() -> Anomalies:
    """For what is in the ledger, wherever it is: the cluster that one would get without a name, if any."""
    from distdiag_tui.model.target import Target  # noqa: PLC0415
    from distdiag_tui.service.anomalies import Anomalies  # noqa: PLC0415

    try:
        return open_service(None, ask_password=False)
    except ConfigError:
        service = Anomalies(Target("", ()))
        service.recover()
        return service


def _doses(
    names: str | None,
    servers: str | None,
    severity: str | None,
    duration: str | None,
    start: str | None,
    injector: str | None,
) -> list[Dose]:
    from distdiag_tui.anomalies.dose import SECONDS, Dose, read_severity  # noqa: PLC0415
    from distdiag_tui.model.text import read_seconds  # noqa: PLC0415

    if not names:
        raise ConfigError("what? Name an anomaly (see: distdiag anomaly catalog), or give --scenario FILE")
    level = read_severity("medium" if severity is None else severity)
    seconds = SECONDS if duration is None else read_seconds(duration)
    begin = 0.0 if start is None else read_seconds(start)
    return [
        Dose(name, server, level, seconds, begin, injector or "")
        for name in _listed(names)
        for server in _listed(servers or "") or [""]
    ]


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _document(entry: Anomaly) -> dict[str, Any]:
    means = [
        {
            "injector": each.injector,
            "needs": each.needs,
            "missing": each.missing(),
            "levels": {name: dict(values) for name, values in each.levels.items()},
            "words": {name: each.describe(name) for name in each.levels},
        }
        for each in entry.means
    ]
    return {
        "id": entry.id,
        "title": entry.title,
        "about": entry.about,
        "cause": entry.cause,
        "symptoms": [{"metric": each.metric, "way": each.way} for each in entry.symptoms],
        "risk": entry.risk,
        "spreads": entry.spreads,
        "means": means,
    }


def _print_entry(entry: Anomaly) -> None:
    for name, words in (("cause", entry.cause), ("shows", entry.shows), ("risk", entry.risk)):
        typer.echo(f"  {name:10} {words}")
    if entry.spreads:
        typer.echo(f"  {'spreads':10} {entry.spreads}")
    for means in entry.means:
        where = f" ({means.needs} only)" if means.needs else ""
        missing = means.missing()
        typer.echo(f"  {means.injector}{where}{f'; not installed here: {missing}' if missing else ''}")
        for severity in means.levels:
            typer.echo(f"    {severity:8} {means.describe(severity)}")

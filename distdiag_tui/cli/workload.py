"""`distdiag workload`: put load on a cluster, so that there is something to see."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distdiag_tui.cli.follow import Output, conclude, follow, show_progress
from distdiag_tui.cli.options import AskPassword, TargetName, chosen_target
from distdiag_tui.cli.runner import (
    Context,
    DryRun,
    Image,
    Jobs,
    Namespace,
    Runner,
    print_manifests,
    runner_settings,
)
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import duration, plain

if TYPE_CHECKING:
    from distdiag_tui.service.workloads import Wish
    from distdiag_tui.workloads.journal import RunRecord
    from distdiag_tui.workloads.protocol import Kind, Step

workload_app = typer.Typer(
    help="Load on a cluster: sysbench, TPC-C, TPC-H, or the built-in OLTP.", no_args_is_help=True
)

KindName = Annotated[str, typer.Argument(metavar="KIND", help="Which workload; see: distdiag workload list")]
Json = Annotated[bool, typer.Option("--json", help="JSON lines, for programs.")]
Insist = Annotated[
    bool, typer.Option("--i-know-this-is-production", help="Do it though the profile says production.")
]
KNOBS: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}


@workload_app.callback()
def workload() -> None:
    """Load on a cluster."""


@workload_app.command("list")
def list_kinds(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Show this one's options.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """What can be run here; with a KIND, its options."""
    from distdiag_tui.workloads.kinds import KINDS, find_kind  # noqa: PLC0415

    kinds = KINDS if kind is None else (find_kind(kind),)
    if as_json:
        typer.echo(json.dumps([_document(each) for each in kinds]))
        return
    for each in kinds:
        missing = each.missing()
        typer.echo(f"{each.id:10} {each.about}")
        if missing:
            typer.echo(f"{'':10} not installed here: {missing}")
        if kind is not None:
            _print_options(each)


@workload_app.command(context_settings=KNOBS)
def prepare(
    context: typer.Context,
    kind: KindName,
    target: TargetName = None,
    *,
    as_json: Json = False,
    insist: Insist = False,
    ask_password: AskPassword = False,
) -> None:
    """Make the data of a workload; what is already there is kept. Options: distdiag workload list KIND."""
    _run(_wish(context, kind, ("prepare",)), target, Output(as_json), insist=insist, ask=ask_password)


@workload_app.command(context_settings=KNOBS)
def start(
    context: typer.Context,
    kind: KindName,
    target: TargetName = None,
    *,
    prepare: Annotated[bool, typer.Option("--prepare", help="Make the data first.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Leave it running in the background.")
    ] = False,
    as_json: Json = False,
    histogram: Annotated[
        bool, typer.Option("--histogram", help="With --json: the latencies too, to add reports up.")
    ] = False,
    runner: Runner = "local",
    jobs: Jobs = None,
    image: Image = None,
    namespace: Namespace = None,
    kube_context: Context = None,
    dry_run: DryRun = False,
    insist: Insist = False,
    ask_password: AskPassword = False,
) -> None:
    """Run a workload until its --time is over, or Ctrl-C. Options: distdiag workload list KIND."""
    where = runner_settings(runner, jobs, image, namespace, kube_context)
    wish = _wish(context, kind, ("prepare", "run") if prepare else ("run",), where)
    if dry_run:
        _show_manifests(wish, target, as_json=as_json)
        return
    output = Output(as_json, histogram)
    _run(wish, target, output, insist=insist, ask=ask_password, detach=detach)


@workload_app.command(context_settings=KNOBS)
def verify(
    context: typer.Context,
    kind: KindName,
    target: TargetName = None,
    *,
    as_json: Json = False,
    ask_password: AskPassword = False,
) -> None:
    """Check a workload's data; exit code 1 if something is wrong with it."""
    _run(_wish(context, kind, ("verify",)), target, Output(as_json), ask=ask_password)


@workload_app.command()
def cleanup(
    context: typer.Context,
    kind: KindName,
    target: TargetName = None,
    *,
    as_json: Json = False,
    insist: Insist = False,
    ask_password: AskPassword = False,
) -> None:
    """Drop a workload's data: only a database that distdiag made itself."""
    _run(_wish(context, kind, ("cleanup",)), target, Output(as_json), insist=insist, ask=ask_password)


@workload_app.command()
def stop(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="As status names them.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Everything that runs.")] = False,
) -> None:
    """Stop runs, whichever console or command started them."""
    from distdiag_tui.workloads.journal import Journal  # noqa: PLC0415

    journal = Journal()
    if not runs and not every:
        raise ConfigError("which run? Name one that status shows, or give --all")
    active = [record for record in journal.records() if record.active]
    chosen = active if every else [journal.find(name) for name in runs or ()]
    for record in chosen:
        journal.stop(record)
    for record in chosen:
        ended = _await_end(record.id)
        typer.echo(
            f"{record.id} {ended.phase}" if record.active else f"{record.id} had ended: {record.phase}"
        )
    if not chosen:
        typer.echo("nothing is running")


@workload_app.command()
def status(*, as_json: Json = False) -> None:
    """Show what runs and what has ended lately; exit code 1 if nothing runs."""
    from distdiag_tui.workloads.journal import Journal  # noqa: PLC0415

    records = Journal().records()
    if as_json:
        typer.echo(json.dumps({"runs": [record.to_fields() for record in records]}))
    elif records:
        _print_runs(records)
    else:
        typer.echo("nothing was started yet")
    if not any(record.active for record in records):
        raise typer.Exit(1)


def _wish(
    context: typer.Context, kind: str, steps: tuple[Step, ...], runner: Mapping[str, Any] | None = None
) -> Wish:
    from distdiag_tui.cli.knobs import read_knobs  # noqa: PLC0415
    from distdiag_tui.service.workloads import Wish  # noqa: PLC0415
    from distdiag_tui.workloads.kinds import find_kind  # noqa: PLC0415

    return Wish(kind, steps, read_knobs(context.args, find_kind(kind).options), runner or {})


def _show_manifests(wish: Wish, target: str | None, *, as_json: bool) -> None:
    from distdiag_tui.service.workloads import Workloads  # noqa: PLC0415

    print_manifests(Workloads(chosen_target(target, ask_password=False)).manifests(wish), as_json=as_json)


def _run(
    wish: Wish, target: str | None, output: Output, *, ask: bool, insist: bool = False, detach: bool = False
) -> None:
    from distdiag_tui.service.workloads import Workloads  # noqa: PLC0415

    service = Workloads(chosen_target(target, ask_password=ask))

    async def run() -> None:
        process = await service.start(wish, insist=insist)
        if not detach:
            await follow(process, output)
            if not output.json and "run" not in wish.steps:
                typer.echo(f"{process.record.kind}: {process.record.words or process.record.phase}")
            return
        try:
            await show_progress(process, quiet=output.json)
            conclude(process.record)
            await process.let_go()
        finally:
            process.kill()
        typer.echo(f"{process.record.id} is running; to end it: distdiag workload stop {process.record.id}")

    asyncio.run(run())


def _await_end(name: str) -> RunRecord:
    """The record of a run that was told to stop, once it has ended, or had plenty of time to."""
    from distdiag_tui.workloads.journal import Journal  # noqa: PLC0415

    journal = Journal()
    record = journal.find(name)
    end = time.monotonic() + record.farewell + 6.5
    while record.active and time.monotonic() < end:
        time.sleep(0.05)
        record = journal.find(name)
    return record


def _document(kind: Kind) -> dict[str, Any]:
    options = [
        {"name": o.name, "default": o.default, "takes": o.bounds, "size": o.size, "about": o.about}
        for o in kind.options
    ]
    return {
        "id": kind.id,
        "title": kind.title,
        "about": kind.about,
        "missing": kind.missing(),
        "options": options,
    }


def _print_options(kind: Kind) -> None:
    for option in kind.options:
        default = ("no", "yes")[option.default] if isinstance(option.default, bool) else option.default
        size = "  (prepare)" if option.size else ""
        typer.echo(f"  {option.flag:18} {default!s:12} {option.about}{size}")
        typer.echo(f"  {'':18} {'':12} {option.bounds}")


def _print_runs(records: list[RunRecord]) -> None:
    typer.echo(f"{'RUN':16} {'CLUSTER':16} {'STATE':11} {'FOR':>7} {'THREADS':>7} {'TPS':>8} {'P95':>9}")
    for record in records:
        report = record.report
        span = (record.ended or time.time()) - record.started
        threads, tps = (str(report.threads), f"{report.tps:.1f}") if report else ("–", "–")
        p95 = f"{report.p95 * 1e3:.1f} ms" if report and report.p95 is not None else "–"
        head = f"{record.id:16} {plain(record.cluster, 16):16} {record.phase:11} {duration(span):>7}"
        typer.echo(f"{head} {threads:>7} {tps:>8} {p95:>9}  {plain(record.message or record.words)}".rstrip())

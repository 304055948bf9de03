"""`distdiag workload`: put load on a cluster, so that there is something to see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from distdiag_tui.cli.follow import Output, follow, leave_running
from distdiag_tui.cli.options import AskPassword, chosen_target
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
from distdiag_tui.cli.runs import status, stop

if TYPE_CHECKING:
    from distdiag_tui.service.workloads import Wish
    from distdiag_tui.workloads.protocol import Kind, Step

workload_app = typer.Typer(
    help="Load on a cluster: sysbench, TPC-C, TPC-H, or the built-in OLTP.", no_args_is_help=True
)

KindName = Annotated[str, typer.Argument(metavar="KIND", help="Which workload; see: distdiag workload list")]
Json = Annotated[bool, typer.Option("--json", help="JSON lines, for programs.")]
Insist = Annotated[
    bool, typer.Option("--i-know-this-is-production", help="Do it though the profile says production.")
]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TARGET | --OPTION VALUE",
        help="A profile, 'lab', or [user@]host:port[,host:port...]; options: distdiag workload list KIND.",
        show_default=False,
    ),
]
KNOBS: Final = {"ignore_unknown_options": True}  # they are among the words, for each kind has its own
KINDS_SCHEMA: Final = "distdiag.workloads/1"


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
        typer.echo(json.dumps({"schema": KINDS_SCHEMA, "workloads": [_document(each) for each in kinds]}))
        return
    for each in kinds:
        missing = each.missing()
        typer.echo(f"{each.id:10} {each.about}")
        if missing:
            instead = f"; {each.stand_in.kind} stands in for it" if each.stand_in else ""
            typer.echo(f"{'':10} not installed here: {missing}{instead}")
        if kind is not None:
            _print_options(each)


@workload_app.command(context_settings=KNOBS)
def prepare(
    kind: KindName,
    words: Words = None,
    *,
    as_json: Json = False,
    insist: Insist = False,
    ask_password: AskPassword = False,
) -> None:
    """Make the data of a workload; what is already there is kept."""
    _run(kind, words, ("prepare",), Output(as_json), insist=insist, ask=ask_password)


@workload_app.command(context_settings=KNOBS)
def start(
    kind: KindName,
    words: Words = None,
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
    """Run a workload until its --time is over, or Ctrl-C."""
    where = runner_settings(runner, jobs, image, namespace, kube_context)
    target, wish = _read(kind, words, ("prepare", "run") if prepare else ("run",), where)
    if dry_run:
        _show_manifests(wish, target, as_json=as_json)
        return
    output = Output(as_json, histogram)
    _begin(wish, target, output, insist=insist, ask=ask_password, detach=detach)


@workload_app.command(context_settings=KNOBS)
def verify(
    kind: KindName,
    words: Words = None,
    *,
    as_json: Json = False,
    ask_password: AskPassword = False,
) -> None:
    """Check a workload's data; exit code 1 if something is wrong with it."""
    _run(kind, words, ("verify",), Output(as_json), ask=ask_password)


@workload_app.command(context_settings=KNOBS)
def cleanup(
    kind: KindName,
    words: Words = None,
    *,
    as_json: Json = False,
    insist: Insist = False,
    ask_password: AskPassword = False,
) -> None:
    """Drop a workload's data: only a database that distdiag made itself."""
    _run(kind, words, ("cleanup",), Output(as_json), insist=insist, ask=ask_password)


workload_app.command()(stop)
workload_app.command()(status)


def _read(
    kind: str, words: list[str] | None, steps: tuple[Step, ...], runner: Mapping[str, Any] | None = None
) -> tuple[str | None, Wish]:
    """The target as it was named, and what is asked for."""
    from distdiag_tui.cli.knobs import read_words  # noqa: PLC0415
    from distdiag_tui.service.workloads import Wish  # noqa: PLC0415
    from distdiag_tui.workloads.kinds import find_kind  # noqa: PLC0415
    from distdiag_tui.workloads.options import SERVERS  # noqa: PLC0415

    target, given = read_words(words or (), (*find_kind(kind).options, SERVERS))
    return target, Wish(kind, steps, given, runner or {})


def _run(
    kind: str,
    words: list[str] | None,
    steps: tuple[Step, ...],
    output: Output,
    *,
    ask: bool,
    insist: bool = False,
) -> None:
    target, wish = _read(kind, words, steps)
    _begin(wish, target, output, ask=ask, insist=insist)


def _begin(
    wish: Wish, target: str | None, output: Output, *, ask: bool, insist: bool, detach: bool = False
) -> None:
    from distdiag_tui.service.workloads import Workloads  # noqa: PLC0415

    service = Workloads(chosen_target(target, ask_password=ask))

    async def run() -> None:
        process = await service.start(wish, insist=insist)
        if process.record.note:
            typer.echo(process.record.note, err=True)
        if detach:
            await leave_running(process, as_json=output.json)
        else:
            await follow(process, output)

    asyncio.run(run())


def _show_manifests(wish: Wish, target: str | None, *, as_json: bool) -> None:
    from distdiag_tui.service.workloads import Workloads  # noqa: PLC0415

    print_manifests(Workloads(chosen_target(target, ask_password=False)).manifests(wish), as_json=as_json)


def _document(kind: Kind) -> dict[str, Any]:
    from distdiag_tui.workloads.options import SERVERS  # noqa: PLC0415

    options = [
        {"name": o.name, "default": o.default, "takes": o.bounds, "size": o.size, "about": o.about}
        for o in (*kind.options, SERVERS)
    ]
    return {
        "id": kind.id,
        "title": kind.title,
        "about": kind.about,
        "missing": kind.missing(),
        "stand_in": kind.stand_in.kind if kind.stand_in else "",
        "options": options,
    }


def _print_options(kind: Kind) -> None:
    from distdiag_tui.workloads.options import SERVERS  # noqa: PLC0415

    for option in (*kind.options, SERVERS):
        default = ("no", "yes")[option.default] if isinstance(option.default, bool) else option.default
        size = "  (prepare)" if option.size else ""
        typer.echo(f"  {option.flag:20} {default!s:12} {option.about}{size}")
        typer.echo(f"  {'':20} {'':12} {option.bounds}")

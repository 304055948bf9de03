"""`distdiag lab`: a cluster on this machine to look at and to break."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from distdiag_tui.lab import state as memory
from distdiag_tui.lab.logs import Follower, output_file, server_log, size, tail
from distdiag_tui.model.errors import DistdiagError, LabError
from distdiag_tui.model.text import duration

if TYPE_CHECKING:
    from pathlib import Path

    from distdiag_tui.lab.cluster import Lab
    from distdiag_tui.lab.report import NodeProgress, NodeStatus

lab_app = typer.Typer(
    help="A small OceanBase cluster on this machine, for trying things out.", no_args_is_help=True
)

_GLYPHS = {
    "running": "●",
    "starting": "◐",
    "not answering": "?",
    "frozen": "‖",
    "crashed": "✗",
    "stopped": "○",
}
_FOLLOW_EVERY = 0.25  # seconds


@lab_app.command()
def up(
    nodes: Annotated[
        int | None,
        typer.Option("--nodes", min=1, max=16, help="How many nodes; default: as many as there are, else 3."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1024, max=65535, help="First port for new nodes.")
    ] = None,
) -> None:
    """Start the lab, or whatever of it does not run."""
    lab = _lab()
    try:
        with progress() as report:
            asyncio.run(lab.up(nodes, port, report))
    except KeyboardInterrupt:
        tell(f"interrupted; {_summary(lab.status())}; to finish: distdiag lab up")
        raise typer.Exit(130) from None
    _print_table(lab.status())
    undo_leftovers(lab.home)
    typer.echo("look at it with: distdiag connect lab")


@lab_app.command()
def down(
    purge: Annotated[bool, typer.Option("--purge", help="Remove the nodes' data as well.")] = False,
) -> None:
    """Stop all nodes; their data stays for the next `up`."""
    lab = _lab()
    end_injections(lab.home)
    stopped = asyncio.run(lab.down(purge))
    typer.echo(f"stopped {', '.join(stopped)}" if stopped else "no node was running")
    if purge:
        typer.echo("the lab and its data are removed")


@lab_app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show each node; exit code 0 if all of them run, else 1."""
    nodes = _lab().status()
    if as_json:
        typer.echo(json.dumps({"cluster": memory.CLUSTER, "nodes": [asdict(node) for node in nodes]}))
    elif nodes:
        _print_table(nodes)
    else:
        typer.echo(memory.NO_LAB)
    if not nodes or any(node.state != "running" for node in nodes):
        raise typer.Exit(1)


@lab_app.command()
def logs(
    node: Annotated[str | None, typer.Argument(help="One node, such as n1; default: all.")] = None,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new lines.")] = False,
) -> None:
    """Show what the servers wrote: their log and their output."""
    home = memory.lab_home()
    files = [file for name in _names(home, node) for file in _files(home, name)]
    followers = [Follower(file, size(file)) for file in files]
    for file in files:
        _print_lines(home, file, tail(file, lines))
    while follow:
        try:
            _follow(home, followers)
        except KeyboardInterrupt:
            return


def _names(home: Path, wanted: str | None) -> list[str]:
    state = memory.load(home)
    if state is None:
        raise LabError(memory.NO_LAB)
    names = [node.name for node in state.nodes]
    if wanted is not None and wanted not in names:
        raise LabError(f"no node of that name in the lab; it has {', '.join(names)}")
    return names if wanted is None else [wanted]


def _files(home: Path, name: str) -> tuple[Path, Path]:
    return output_file(home, name), server_log(home, name)


def _follow(home: Path, followers: list[Follower]) -> None:
    for follower in followers:
        _print_lines(home, follower.path, follower.new_lines())
    time.sleep(_FOLLOW_EVERY)


def _print_lines(home: Path, file: Path, lines: list[str]) -> None:
    if lines:
        typer.echo("\n".join((f"==> {file.relative_to(home)} <==", *lines)))


def undo_leftovers(home: Path) -> None:
    """Have undone, in the background, what was injected into this lab and left there by a crash."""
    from distdiag_tui.service.anomalies import Anomalies  # noqa: PLC0415

    for record in Anomalies(memory.lab_target(home)).recover():
        tell(f"{record.id} was left behind: it is being undone")


def end_injections(home: Path) -> None:
    """Undo what is injected into this lab: an index on a stopped node would be there at its next start."""
    from distdiag_tui.anomalies.injection import Injections  # noqa: PLC0415
    from distdiag_tui.service.anomalies import Anomalies, lab_of  # noqa: PLC0415

    active = [record for record in Injections().records() if record.active and record.home == str(home)]
    if not active:
        return
    try:
        ended = asyncio.run(Anomalies(lab_of(active[0])).stop([record.id for record in active]))
        tell(f"undone first: {', '.join(record.id for record in ended)}")
    except DistdiagError as error:
        tell(str(error))


def _lab() -> Lab:
    from distdiag_tui.lab.cluster import Lab  # noqa: PLC0415

    return Lab(notice=tell)


def tell(line: str) -> None:
    """A line for the person, apart from what the command prints."""
    typer.echo(line, err=True)


@contextmanager
def progress() -> Iterator[Callable[[NodeProgress], None]]:
    """Bars on a terminal, else one line a stage; both on stderr."""
    if not sys.stderr.isatty():
        yield _stage_lines()
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.fields[node]}"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def show(event: NodeProgress) -> None:
            if event.name not in tasks:
                tasks[event.name] = bars.add_task("", total=1.0, node=event.name)
            bars.update(tasks[event.name], completed=event.fraction, description=event.stage)

        yield show


def _stage_lines() -> Callable[[NodeProgress], None]:
    shown: dict[str, str] = {}

    def show(event: NodeProgress) -> None:
        if shown.get(event.name) != event.stage:
            shown[event.name] = event.stage
            tell(f"{event.name}: {event.stage}")

    return show


def _summary(nodes: list[NodeStatus]) -> str:
    return ", ".join(f"{node.name} is {node.state}" for node in nodes) or "nothing was started"


def _print_table(nodes: list[NodeStatus]) -> None:
    rows = [("NODE", "ZONE", "ADDRESS", "STATE", "PID", "UPTIME", "MEMORY"), *map(_row, nodes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _row(node: NodeStatus) -> tuple[str, ...]:
    state = f"{_GLYPHS[node.state]} {node.state}"
    address = f"{node.host}:{node.port}"
    pid = "-" if node.pid is None else str(node.pid)
    return node.name, node.zone, address, state, pid, duration(node.uptime), _size(node.memory)


def _size(memory_bytes: int | None) -> str:
    """Mebibytes, as `640 MB` is what people call them."""
    return "-" if memory_bytes is None else f"{memory_bytes / 2**20:.0f} MB"

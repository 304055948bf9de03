"""`distdiag workload status` and `stop`: what runs on this machine, whoever started it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import DASH, duration, plain

if TYPE_CHECKING:
    from distdiag_tui.workloads.journal import RunRecord

RUNS_SCHEMA: Final = "distdiag.runs/1"


def status(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False
) -> None:
    """Show what runs and what has ended lately."""
    from distdiag_tui.workloads.journal import Journal  # noqa: PLC0415

    records = Journal().records()
    if as_json:
        typer.echo(json.dumps({"schema": RUNS_SCHEMA, "runs": [record.to_fields() for record in records]}))
    elif records:
        typer.echo(f"{'RUN':16} {'CLUSTER':16} {'STATE':11} {'FOR':>7} {'THREADS':>7} {'TPS':>8} {'P95':>9}")
        for record in records:
            typer.echo(_row(record))
    else:
        typer.echo("nothing was started yet")


def stop(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="As status names them.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Everything that runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a run (distdiag.run/1).")] = False,
) -> None:
    """Stop runs, whichever console or command started them."""
    from distdiag_tui.workloads.journal import Journal  # noqa: PLC0415

    if not runs and not every:
        raise ConfigError("which run? Name one that status shows, or give --all")
    journal = Journal()
    chosen = [record for record in journal.records() if record.active] if every else []
    chosen += [journal.find(name) for name in runs or () if name not in {record.id for record in chosen}]
    if not chosen and not as_json:
        typer.echo("nothing is running")
    asyncio.run(_stop(chosen, as_json=as_json))


async def _stop(chosen: list[RunRecord], *, as_json: bool) -> None:
    from distdiag_tui.service.workloads import end_run  # noqa: PLC0415
    from distdiag_tui.workloads.journal import Journal  # noqa: PLC0415

    ends = await asyncio.gather(*(end_run(Journal(), record.id) for record in chosen))
    for before, after in zip(chosen, ends, strict=True):
        had = "" if before.active else "had ended: "
        typer.echo(json.dumps(after.to_fields()) if as_json else f"{after.id} {had}{after.phase}")


def _row(record: RunRecord) -> str:
    report = record.report
    span = duration((record.ended or time.time()) - record.started)
    threads, tps = (str(report.threads), f"{report.tps:.1f}") if report else (DASH, DASH)
    p95 = f"{report.p95 * 1e3:.1f} ms" if report and report.p95 is not None else DASH
    head = f"{record.id:16} {plain(record.cluster, 16):16} {record.phase:11} {span:>7}"
    return f"{head} {threads:>7} {tps:>8} {p95:>9}  {plain(_remark(record))}".rstrip()


def _remark(record: RunRecord) -> str:
    """Why it failed, what it is at, what is special about it, or the errors that it meets."""
    if record.message or record.words or record.note or record.report is None:
        return record.message or record.words or record.note
    errors = record.report.errors
    return "errors " + " ".join(f"{key}×{count}" for key, count in errors.items()) if errors else ""

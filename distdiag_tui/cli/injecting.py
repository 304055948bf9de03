"""Injections from the command line: watch them to their end, or stop them."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Final

import typer

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.model.errors import AnomalyError, DistdiagError
from distdiag_tui.model.text import duration, plain
from distdiag_tui.service.anomalies import Anomalies

if TYPE_CHECKING:
    from distdiag_tui.anomalies.chaos.leftovers import Leftover

LEFTOVER_SCHEMA: Final = "distdiag.leftover/1"
_LOOK_EVERY = 0.1
_UNDER_WAY = ("waiting", "applying")


async def meet(service: Anomalies, doses: Sequence[Dose]) -> None:
    """Discover the cluster's servers if one that is meant was not named. UnseenError if none answers."""
    unknown = any(dose.server and service.find(dose.server) is None for dose in doses)
    if unknown and service.target.home is None:
        service.check([])  # where nothing may be injected nobody is asked
        from distdiag_tui.cli.topology import seen  # noqa: PLC0415  needs the driver

        service.meet((await seen(service.target)).servers)


async def show_plan(service: Anomalies, doses: Sequence[Dose], *, as_json: bool) -> None:
    """What would be done, to the letter."""
    await meet(service, doses)
    for record, lines in await service.plan(doses):
        if as_json:
            typer.echo(json.dumps({**record.to_fields(), "plan": lines}))
            continue
        typer.echo(f"{record.summary}:")
        typer.echo("\n".join(f"  {plain(line, 4000)}" for line in lines))


async def run_injections(
    service: Anomalies, doses: Sequence[Dose], scenario: str, *, as_json: bool, detach: bool
) -> None:
    """Inject and follow to the end, or with `detach` until they are there. AnomalyError if one fails."""
    await meet(service, doses)
    follower = Follower(service, service.inject(doses, scenario), as_json=as_json)
    loop, beating = asyncio.get_running_loop(), asyncio.create_task(service.beat())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, follower.interrupt)
    try:
        records = await follower.follow(_UNDER_WAY if detach else ())
        if detach:
            service.release()
    finally:
        beating.cancel()
    if wrong := [record for record in records if record.wrong or record.phase == "failed"]:
        raise AnomalyError("; ".join(f"{record.label}: {record.message}" for record in wrong))
    if follower.interrupted:
        raise typer.Exit(130)


class Follower:
    """Prints what becomes of injections, a line for each step."""

    def __init__(self, service: Anomalies, records: Sequence[Injection], *, as_json: bool) -> None:
        self._service, self._names = service, [record.id for record in records]
        self._json = as_json
        self._shown: dict[str, tuple[str, ...]] = {}
        self._told: set[str] = set()
        self.interrupted = False

    def interrupt(self) -> None:
        """End them in order, as `follow` does from now on: Ctrl-C, or a request to leave."""
        self.interrupted = True

    async def follow(self, while_in: Sequence[str]) -> list[Injection]:
        """Until each has ended, or with `while_in` is in none of these phases any more; the last records."""
        while True:
            records = [self._service.ledger.find(name) for name in self._names]
            for record in records:
                self._show(record)
                self._stop(record)
            going = [r for r in records if (r.phase in while_in if while_in else r.active)]
            if not going or any(record.phase == "orphaned" for record in going):
                return records
            await asyncio.sleep(_LOOK_EVERY)

    def _stop(self, record: Injection) -> None:
        """If we are interrupted; again until it could be told, for its supervisor may have just begun."""
        if self.interrupted and record.id not in self._told and self._service.ledger.stop(record):
            self._told.add(record.id)

    def _show(self, record: Injection) -> None:
        state = (record.phase, record.words, record.message, *record.events)
        known = self._shown.get(record.id, ())
        if known == state:
            return
        self._shown[record.id] = state
        if self._json:
            typer.echo(json.dumps(record.to_fields()))
            return
        clock = time.strftime("%H:%M:%S")
        if known[:3] != state[:3]:
            typer.echo(f"{clock} {record.label} {record.phase}{_remark(record)}  ({record.id})")
        for event in record.events:
            if event not in known[3:]:
                typer.echo(f"{clock}   {plain(event, 300)}")


async def stop_injections(service: Anomalies, names: Sequence[str], *, as_json: bool = False) -> None:
    """End these, and tell which have ended; AnomalyError if one is not undone."""
    before = {name: service.ledger.find(name) for name in names}
    try:
        await service.stop(names)
    finally:
        for record in map(service.ledger.find, names):
            if not record.active:
                had = "" if before[record.id].active else "had "
                typer.echo(json.dumps(record.to_fields()) if as_json else f"{record.id} {had}{record.phase}")


async def stop_everything(service: Anomalies, *, others: bool, as_json: bool = False) -> None:
    """End all that goes on, also what nobody minds any more; `others`: see `Anomalies.sweep`.

    Errors as `stop_injections` and `Anomalies.sweep`, after all the rest is done.
    """
    names = [record.id for record in service.ledger.records() if record.active]
    failed = [
        await _failure(stop_injections(service, names, as_json=as_json)),
        await _failure(_sweep(service, others=others, as_json=as_json, stopped=bool(names))),
    ]
    match [error for error in failed if error is not None]:
        case [error]:
            raise error
        case [first, second]:
            raise AnomalyError(f"{first}; {second}")


async def _failure(step: Awaitable[None]) -> DistdiagError | None:
    try:
        await step
    except DistdiagError as error:
        return error
    return None


async def _sweep(service: Anomalies, *, others: bool, as_json: bool, stopped: bool) -> None:
    """See `Anomalies.sweep`; says if there is nothing, unless something was `stopped` before."""
    removed, left = await service.sweep(others=others)
    if as_json:
        for each in (*removed, *left):
            typer.echo(json.dumps(_leftover_document(each, removed=each in removed)))
        return
    for each in removed:
        typer.echo(f"{each.mark.label} removed")
    for each in left:
        why = plain(each.words)
        typer.echo(f"{each.mark.label} was made by somebody else and is left alone (--others): {why}")
    if not stopped and not removed:
        typer.echo("nothing is injected" if not left else "nothing is injected from here")


def _leftover_document(leftover: Leftover, *, removed: bool) -> dict[str, object]:
    """Schema distdiag.leftover/1: what Chaos Mesh has and no record here names."""
    words = {"label": leftover.mark.label, "removed": removed, "detail": leftover.words}
    return {"schema": LEFTOVER_SCHEMA, "injection": leftover.mark.injection, **words}


def print_table(records: Sequence[Injection]) -> None:
    """A line each, the newest last."""
    if not records:
        typer.echo("nothing was injected yet")
        return
    typer.echo(f"{'INJECTION':24} {'SERVER':10} {'SEVERITY':8} {'STATE':10} {'LEFT':>6} {'LASTED':>7}")
    for record in records:
        typer.echo(_row(record))


def _row(record: Injection) -> str:
    now = time.time()
    left = duration(record.left(now)) if record.phase in ("waiting", "active") else "-"
    lasted = duration((record.reverted or now) - record.applied) if record.applied else "-"
    head = f"{record.id:24} {plain(record.server or record.address, 10):10} {record.severity:8}"
    return f"{head} {record.phase:10} {left:>6} {lasted:>7}{_remark(record)}".rstrip()


def _remark(record: Injection) -> str:
    """What is wrong, why it ended, or what it is at."""
    words = record.message or (record.why if not record.active else record.words)
    return f"  {plain(words, 300)}" if words else ""

"""Runs an experiment from the command line: progress, signals, and how it ended."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from distdiag_tui.api.ending import on_end
from distdiag_tui.experiments.folder import Folder
from distdiag_tui.experiments.plan import Plan
from distdiag_tui.experiments.runner import Experiment, Progress, Show, Tally
from distdiag_tui.model.errors import ExperimentError
from distdiag_tui.model.text import duration, plain
from distdiag_tui.service.anomalies import Anomalies


def run_experiment(service: Anomalies, plan: Plan, out: Path, *, as_json: bool) -> None:
    """To its end, or to a signal; ExperimentError if some runs failed."""
    with _progress(as_json=as_json) as show:
        tally = asyncio.run(_run(Experiment(service.target, plan, Folder(out), service, show)))
    if not as_json:
        typer.echo(f"{tally.done} of {tally.total} runs are in {out}")
    if tally.failed:
        raise ExperimentError(f"{tally.failed} of {tally.ran} runs failed; the same command repeats them")


async def _run(experiment: Experiment) -> Tally:
    """A signal ends it in order: what is injected is undone first, and the load stopped."""
    task = asyncio.current_task()
    caught: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        caught.append(number)
        if len(caught) == 1 and task is not None:
            task.cancel()

    on_end(stop)
    try:
        return await experiment.run()
    except asyncio.CancelledError:
        if signal.SIGHUP in caught:
            raise typer.Exit(129) from None
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(130) from None


@contextmanager
def _progress(*, as_json: bool) -> Iterator[Show]:
    """A bar on a terminal, and a line for each run that has ended."""
    if as_json or not sys.stderr.isatty():
        yield _document if as_json else _line
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (BarColumn(20), TextColumn("{task.percentage:>3.0f} %  {task.description}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=1.0)

        def show(step: Progress) -> None:
            bars.update(task, completed=step.fraction, description=escape(_words(step)))
            if step.ended is not None:
                bars.console.print(_end_words(step), markup=False, highlight=False)

        yield show


def _words(step: Progress) -> str:
    return f"{step.number}/{step.total} {step.cell.id}: {step.phase}, {duration(step.left)} left"


def _end_words(step: Progress) -> str:
    assert step.ended is not None
    head = f"{step.number}/{step.total} {step.cell.id} {step.ended.outcome}"
    return f"{head}: {plain(step.ended.message)}" if step.ended.message else head


def _line(step: Progress) -> None:
    if step.ended is not None:
        typer.echo(f"{_end_words(step)}, {duration(step.left)} left", err=True)


def _document(step: Progress) -> None:
    """The record of a run that has ended, in one line."""
    if step.ended is not None:
        typer.echo(json.dumps(json.loads(step.ended.to_json())))

"""Watching a run from the command line: progress while it prepares, a line a second while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import typer

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.text import figure, plain

if TYPE_CHECKING:
    from distdiag_tui.workloads.journal import RunRecord
    from distdiag_tui.workloads.report import IntervalReport
    from distdiag_tui.workloads.runner import LoadProcess

Show = Callable[[float, str], None]


class Output(NamedTuple):
    """For programs or for people; `histogram` keeps what serves to add reports up."""

    json: bool = False
    histogram: bool = False

    def line(self, report: IntervalReport) -> str:
        """One report."""
        if not self.json:
            return describe(report)
        return (report if self.histogram else report.without_histogram()).to_json()


async def follow(process: LoadProcess, output: Output) -> None:
    """See a run to its end, or to Ctrl-C, which stops it. WorkloadError if it fails."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    stopper = asyncio.create_task(_stop(process, stopping))
    bars = asyncio.create_task(show_progress(process, quiet=output.json))
    try:
        async for report in process.reports():
            typer.echo(output.line(report))
        await process.ended()
        await bars
    finally:
        process.kill()
        stopper.cancel()
        bars.cancel()
    _tell_checks(process, as_json=output.json)
    conclude(process.record)


def conclude(record: RunRecord) -> None:
    """WorkloadError for a run that failed."""
    if record.phase == "failed":
        raise WorkloadError(record.message)


async def show_progress(process: LoadProcess, *, quiet: bool) -> None:
    """Bars until the run runs or has ended; of one that says what it waits for, until its first report."""
    if quiet:
        return
    with progress() as show:
        while (record := process.record).active and (
            record.phase != "running" or (record.words and record.report is None)
        ):
            show(process.record.fraction, f"{process.record.phase} {process.record.words}".strip())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.news(), 0.5)


@contextmanager
def progress() -> Iterator[Show]:
    """A bar on a terminal, else a line each quarter; both on stderr."""
    if not sys.stderr.isatty():
        yield _quarters()
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    words = TextColumn("{task.description}")
    with Progress(*columns, words, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=1.0)

        def show(fraction: float, text: str) -> None:
            bars.update(task, completed=fraction, description=escape(plain(text)))

        yield show


def _quarters() -> Show:
    last = 0

    def show(fraction: float, text: str) -> None:
        nonlocal last
        if int(fraction * 4) > last:
            last = int(fraction * 4)
            typer.echo(f"{fraction:4.0%} {plain(text)}", err=True)

    return show


async def _stop(process: LoadProcess, stopping: asyncio.Event) -> None:
    await stopping.wait()
    await process.stop()


def _tell_checks(process: LoadProcess, *, as_json: bool) -> None:
    for check in process.checks:
        if as_json:
            typer.echo(json.dumps({"check": check.name, "passed": check.passed, "detail": check.detail}))
        else:
            typer.echo(f"{'✓' if check.passed else '✗'} {plain(check.name)}  {plain(check.detail)}")


def describe(report: IntervalReport) -> str:
    """One line for a person.

    >>> from distdiag_tui.workloads.report import IntervalReport
    >>> describe(IntervalReport(0, 3, 8, 412.31, 7421, 0.0194, 0.0181, 0.0302, None, {1213: 2}))
    '    3 s    8 thr     412.3 tx/s     7421 q/s   p50 18.1 ms  p95 30.2 ms  errors 1213×2'
    """
    parts = [
        f"{report.elapsed:5.0f} s" if not report.total else f"total {report.elapsed:.0f} s",
        f"{report.threads:3d} thr  {report.tps:8.1f} tx/s  {report.qps:7.0f} q/s ",
        *(f"{name} {value * 1e3:.1f} ms" for name, value in _latencies(report)),
        *(f"{name} {' '.join(figure(value, ''))}".rstrip() for name, value in report.figures.items()),
    ]
    if report.errors:
        parts.append("errors " + " ".join(f"{key}×{count}" for key, count in report.errors.items()))
    if report.reconnects:
        parts.append(f"reconnects {report.reconnects}")
    lines = ["  ".join(parts)]
    if report.total:
        lines += (_part_line(name, report) for name in report.parts)
    return "\n".join(lines)


def _part_line(name: str, report: IntervalReport) -> str:
    part = report.parts[name]
    figures = (("mean", part.mean), ("p95", part.p95), ("max", part.highest))
    times = "  ".join(f"{word} {' '.join(figure(value, 's')):>9}" for word, value in figures)
    return f"  {name:14} {part.count:8,}  {times}"


def _latencies(report: IntervalReport) -> Iterator[tuple[str, float]]:
    for name, value in (("p50", report.p50), ("p95", report.p95), ("p99", report.p99)):
        if value is not None:
            yield name, value

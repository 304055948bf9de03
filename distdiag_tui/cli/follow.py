"""Watching a run from the command line: progress while it prepares, a line a second while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from distdiag_tui.api.ending import on_end
from distdiag_tui.model.errors import ConfigError, ConnectError, DistdiagError, WorkloadError
from distdiag_tui.model.text import figure, plain

if TYPE_CHECKING:
    from distdiag_tui.workloads.journal import RunRecord
    from distdiag_tui.workloads.report import IntervalReport
    from distdiag_tui.workloads.runner import LoadProcess

_FIRST_SECONDS: Final = 2.0
_AS_IT_ENDED: Final[dict[int, type[DistdiagError]]] = {
    each.exit_code: each for each in (ConfigError, ConnectError)
}
CHECK_SCHEMA: Final = "distdiag.check/1"
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
    """See a run to its end, or to Ctrl-C, which stops it; leaves with its exit code if it went wrong."""
    async with _stoppable(process) as caught:
        bars = asyncio.create_task(show_progress(process, quiet=output.json))
        async for report in process.reports():
            typer.echo(output.line(report))
        await process.ended()
        await bars
    _tell_checks(process, as_json=output.json)
    conclude(process, caught)
    if "run" not in process.record.steps:
        typer.echo(json.dumps(process.record.to_fields()) if output.json else _result(process))


async def leave_running(process: LoadProcess, *, as_json: bool) -> None:
    """Wait until a run runs, then let it go; leaves with its exit code if it went wrong before."""
    async with _stoppable(process) as caught:
        await show_progress(process, quiet=as_json)
        await _first_figures(process)
        if process.record.active and not caught:
            await _let_go(process)
    conclude(process, caught)
    record = process.record
    if as_json:
        typer.echo(json.dumps(record.to_fields()))
    elif record.active:
        typer.echo(f"{record.id} is running; to end it: distdiag workload stop {record.id}")
    else:
        typer.echo(f"{record.id} has ended already: {record.phase}")


async def _let_go(process: LoadProcess) -> None:
    try:
        await process.let_go()
    except WorkloadError:
        if process.record.active:
            raise  # otherwise its time was over just now, which is told as any end


async def _first_figures(process: LoadProcess) -> None:
    """Or its end: what cannot work, such as a table that is gone, shows at once. Waits 2 s at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FIRST_SECONDS):
            while process.record.active and not _has_figures(process.record.report):
                await process.news()


def _has_figures(report: IntervalReport | None) -> bool:
    return report is not None and bool(report.tps or report.errors)


@asynccontextmanager
async def _stoppable(process: LoadProcess) -> AsyncIterator[list[signal.Signals]]:
    """A signal to us stops the run in order, and so does any error here; gives the signals that came."""
    caught: list[signal.Signals] = []
    stops: list[asyncio.Task[None]] = []

    def stop(number: signal.Signals) -> None:
        caught.append(number)
        if len(caught) == 1:
            stops.append(asyncio.create_task(process.stop()))

    on_end(stop)
    try:
        yield caught
        await asyncio.gather(*stops)
    except BaseException:
        await process.stop()
        raise


def conclude(process: LoadProcess, caught: list[signal.Signals]) -> None:
    """An error that says how a run went wrong: it failed, or was stopped before it came to what counts."""
    record = process.record
    if record.phase == "failed":
        raise _AS_IT_ENDED.get(process.exit_code or 0, WorkloadError)(record.message)
    if signal.SIGHUP in caught:
        raise typer.Exit(129)
    if record.phase == "stopped" and record.running_since is None:
        words = f"distdiag: {record.kind} {record.steps[0]} was cut short; it can be repeated"
        typer.echo(words, err=True)
        raise typer.Exit(130 if caught else 1)


async def show_progress(process: LoadProcess, *, quiet: bool) -> None:
    """Bars until the run runs or has ended; of one that says what it waits for, until its first report.

    `quiet`: only wait.
    """
    with contextlib.nullcontext(_nothing) if quiet else progress() as show:
        while _is_awaited(process.record):
            show(process.record.fraction, f"{process.record.phase} {process.record.words}".strip())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.news(), 0.5)


def _is_awaited(record: RunRecord) -> bool:
    return record.active and (record.phase != "running" or bool(record.words and record.report is None))


def _nothing(_: float, __: str) -> None:
    """For programs."""


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


def _result(process: LoadProcess) -> str:
    record = process.record
    return f"{record.kind}: {plain(record.words or record.phase)}"


def _tell_checks(process: LoadProcess, *, as_json: bool) -> None:
    for check in process.checks:
        if as_json:
            fields = {"check": check.name, "passed": check.passed, "detail": check.detail}
            typer.echo(json.dumps({"schema": CHECK_SCHEMA, **fields}))
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

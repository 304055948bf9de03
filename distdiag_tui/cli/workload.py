"""`distdiag workload`: put load on a cluster, so that there is something to see."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from distdiag_tui.model.target import Target
    from distdiag_tui.workloads.oltp.config import OltpConfig
    from distdiag_tui.workloads.report import IntervalReport
    from distdiag_tui.workloads.runner import LoadProcess

workload_app = typer.Typer(help="Load for a demonstration or an experiment.", no_args_is_help=True)


@workload_app.callback()
def workload() -> None:
    """Load for a demonstration or an experiment."""


@workload_app.command()
def run(
    target: Annotated[str | None, typer.Argument(help="A profile, host:port, or lab.")] = None,
    *,
    threads: Annotated[int, typer.Option("--threads", help="Clients at a time, 1 to 1024.")] = 8,
    rate: Annotated[float, typer.Option("--rate", help="Transactions a second; 0: as many as go.")] = 0.0,
    mode: Annotated[
        str, typer.Option("--mode", help="independent: a client stays on one node; coupled: visits all.")
    ] = "independent",
    time: Annotated[float, typer.Option("--time", help="Seconds; 0: until Ctrl-C.")] = 0.0,
    tables: Annotated[int, typer.Option("--tables", help="Tables on each node.")] = 4,
    rows: Annotated[int, typer.Option("--rows", help="Rows in each table.")] = 10_000,
    json: Annotated[bool, typer.Option("--json", help="JSON lines (distdiag.workload/1).")] = False,
) -> None:
    """Run short OLTP transactions in database distdiag_load, which is created if need be and kept."""
    from distdiag_tui.config import resolve_target  # noqa: PLC0415
    from distdiag_tui.model.errors import ConfigError  # noqa: PLC0415
    from distdiag_tui.workloads.oltp.config import OltpConfig  # noqa: PLC0415

    if time < 0:
        raise ConfigError(f"--time is 0 or more seconds, not {time:g}")
    config = OltpConfig(tables=tables, rows=rows, threads=threads, rate=rate, mode=mode)  # type: ignore[arg-type]
    asyncio.run(_run(resolve_target(target), config, time, json))


async def _run(target: Target, config: OltpConfig, seconds: float, as_json: bool) -> None:
    from distdiag_tui.model.errors import WorkloadError  # noqa: PLC0415
    from distdiag_tui.workloads.runner import LoadProcess  # noqa: PLC0415

    load = LoadProcess()
    try:
        await load.start(target, config)
        guide = asyncio.create_task(_guide(load, seconds, as_json))
        async for report in load.reports():
            typer.echo(report.to_json() if as_json else describe(report))
        guide.cancel()
    finally:
        load.kill()
    if load.state.phase == "failed":
        raise WorkloadError(load.state.message)


async def _guide(load: LoadProcess, seconds: float, quiet: bool) -> None:
    """Stop the load on Ctrl-C, or when its time is over, counted from the first transaction."""
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    told = asyncio.create_task(_tell_preparing(load, quiet))
    if seconds:
        told.add_done_callback(lambda _: asyncio.get_running_loop().call_later(seconds, over.set))
    await over.wait()
    await load.stop()


async def _tell_preparing(load: LoadProcess, quiet: bool) -> None:
    """Returns when the load is running, or has ended before."""
    last = -1
    while load.state.phase == "preparing":
        percent = int(load.state.fraction * 100)
        if not quiet and percent >= last + 25:
            typer.echo(f"preparing tables: {percent} %", err=True)
            last = percent
        await asyncio.sleep(0.05)


def describe(report: IntervalReport) -> str:
    """One line for a person.

    >>> from distdiag_tui.workloads.report import IntervalReport
    >>> describe(IntervalReport(0, 3, 8, 412.31, 7421, 0.0194, 0.0181, 0.0302, 0.0444, {1213: 2}))
    '    3 s    8 thr     412.3 tx/s     7421 q/s   p50 18.1 ms  p95 30.2 ms  p99 44.4 ms  errors 1213×2'
    """
    parts = [
        f"{report.elapsed:5.0f} s" if not report.total else f"total {report.elapsed:.0f} s",
        f"{report.threads:3d} thr  {report.tps:8.1f} tx/s  {report.qps:7.0f} q/s ",
        *(f"{name} {value * 1e3:.1f} ms" for name, value in _latencies(report)),
    ]
    if report.errors:
        parts.append("errors " + " ".join(f"{key}×{count}" for key, count in report.errors.items()))
    if report.reconnects:
        parts.append(f"reconnects {report.reconnects}")
    return "  ".join(parts)


def _latencies(report: IntervalReport) -> tuple[tuple[str, float], ...]:
    return ("p50", report.p50), ("p95", report.p95), ("p99", report.p99)

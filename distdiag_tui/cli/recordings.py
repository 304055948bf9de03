"""What a recorded run looks like, for people and programs."""

from __future__ import annotations

import time
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import typer

from distdiag_tui.model.text import duration, plain
from distdiag_tui.recording.reader import Recording
from distdiag_tui.recording.run import RunInfo
from distdiag_tui.sources.frame import Frame


def summary(recording: Recording) -> dict[str, Any]:
    """The fields of run.json as `run` (null of a run that was cut off), and what is in the files.

    Of each server: samples, gaps (frames without one since its first), longest gap in seconds, and how often
    it was connected to.
    """
    frames = recording.frames()
    names = dict.fromkeys(server.name for frame in frames for server in frame.servers)
    return {
        "folder": str(recording.folder),
        "run": None if recording.info is None else asdict(recording.info),
        "bytes": recording.size(),
        "frames": len(frames),
        "seconds": frames[-1].time - frames[0].time if frames else 0.0,
        "reports": len(recording.reports()),
        "servers": [_server(frames, name) for name in names],
    }


def print_summary(recording: Recording) -> None:
    """The same for a person."""
    found, info = summary(recording), recording.info
    if info is None:
        typer.echo("cut off before its end")
    else:
        _print_run(info)
    size = f"{found['bytes'] / 1e3:,.0f} kB"
    typer.echo(f"{found['frames']} frames, {found['reports']} reports of the load, {size}")
    for server in found["servers"]:
        gaps = (
            f"{server['gaps']} without one, {server['longest_gap']:.1f} s at most" if server["gaps"] else ""
        )
        connected = f"connected {server['connections']} times" if server["connections"] > 1 else ""
        words = "; ".join(filter(None, (f"{server['samples']} samples", gaps, connected)))
        typer.echo(f"  {plain(server['name'], 24):24} {words}")


def _print_run(info: RunInfo) -> None:
    load = plain(f"{info.load.kind} ({info.load.name})") if info.load.kind else "no load"
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.started))
    typer.echo(f"{plain(info.name)} on {plain(info.cluster)}, {began}, {load}: {plain(info.outcome)}")
    if info.message:
        typer.echo(f"  {plain(info.message)}")
    for phase in info.phases:
        typer.echo(f"  {plain(phase.name):8} {_span(info, phase.start, phase.end)}")
    for label in info.labels:
        what = plain(f"{label.anomaly}→{label.server} {label.severity} ({label.injector})")
        span = _span(info, label.applied, label.reverted)
        typer.echo(f"  {what}: {span}, cause {plain(label.cause)}")
    for change in info.changes:
        given = ", ".join(f"{name} {value:g}" for name, value in change.given.items())
        typer.echo(f"  load changed: {given}, {change.time - info.started:.1f} s")


def _span(info: RunInfo, start: float | None, end: float | None) -> str:
    """Seconds since the run began."""
    shown = ["–" if moment is None else f"{moment - info.started:.1f}" for moment in (start, end)]
    lasted = f" ({duration(end - start)})" if start is not None and end is not None else ""
    return f"{' to '.join(shown)} s{lasted}"


def _server(frames: list[Frame], name: str) -> dict[str, Any]:
    samples = [(frame.time, frame.samples[name]) for frame in frames if name in frame.samples]
    first = next((index for index, frame in enumerate(frames) if name in frame.samples), len(frames))
    steps = [after.at - before.at for (_, before), (_, after) in pairwise(samples)]
    return {
        "name": name,
        "samples": len(samples),
        "gaps": len(frames) - first - len(samples),
        "longest_gap": max(steps, default=0.0),
        "connections": len({sample.epoch for _, sample in samples}),
    }

"""What each fault of the catalogue moves: metrics beyond 8 robust standard deviations, while a load runs.

distdiag lab up && python tests/bench/bench_anomalies.py --severity medium --calm 30 --seconds 25

The built-in OLTP load runs on all nodes. Before each fault there is a calm time, of which a metric's median
and MAD are taken; then the fault is made on one node, directly, without a supervisor. `own` is that node.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.anomalies.catalogue import CATALOGUE
from distdiag_tui.anomalies.entry import Anomaly, Means
from distdiag_tui.anomalies.protocol import SEVERITIES, Fault, Severity, Site
from distdiag_tui.engine import Engine
from distdiag_tui.lab.state import lab_home, lab_target
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.metrics import METRIC_IDS, METRIC_INDEX
from distdiag_tui.model.target import Target
from distdiag_tui.model.topology import Subject
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.workloads.journal import RunRecord
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value, checked
from distdiag_tui.workloads.runner import LoadProcess, Order

BEYOND = 8.0
FLOOR = 0.01  # of the larger value: a metric that never moved in calm has no deviation of its own
LASTING = 300.0  # seconds in which a fault has to be gone

Window = NDArray[np.float64]


@dataclass
class Recorder:
    """Every server's metrics, tick by tick."""

    ticks: dict[str, list[tuple[float, Window]]] = field(default_factory=dict)

    async def record(self, target: Target) -> None:
        async for snapshot in Engine(LiveSource(target), target.cluster).snapshots():
            for server in snapshot.servers:
                values = snapshot.values.get(Subject(server.zone, server.name))
                if values is not None:
                    self.ticks.setdefault(server.name, []).append((time.monotonic(), values.astype(float)))

    def window(self, server: str, begin: float, end: float) -> Window:
        """Ticks by metrics."""
        found = [values for at, values in self.ticks.get(server, []) if begin <= at < end]
        return np.array(found).reshape(len(found), len(METRIC_IDS))


@dataclass(frozen=True)
class Run:
    """One fault: when it was calm, when it was there (seconds), and how long apply and revert took."""

    anomaly: Anomaly
    injector: str
    severity: Severity
    calm: tuple[float, float]
    there: tuple[float, float]
    apply_seconds: float
    revert_seconds: float
    words: str = ""


def scores(calm: Window, fault: Window) -> Window:
    """By metric, the signed distance of the medians in robust standard deviations; NaN: it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: the metric is not there
        middle, there = np.nanmedian(calm, axis=0), np.nanmedian(fault, axis=0)
        spread = 1.4826 * np.nanmedian(np.abs(calm - middle), axis=0)
        floor = FLOOR * np.fmax(np.abs(middle), np.abs(there))
        distance: Window = (there - middle) / np.fmax(np.fmax(spread, floor), 1e-12)
        return distance


def main() -> None:
    """Measure and print a Markdown table; needs a running lab."""
    arguments = _arguments()
    runs, recorder = asyncio.run(_measure(arguments))
    own = lab_target().endpoints[arguments.node].name
    print("| anomaly | injector | severity | apply, s | revert, s | own | others | moved most | not seen |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for run in runs:
        print(_row(run, recorder, own, arguments.top))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--severity", choices=SEVERITIES, action="append", default=None)
    parser.add_argument("--anomaly", action="append", default=None)
    parser.add_argument("--injector", action="append", default=None)
    parser.add_argument("--calm", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--rest", type=float, default=5.0)
    parser.add_argument("--node", type=int, default=0)
    parser.add_argument("--mode", default="independent")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--top", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0.0)
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace) -> Iterator[tuple[Anomaly, Means]]:
    for anomaly in CATALOGUE:
        for means in anomaly.means:
            if arguments.anomaly and anomaly.id not in arguments.anomaly:
                continue
            if arguments.injector and means.injector not in arguments.injector:
                continue
            if means.needs != "kubernetes" and not means.missing():
                yield anomaly, means


async def _measure(arguments: argparse.Namespace) -> tuple[list[Run], Recorder]:
    target, recorder, runs = lab_target(), Recorder(), []
    async with _load(target, arguments):
        recording = asyncio.create_task(recorder.record(target))
        try:
            for anomaly, means in _chosen(arguments):
                for severity in arguments.severity or ["medium"]:
                    runs.append(await _inject(target, anomaly, means, severity, arguments))
                    own = target.endpoints[arguments.node].name
                    print(_row(runs[-1], recorder, own, arguments.top), file=sys.stderr, flush=True)
                    await asyncio.sleep(arguments.rest)
        finally:
            recording.cancel()
            with suppress(asyncio.CancelledError):
                await recording
    return runs, recorder


@asynccontextmanager
async def _load(target: Target, arguments: argparse.Namespace) -> AsyncIterator[None]:
    """The OLTP load on all nodes, as the console runs it."""
    given: dict[str, Value] = {
        "mode": arguments.mode, "threads": arguments.threads, "rate": arguments.rate
    }  # fmt: skip
    values = checked(find_kind("oltp").options, given)
    servers = tuple(endpoint.address for endpoint in target.endpoints)
    record = RunRecord("oltp-bench", "oltp", target.cluster, servers, ("prepare", "run"), values, time.time())
    load = LoadProcess(Order(target, record))
    await load.start()
    reading = asyncio.create_task(_read(load))
    try:
        yield
    finally:
        await load.stop()
        await load.ended()
        reading.cancel()


async def _read(load: LoadProcess) -> None:
    async for _ in load.reports():
        pass


async def _inject(
    target: Target, anomaly: Anomaly, means: Means, severity: Severity, arguments: argparse.Namespace
) -> Run:
    site = Site(
        f"{anomaly.id}-{int(time.time()) & 0xFFFF:04x}",
        target.cluster,
        target.endpoints[arguments.node],
        target.user,
        target.password,
        means.levels[severity],
        arguments.seconds,
        lab_home(),
    )
    notes: dict[str, str] = {}
    fault = means.create(site)
    calm = time.monotonic()
    await asyncio.sleep(arguments.calm)
    begun, words = time.monotonic(), ""
    applied = begun
    try:
        await fault.apply(notes.__setitem__)
        applied = time.monotonic()
        words = await _held(fault, arguments.seconds)
    except DistdiagError as error:
        words = str(error)
    ended = time.monotonic()
    await _reverted(fault, notes)
    return Run(
        anomaly, means.injector, severity, (calm, begun), (applied + 1, ended),
        applied - begun, time.monotonic() - ended, words,
    )  # fmt: skip


async def _held(fault: Fault, seconds: float) -> str:
    holding = asyncio.ensure_future(fault.hold())
    await asyncio.wait({holding}, timeout=seconds)
    if holding.done():
        return holding.result()
    holding.cancel()
    await asyncio.wait({holding})
    return ""


async def _reverted(fault: Fault, notes: dict[str, str]) -> None:
    end = time.monotonic() + LASTING
    while True:
        try:
            await fault.revert(notes)
            left = await fault.remains(notes)
        except DistdiagError as error:
            left = str(error)
        if not left:
            return
        if time.monotonic() > end:
            raise SystemExit(f"it does not end: {left}")
        await asyncio.sleep(0.3)


def _row(run: Run, recorder: Recorder, own: str, most: int) -> str:
    by_server = {
        server: scores(recorder.window(server, *run.calm), recorder.window(server, *run.there))
        for server in recorder.ticks
    }
    moved = {server: int(np.sum(np.abs(each) > BEYOND)) for server, each in by_server.items()}
    mine = np.nan_to_num(by_server[own])
    top = [index for index in np.argsort(-np.abs(mine))[:most] if abs(mine[index]) > BEYOND]
    words = ", ".join(
        f"{METRIC_IDS[index]} {'↑' if mine[index] > 0 else '↓'}{abs(mine[index]):.0f}" for index in top
    )
    missed = [
        f"{symptom.metric} ({mine[METRIC_INDEX[symptom.metric]]:+.1f})"
        for symptom in run.anomaly.symptoms
        if symptom.way * mine[METRIC_INDEX[symptom.metric]] <= BEYOND
    ]
    others = " ".join(str(count) for server, count in moved.items() if server != own)
    cells = [
        run.anomaly.id, run.injector, run.severity, f"{run.apply_seconds:.1f}", f"{run.revert_seconds:.1f}",
        str(moved[own]), others, words, ", ".join(missed) + (f" ({run.words})" if run.words else ""),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

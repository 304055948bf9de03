"""`distdiag watch`: the engine without a screen."""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import aclosing

from distdiag_tui.engine.live import live_engine
from distdiag_tui.hosts.opening import open_source
from distdiag_tui.model.errors import ConnectError
from distdiag_tui.model.metrics import metric
from distdiag_tui.model.snapshot import Snapshot, unanswered, watch_document
from distdiag_tui.model.target import Target
from distdiag_tui.model.text import figure, plain
from distdiag_tui.model.topology import Server, Status, Subject

SHOWN = ("qps", "sql_rt", "tps", "cpu_percent")
HEADER_EVERY = 20  # ticks
PATIENCE = 5.0  # s that --once waits for servers that are still connecting


def run_watch(target: Target, interval: float, *, as_json: bool, once: bool) -> int:
    """Print every tick, or the first one that has figures; the exit code is 1 if a server is not well then.

    ConnectError if `once` finds no server up.
    """
    return asyncio.run(_watch(target, interval, as_json=as_json, once=once))


async def _watch(target: Target, interval: float, *, as_json: bool, once: bool) -> int:
    engine = live_engine(open_source(target, interval), target)
    if as_json and not once:  # one tick alone finds nothing
        from distdiag_tui.learning.use import diagnoser_in_use  # noqa: PLC0415

        engine.diagnoser, _ = diagnoser_in_use()
    started = time.monotonic()
    ticks = printed = 0
    async with aclosing(engine.snapshots()) as snapshots:
        async for snapshot in snapshots:
            ticks += 1
            if ticks == 1:  # rates need two samples
                continue
            if once and _awaited(snapshot) and time.monotonic() - started < PATIENCE:
                continue
            if not as_json and printed % HEADER_EVERY == 0:
                print(_header())
            printed += 1
            print(_document(snapshot) if as_json else _lines(snapshot), flush=True)
            if once:
                return _verdict(snapshot)
    return 0


def _awaited(snapshot: Snapshot) -> bool:
    """Whether some server may still give its first figures."""
    return any(
        server.status is Status.CONNECTING or (server.status.answers and not _has_figures(snapshot, server))
        for server in snapshot.servers
    )


def _has_figures(snapshot: Snapshot, server: Server) -> bool:
    qps = snapshot.value(Subject(server.zone, server.name), "qps")
    return server.status is Status.VIEW_MISSING or not math.isnan(qps)


def _verdict(snapshot: Snapshot) -> int:
    if not any(server.status.answers for server in snapshot.servers):
        raise ConnectError(unanswered(snapshot))
    return 0 if all(server.status in (Status.UP, Status.SLOW) for server in snapshot.servers) else 1


def _document(snapshot: Snapshot) -> str:
    """One line, in ASCII: a name from a server stays exact, and cannot act on a terminal."""
    return json.dumps(watch_document(snapshot))


def _header() -> str:
    titles = "".join(f" {metric(name).title:>10}" for name in SHOWN)
    return f"{'time':8} {'server':10} {'status':12}{titles}"


def _lines(snapshot: Snapshot) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(snapshot.time))
    return "\n".join(f"{clock} {_line(snapshot, server)}" for server in snapshot.servers)


def _line(snapshot: Snapshot, server: Server) -> str:
    head = f"{plain(server.name, 10):10} {server.status.value:12}"
    if not server.status.answers:
        return f"{head} {plain(server.detail)}"
    return head + "".join(_cell(snapshot, server, name) for name in SHOWN)


def _cell(snapshot: Snapshot, server: Server, name: str) -> str:
    number, unit = figure(snapshot.value(Subject(server.zone, server.name), name), metric(name).unit)
    return f" {number:>5} {unit:<4}"

"""What a tick of a large cluster costs the core, and what an hour of it takes in memory: prints Markdown.

python tests/bench/bench_scale.py [--servers 10 100 1000] [--ticks 3600] [--no-diagnosis]

An hour of made-up frames goes through the engine as fast as it can, each size in a process of its own on one
core. Times are CPU time of the process: medians and 99th percentiles over all ticks after the first minute,
without what making the frames costs. "read" is what a screen asks for in a tick: one metric of 300 subjects
over the last 160 ticks, and all metrics of one subject; "hour" is the whole hour of one subject. "moving" is
the share of series that change within 32 ticks; in the lab's recorded runs under load it is 60 %.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy comes

import numpy as np
from synthetic import Cluster

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.engine import Engine
from distdiag_tui.engine.rates import Rates
from distdiag_tui.engine.rollup import RollUp
from distdiag_tui.model.metrics import CATALOGUE
from distdiag_tui.recording.replay import Replay
from distdiag_tui.store import Store

WARM = 60  # ticks
PARTS: dict[str, tuple[type, str]] = {
    "rates": (Rates, "take"),
    "roll-ups, metrics": (RollUp, "table"),
    "store": (Store, "append"),
    "diagnosis": (Diagnoser, "feed"),
}
READ, SUBJECTS = 160, 300


def main() -> None:
    """A row for each size, without diagnosis and with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--servers", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--ticks", type=int, default=3600)
    parser.add_argument("--no-diagnosis", action="store_true")
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)  # servers, whether to diagnose
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one[0], arguments.ticks, diagnose=bool(arguments.one[1]))))
        return
    print(f"{arguments.ticks} ticks, 3 tenants, {len(CATALOGUE)} metrics; ms: median (p99)\n")
    columns = [*PARTS, "total", "read", "hour", "RSS, MB", "peak, MB", "moving"]
    print(f"| servers | subjects | {' | '.join(columns)} |\n|---|---{'|---' * len(columns)}|")
    for diagnose in (False,) if arguments.no_diagnosis else (False, True):
        for servers in arguments.servers:
            found = _alone(servers, arguments.ticks, diagnose)
            print(
                f"| {servers} | {found['subjects']} | {' | '.join(found[c] for c in columns)} |", flush=True
            )


def _alone(servers: int, ticks: int, diagnose: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--ticks", str(ticks), "--one", str(servers), str(int(diagnose))]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def measure(servers: int, ticks: int, *, diagnose: bool) -> dict[str, Any]:
    """Cells of one row."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    times: dict[str, list[float]] = {name: [] for name in (*PARTS, "total", "read")}
    for name, (owner, method) in PARTS.items():
        setattr(owner, method, _timed(getattr(owner, method), times[name]))
    engine, cluster = Engine(Replay([]), "bench"), Cluster(servers)
    if diagnose:
        engine.diagnoser = Diagnoser()
    take, look = _timed(engine.take, times["total"]), _timed(_look, times["read"])
    for frame in cluster.frames(ticks):
        snapshot = take(frame)
        look(snapshot)
    subject = list(snapshot.values)[len(snapshot.values) // 2]
    begun = time.process_time()
    engine.store.window(subject, ticks)
    hour = time.process_time() - begun
    sample = list(snapshot.values)[:: max(1, len(snapshot.values) // 50)]
    memory = Path("/proc/self/status").read_text(encoding="ascii")
    cells: dict[str, Any] = {name: _cell(values) for name, values in times.items()}
    return {
        **cells,
        "hour": f"{1e3 * hour:.1f}",
        "subjects": len(snapshot.values),
        "RSS, MB": _megabytes(memory, "VmRSS"),
        "peak, MB": _megabytes(memory, "VmHWM"),
        "moving": f"{100 * _moving(engine.store, sample):.0f} %",
    }


def _timed(function: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    def run(*given: Any) -> Any:  # noqa: ANN401
        begun = time.process_time()
        try:
            return function(*given)
        finally:
            times.append(time.process_time() - begun)

    return run


def _look(snapshot: Any) -> None:  # noqa: ANN401
    subjects = list(snapshot.values.index)[:SUBJECTS]
    snapshot.history.traces(subjects, 0, READ)
    snapshot.history.window(subjects[-1], READ)


def _moving(store: Store, subjects: list[Any]) -> float:
    """The share of series that change within the last 32 ticks."""
    found = np.stack([store.window(subject, 32) for subject in subjects])
    return float(((found != found[..., :1]).any(axis=-1) & ~np.isnan(found).all(axis=-1)).mean())


def _cell(values: list[float]) -> str:
    if len(values) <= WARM:
        return "–"
    middle, tail = 1e3 * np.percentile(values[WARM:], [50, 99])
    return f"{middle:.1f} ({tail:.1f})"


def _megabytes(status: str, key: str) -> str:
    found = re.search(rf"{key}:\s+(\d+) kB", status)
    return f"{int(found[1]) / 1e3:.0f}" if found else "–"


if __name__ == "__main__":
    main()

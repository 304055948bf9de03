"""TPC-H on one lab node: how long the data takes to load, and each query in the power test.

distdiag lab up && python tests/bench/bench_tpch.py --scale 0.1

Whatever else the machine does counts, too: so the server's and the loader's CPU time stand beside.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace

import psutil

from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.state import lab_home, lab_target
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.journal import RunRecord
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import checked
from distdiag_tui.workloads.protocol import Step
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess, Order
from distdiag_tui.workloads.tpch.schema import ROWS_PER_SCALE


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    lab = lab_target()
    target = replace(lab, endpoints=lab.endpoints[:1])
    server = psutil.Process(Lab(lab_home()).status()[0].pid)
    options = {"scale": arguments.scale, "indexes": arguments.indexes}
    asyncio.run(_step(target, "cleanup", options))
    try:
        _print_load(arguments.scale, *asyncio.run(_measured(target, "prepare", options, server)))
        _print_power(asyncio.run(_step(target, "run", {**options, "rounds": arguments.rounds})).record.report)
    finally:
        asyncio.run(_step(target, "cleanup", options))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--indexes", action="store_true")
    return parser.parse_args()


async def _step(target: Target, step: Step, options: Mapping[str, object]) -> LoadProcess:
    servers = tuple(endpoint.address for endpoint in target.endpoints)
    values = checked(find_kind("tpch").options, options)
    run = LoadProcess(
        Order(target, RunRecord("bench", "tpch", target.cluster, servers, (step,), values, time.time()))
    )
    await run.start()
    await run.ended()
    assert run.record.phase == "done", run.record.message
    return run


async def _measured(
    target: Target, step: Step, options: Mapping[str, object], server: psutil.Process
) -> tuple[float, float, float]:
    """Seconds by the clock, and of CPU: the server's, and the loader's with its start."""
    begin, before, children = time.monotonic(), _cpu(server), os.times()
    await _step(target, step, options)
    ended = os.times()
    loader = ended.children_user + ended.children_system - children.children_user - children.children_system
    return time.monotonic() - begin, _cpu(server) - before, loader


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _print_load(scale: float, seconds: float, server: float, loader: float) -> None:
    rows = scale * ROWS_PER_SCALE
    print("| load | seconds | rows/s | server CPU, s | loader CPU, s | 1 min load average |")
    print("| --- | --- | --- | --- | --- | --- |")
    figures = (
        f"{seconds:.1f} | {rows / seconds:,.0f} | {server:.1f} | {loader:.1f} | {os.getloadavg()[0]:.1f}"
    )
    print(f"| scale {scale:g} | {figures} |")


def _print_power(report: IntervalReport | None) -> None:
    assert report is not None
    print("\n| query | mean, ms | highest, ms |\n| --- | --- | --- |")
    for name, part in report.parts.items():
        print(f"| {name} | {part.mean * 1e3:.0f} | {part.highest * 1e3:.0f} |")
    print(f"| geometric mean | {report.figures['geometric mean s'] * 1e3:.0f} | |")


if __name__ == "__main__":
    main()

"""The built-in OLTP load against sysbench: point selects of 8 clients on one lab node, in pairs.

distdiag lab up && python tests/bench/bench_oltp.py --pairs 10 --seconds 10

Both are run as the console runs them, on tables of the same size. Within a pair they follow each other, in
changing order, so that a drift of the machine falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from dataclasses import replace

from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.journal import RunRecord
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value, checked
from distdiag_tui.workloads.protocol import Step
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess, Order

SETTLE = 2  # reports that do not count: connections, prepared statements
OPTIONS: dict[str, dict[str, Value]] = {
    "oltp": {"mix": "point_select", "rows": 10_000},
    "sysbench": {"script": "oltp_point_select", "table_size": 10_000},
}


def main() -> None:
    """Measure and print a Markdown table; needs sysbench and a running lab."""
    arguments = _arguments()
    target = lab_target()
    target = replace(target, endpoints=target.endpoints[:1])
    pairs = asyncio.run(_measure(target, arguments))
    print("| pair | sysbench, tps | mean, ms | built-in, tps | mean, ms | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number, (sysbench, own) in enumerate(pairs, 1):
        print(f"| {number} | {_cells(sysbench)} | {_cells(own)} | {_tps(own) / _tps(sysbench):.3f} |")
    ratios = [_tps(own) / _tps(sysbench) for sysbench, own in pairs]
    print(f"| median | | | | | {statistics.median(ratios):.3f} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=8)
    return parser.parse_args()


Reports = list[IntervalReport]


async def _measure(target: Target, arguments: argparse.Namespace) -> list[tuple[Reports, Reports]]:
    pairs = []
    for kind in OPTIONS:
        await _run(target, kind, arguments, ("prepare",))
    for index in range(arguments.pairs):
        found = {}
        for kind in sorted(OPTIONS, reverse=index % 2 == 0):
            found[kind] = await _run(target, kind, arguments, ("run",))
        pairs.append((found["sysbench"], found["oltp"]))
        print(f"pair {index + 1} of {arguments.pairs}", file=sys.stderr)
    for kind in OPTIONS:
        await _run(target, kind, arguments, ("cleanup",))
    return pairs


async def _run(target: Target, kind: str, arguments: argparse.Namespace, steps: tuple[Step, ...]) -> Reports:
    """Its reports of the seconds that count."""
    given = {**OPTIONS[kind], "tables": 4, "threads": arguments.threads}
    values = checked(find_kind(kind).options, given)
    servers = tuple(endpoint.address for endpoint in target.endpoints)
    record = RunRecord(f"{kind}-bench", kind, target.cluster, servers, steps, values, time.time())
    load = LoadProcess(Order(target, record))
    await load.start()
    seen = []
    async for report in load.reports():
        seen.append(report)
        if len(seen) == SETTLE + arguments.seconds:
            await load.stop()
    await load.ended()
    if load.record.phase == "failed":
        raise SystemExit(f"{kind}: {load.record.message}")
    return seen[SETTLE : SETTLE + arguments.seconds]


def _tps(reports: Reports) -> float:
    return statistics.mean(report.tps for report in reports)


def _cells(reports: Reports) -> str:
    mean = statistics.mean(report.mean or 0.0 for report in reports)
    return f"{_tps(reports):.0f} | {mean * 1e3:.2f}"


if __name__ == "__main__":
    main()

"""How fast TPC-C loads and runs: one warehouse at full scale on one lab node, then a run, then the check.

distdiag lab up && python tests/bench/bench_tpcc.py --threads 1 8 --seconds 20
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass

from distdiag_tui.lab.state import lab_target
from distdiag_tui.workloads.database import Database
from distdiag_tui.workloads.options import Values, checked
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.kind import TPCC
from distdiag_tui.workloads.tpcc.load import TpccLoad
from distdiag_tui.workloads.tpcc.loader import Loader
from distdiag_tui.workloads.tpcc.scale import SPEC


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load: rows inserted, seconds by the clock, seconds of this process on a core."""

    rows: int
    seconds: float
    cpu: float


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    target = lab_target()
    node = Node(target.endpoints[arguments.node], target.user, target.password)
    asyncio.run(_measure(node, arguments))


async def _measure(node: Node, arguments: argparse.Namespace) -> None:
    database = Database(TPCC.database, [node])
    await database.drop()
    loaded = await _load(database, node, arguments.warehouses)
    print("| warehouses | rows | seconds | rows/s | loader's CPU, s |")
    print("| --- | --- | --- | --- | --- |")
    seconds = f"{loaded.seconds:.1f} | {loaded.rows / loaded.seconds:,.0f}"
    print(f"| {arguments.warehouses} | {loaded.rows:,} | {seconds} | {loaded.cpu:.1f} |")
    print("\n| threads | tpmC | tx/s | New-Order p95, ms | p95, ms | retries | errors |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for threads in arguments.threads:
        values = checked(TPCC.options, {"warehouses": arguments.warehouses, "threads": threads})
        _print_run(threads, await _run(node, values, arguments.seconds))
    load = TpccLoad([node], checked(TPCC.options, {"warehouses": arguments.warehouses}))
    failed = [check async for check in load.verify([node], lambda *_: None) if not check.passed]
    print(f"\nconsistency after it: {failed or 'all conditions hold'}")
    await database.drop()


async def _load(database: Database, node: Node, warehouses: int) -> Loaded:
    """As `workload prepare` does, but for the notes on it."""
    await database.claim()
    loader = Loader([node], warehouses, SPEC, lambda *_: None)
    begin, cpu = time.perf_counter(), time.process_time()
    await loader.run()
    return Loaded(loader.rows, time.perf_counter() - begin, time.process_time() - cpu)


async def _run(node: Node, values: Values, seconds: float) -> IntervalReport:
    """The total of a run."""
    load = TpccLoad([node], values)
    asyncio.get_running_loop().call_later(seconds, load.stop)
    reports = [report async for report in load.run()]
    return reports[-1]


def _print_run(threads: int, total: IntervalReport) -> None:
    orders = total.parts["new_order"].p95 * 1e3
    retries = total.figures.get("retries", 0)
    print(
        f"| {threads} | {total.figures['tpmC']:,.0f} | {total.tps:.0f} | {orders:.1f} | "
        f"{(total.p95 or 0) * 1e3:.1f} | {retries:.0f} | {sum(total.errors.values())} |"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--node", type=int, default=0, help="which of the lab's nodes, from 0")
    parser.add_argument("--warehouses", type=int, default=1)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--seconds", type=float, default=20, help="of each run")
    return parser.parse_args()


if __name__ == "__main__":
    main()

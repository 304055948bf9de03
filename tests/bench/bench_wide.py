"""What it costs to read the figures of many servers over one connection: CPU of this process, in ms.

python tests/bench/bench_wide.py [SERVERS ...]: on the lab that runs, whose kernel makes the rows from views
in a scratch database: each server has three tenants with this node's statistics. The median of seven ticks.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Final

from distdiag_tui.lab.state import lab_target
from distdiag_tui.sources import wide
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.session import Session

SCRATCH: Final = "distdiag_bench"
TICKS: Final = 7
TENANTS: Final = "(select 1 id union all select 1002 union all select 1004) t"
VIEWS: Final = {
    "GV$SYSSTAT": "t.id con_id, stat_id, value from {0}.servers, {1}, {0}.stats",
    "GV$SYSTEM_EVENT": "t.id con_id, wait_class_id, wait_class, total_waits, time_waited_micro"
    " from {0}.servers, {1}, {0}.waits",
    "GV$OB_PLAN_CACHE_STAT": "t.id tenant_id, access_count, hit_count, mem_hold"
    " from {0}.servers, {1}, oceanbase.GV$OB_PLAN_CACHE_STAT",
}
COLUMNS: Final = (
    "SVR_IP", "SVR_PORT", "CON_ID", "STAT_ID", "VALUE", "WAIT_CLASS_ID", "WAIT_CLASS", "TOTAL_WAITS",
    "TIME_WAITED_MICRO", "TENANT_ID", "ACCESS_COUNT", "HIT_COUNT", "MEM_HOLD",
)  # fmt: skip


async def prepare(session: Session, servers: int) -> None:
    """Views of a cluster that is not there."""
    await session.run(f"drop database if exists {SCRATCH}")
    await session.run(f"create database {SCRATCH}")
    await session.run(f"create table {SCRATCH}.servers (svr_ip varchar(46), svr_port bigint)")
    for start in range(0, servers, 500):
        listed = range(start, min(servers, start + 500))
        rows = ",".join(f"('10.0.{n // 250}.{n % 250 + 1}', 2882)" for n in listed)
        await session.run(f"insert into {SCRATCH}.servers values {rows}")
    await session.run(f"create table {SCRATCH}.stats as select stat_id, value from oceanbase.GV$SYSSTAT")
    await session.run(f"create table {SCRATCH}.waits as select * from oceanbase.GV$SYSTEM_EVENT")
    for name, select in VIEWS.items():
        text = select.format(SCRATCH, TENANTS)
        await session.run(f"create view {SCRATCH}.`{name}` as select svr_ip, svr_port, {text}")


async def tick(session: Session, plan: Sequence[wide.WideQuery]) -> float:
    """CPU of one tick (ms): receiving, decoding, and cutting it up by server."""
    before = time.process_time()
    found = wide.Wide({"sys": 1})
    for query in plan:
        found.add(query, await session.run(query.sql.replace("oceanbase.", f"{SCRATCH}.")))
    assert found.servers()
    return 1e3 * (time.process_time() - before)


async def main(sizes: Sequence[int]) -> None:
    """A line for each number of servers."""
    session = Session(lab_target(), ())
    await session.connect(lab_target().endpoints[:1])
    plan = wide.wide_plan(Capability("", "", dict.fromkeys(VIEWS, frozenset(COLUMNS))))
    try:
        for servers in sizes:
            await prepare(session, servers)
            await session.run(wide.SET_UP)
            costs = [await tick(session, plan) for _ in range(TICKS)]
            print(f"{servers:5} servers x 3 tenants: {statistics.median(costs):6.1f} ms a tick")
    finally:
        await session.run(f"drop database if exists {SCRATCH}")
        session.close()


if __name__ == "__main__":
    asyncio.run(main([int(size) for size in sys.argv[1:]] or [10, 100, 1000]))

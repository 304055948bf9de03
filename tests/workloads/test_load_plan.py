"""What needs no server: the drawing of transactions, pacing, limits, the report's form."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from random import Random

import pytest
from live_load import finished, load_of

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.workloads.oltp.config import Mix, OltpConfig
from distdiag_tui.workloads.oltp.kind import OLTP
from distdiag_tui.workloads.oltp.load import create
from distdiag_tui.workloads.oltp.statements import Planner, Step
from distdiag_tui.workloads.options import Value, checked
from distdiag_tui.workloads.pacer import BACKLOG, Pacer
from distdiag_tui.workloads.report import IntervalReport

WRITES = ("UPDATE", "DELETE")


def row_of(step: Step) -> int:
    return int(step.args[-1])


def test_writes_come_last_and_in_one_order() -> None:
    planner = Planner(OltpConfig(rows=1000, mix=Mix(3, 1, 4, 4, 4)), 3, Random(1))
    for _ in range(200):
        steps = planner.transaction()
        assert len(steps) == 3 + 1 + 4 + 4 + 2 * 4
        assert all(step.sql.startswith("SELECT") for step in steps[:4])
        order = [
            (s.node, s.sql.partition("oltp")[2][0], row_of(s)) for s in steps if s.sql.startswith(WRITES)
        ]
        assert order == sorted(order)


def test_each_node_gets_its_share_and_its_own_rows() -> None:
    nodes, rows = 3, 1000
    planner = Planner(OltpConfig(rows=rows), nodes, Random(1))
    seen: dict[int, set[int]] = {node: set() for node in range(nodes)}
    steps = 0
    for _ in range(3000):
        for step in planner.transaction():
            if "BETWEEN" in step.sql or step.sql.startswith("INSERT"):
                continue
            seen[step.node].add(row_of(step))
            steps += 1
    assert set.union(*seen.values()) == set(range(1, rows + 1))
    assert sum(map(len, seen.values())) == rows


def test_ranges_stay_within_the_table() -> None:
    planner = Planner(OltpConfig(rows=120, mix=Mix(0, 5, 0, 0, 0)), 1, Random(1))
    ranges = [step.args for _ in range(200) for step in planner.transaction()]
    assert {int(high) - int(low) for low, high in ranges} == {99}
    assert min(int(low) for low, _ in ranges) >= 1
    assert max(int(high) for _, high in ranges) <= 120


@pytest.mark.parametrize(
    "bad",
    [
        {"threads": 0},
        {"threads": 1025},
        {"rate": -1},
        {"rows": 99},
        {"tables": 0},
        {"mode": "both"},
    ],
)
def test_limits_are_named(bad: dict[str, Value]) -> None:
    with pytest.raises(ConfigError, match=f"--{min(bad)} takes"):
        create([], checked(OLTP.options, {}) | bad)


def test_a_report_survives_json() -> None:
    report = IntervalReport(
        1.0, 2.0, 3, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, {1213: 1, "timeout": 2}, 10, total=True
    )
    assert IntervalReport.from_json(report.to_json()) == report
    with pytest.raises(ValueError, match="schema"):
        IntervalReport.from_json(report.to_json().replace("workload/1", "workload/9"))


async def test_reports_are_kept_only_for_who_reads_them() -> None:
    load = load_of(Target("shop", (Endpoint("n1", 1),)))
    unread, read = (IntervalReport(seconds, seconds, 3, 4.0, 5.0) for seconds in (1.0, 2.0))
    load._hear(json.loads(unread.to_json()))
    assert load.record.report == unread
    reports = load.reports()
    load._hear(json.loads(read.to_json()))
    assert [report async for report in reports] == [read]


async def test_a_cluster_may_have_thousands_of_servers() -> None:
    servers = tuple(Endpoint(f"server-{number}.shop.example", 2881, f"n{number}") for number in range(2000))
    load = load_of(Target("shop", servers), steps=())
    await load.start()
    assert (await finished(load)).phase == "done", load.record


async def test_a_late_client_gets_the_time_it_was_due() -> None:
    pacer = Pacer(100, lambda _: None)
    first = await pacer.turn()
    await asyncio.sleep(0.1)
    assert await pacer.turn() == pytest.approx(first + 0.01)


async def test_a_new_rate_wakes_the_waiting() -> None:
    pacer = Pacer(0.001, lambda _: None)
    await pacer.turn()
    waiting = asyncio.create_task(pacer.turn())
    await asyncio.sleep(0.01)
    pacer.set_rate(1000)
    await asyncio.wait_for(waiting, 10)


async def test_an_old_backlog_is_dropped_and_counted() -> None:
    dropped: list[int] = []
    pacer = Pacer(10, dropped.append)
    pacer._due -= BACKLOG + 5
    due = await pacer.turn()
    assert sum(dropped) == pytest.approx(50, abs=2)
    assert asyncio.get_running_loop().time() - due == pytest.approx(BACKLOG, abs=0.2)


def test_the_console_side_does_not_load_the_driver() -> None:
    program = (
        "import sys, distdiag_tui.workloads.runner; print({'asyncmy', 'numpy', 'textual'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"

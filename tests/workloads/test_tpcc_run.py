"""The TPC-C load at work: its figures, the consistency after it, and what it does in trouble."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from asyncmy.errors import MySQLError, OperationalError, ProgrammingError
from conftest import LiveLab, run
from live_load import Feed, frozen, load_of, nodes_of, running, sql, until
from wholesale import drop, load_on, prepare, wrong

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess
from distdiag_tui.workloads.session import Session
from distdiag_tui.workloads.tpcc import terminal
from distdiag_tui.workloads.tpcc.deck import TIMES, Times
from distdiag_tui.workloads.tpcc.load import tpmc
from distdiag_tui.workloads.tpcc.talk import Talk
from distdiag_tui.workloads.tpcc.terminal import ATTEMPTS, Seats, is_conflict

QUICK: dict[str, Value] = {"warehouses": 1, "threads": 6, "interval": 0.2}
PARTS = {"new_order", "payment", "order_status", "delivery", "stock_level"}


@pytest.fixture(scope="module")
def shop(lab: LiveLab) -> Iterator[Target]:
    """A small warehouse on each of two nodes."""
    target = replace(lab.target, endpoints=lab.target.endpoints[:2])
    run(drop(target))
    run(prepare(nodes_of(target)))
    yield target
    run(drop(target))


@asynccontextmanager
async def trading(shop: Target, **options: Value) -> AsyncIterator[tuple[LoadProcess, Feed]]:
    """A run in its own process; whatever happened, the data is consistent after it."""
    async with running(shop, QUICK | options, ("run",), "tpcc") as (load, feed):
        yield load, feed
    assert await wrong(nodes_of(shop)) == []


async def test_figures_of_a_run(shop: Target) -> None:
    async with trading(shop) as (load, feed):
        await feed.over(8)
        await until(lambda: set().union(*(report.parts for report in feed.seen)) == PARTS, 20)
    reports = await feed.end()
    total = reports[-1]
    assert load.record.phase == "stopped"
    assert total.total
    assert total.errors == {}
    assert set(total.parts) == PARTS
    counts = {name: part.count for name, part in total.parts.items()}
    transactions = sum(counts.values())
    assert total.tps * total.elapsed == pytest.approx(transactions, rel=0.02)
    assert counts["new_order"] / transactions == pytest.approx(10 / 23, abs=0.12)
    assert counts["payment"] / transactions == pytest.approx(10 / 23, abs=0.12)
    assert total.figures["tpmC"] == pytest.approx(60 * counts["new_order"] / total.elapsed, rel=0.02)
    assert 7 < total.qps / total.tps < 12
    intervals = [report for report in reports if report.tps and not report.total]
    assert sum(report.parts["new_order"].count for report in intervals if "new_order" in report.parts) > 0
    for report in intervals:
        orders = report.parts["new_order"].count if "new_order" in report.parts else 0
        done = sum(part.count for part in report.parts.values())
        assert report.figures["tpmC"] == pytest.approx(60 * report.tps * orders / done)


def test_tpmc_of_an_empty_interval_is_zero() -> None:
    assert tpmc(IntervalReport(0, 0, 1, 0.0, 0.0)) == 0.0


async def test_rate_and_threads_change_while_it_runs(shop: Target) -> None:
    async with trading(shop, threads=1, rate=40.0) as (load, feed):
        for threads in (8, 3):
            load.set_threads(threads)
            assert {report.threads for report in await feed.over(3, skip=2)} == {threads}
        reports = await feed.over(10, skip=3)
        assert sum(report.tps for report in reports) / 10 == pytest.approx(40, rel=0.35)
        load.set_rate(10)
        assert sum(report.tps for report in await feed.over(10, skip=3)) / 10 < 25


async def test_killed_connections_come_back(shop: Target) -> None:
    async with trading(shop) as (_, feed):
        await feed.over(2)
        endpoint = shop.endpoints[0]
        for session, *_ in await sql(shop, endpoint, "SHOW PROCESSLIST"):
            with contextlib.suppress(MySQLError):  # the one that asked has ended
                await sql(shop, endpoint, f"KILL {session}")
        await until(lambda: sum(r.reconnects for r in feed.seen) >= 3, 10)
        assert sum(report.tps for report in await feed.over(3)) > 0
    total = (await feed.end())[-1]
    assert total.reconnects == 3  # half of the clients are on that node
    assert sum(total.errors.values()) >= 3


async def test_a_frozen_node_stalls_only_its_clients(lab: LiveLab, shop: Target) -> None:
    async with trading(shop, statement_timeout=0.5) as (_, feed):
        await feed.over(2)
        with frozen(lab, 1):
            assert min(report.tps for report in await feed.over(5, skip=2)) > 0
            await until(lambda: sum(r.errors.get("timeout", 0) for r in feed.seen) >= 3, 10)
        await until(lambda: sum(r.reconnects for r in feed.seen) >= 3, 15)
        assert sum(report.tps for report in await feed.over(3)) > 0


async def test_a_lost_conflict_is_repeated_and_counted(shop: Target) -> None:
    """A row is held for longer than a statement may take."""
    holder = Session(nodes_of(shop)[0], 5.0)
    await holder.connect()
    await holder.begin()
    await holder.execute("UPDATE distdiag_tpcc.warehouse SET w_name = 'held' WHERE w_id = 1", ())
    try:
        async with trading(shop, statement_timeout=0.5) as (_, feed):
            await until(lambda: sum(r.figures.get("retries", 0) for r in feed.seen) >= 3, 15)
            await holder.rollback()
            await until(lambda: "payment" in feed.seen[-1].parts, 10)
    finally:
        holder.close()
    reports = await feed.end()
    retries = sum(report.figures.get("retries", 0) for report in reports[:-1])
    assert reports[-1].figures["retries"] >= retries
    assert set(reports[-1].errors) <= {1205}


async def test_a_conflict_that_lasts_is_an_error(shop: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deadlocked(_: Talk, **__: object) -> None:
        raise OperationalError(1213, "Deadlock found")

    monkeypatch.setattr(terminal, "_PAUSE", 0.001)
    monkeypatch.setattr(terminal, "payment", deadlocked)
    load = load_on(nodes_of(shop)[:1], threads=1, interval=0.2)
    async for report in load.run():
        if report.errors:
            load.stop()
        total = report
    assert set(total.errors) == {1213}
    retries = total.errors[1213] * (ATTEMPTS - 1)
    assert retries <= total.figures["retries"] < retries + ATTEMPTS  # the last one was cut off
    assert set(total.parts) <= PARTS - {"payment"}


@pytest.mark.parametrize("code", [1205, 1213, 6002, 6235])
def test_conflicts_are_told_from_other_errors(code: int) -> None:
    assert is_conflict(OperationalError(code, "…"))
    assert not is_conflict(ProgrammingError(1064, "syntax"))
    assert not is_conflict(ConnectionResetError())


async def test_data_that_is_gone_ends_the_run_in_one_line(lab: LiveLab) -> None:
    target = replace(lab.target, endpoints=lab.target.endpoints[2:])
    await drop(target)
    await prepare(nodes_of(target))
    load = load_of(target, QUICK | {"rate": 3.0}, ("run",), "tpcc")  # DROP waits for a gap in the load
    await load.start()
    await until(lambda: load.record.report is not None, 15)
    await drop(target)
    async for _ in load.reports():
        pass
    assert load.record.phase == "failed"
    assert load.record.message.endswith("prepare the workload again")
    assert "\n" not in load.record.message


BREAKAGE = (
    ("UPDATE {w}warehouse SET w_ytd = w_ytd + 0.01 WHERE w_id = 2", "condition 1", "warehouse 2: "),
    (
        "UPDATE {w}district SET d_next_o_id = 99 WHERE d_w_id = 1 AND d_id = 3",
        "condition 2",
        "district 3: 98 ≠ 40",
    ),
    (
        "DELETE FROM {w}new_orders WHERE no_w_id = 2 AND no_d_id = 7 AND no_o_id = 35",
        "condition 3",
        "12 ≠ 11",
    ),
    (
        "DELETE FROM {w}order_line WHERE ol_d_id = 2 AND ol_o_id = 5 AND ol_number = 1",
        "condition 4",
        "warehouse 2 district 2: ",
    ),
    ("DELETE FROM {w}item WHERE i_id = 4", "item", "399 rows instead of 400"),
    ("DELETE FROM {w}stock WHERE s_i_id = 4 AND s_w_id = 1", "stock", "799 rows instead of 800"),
    ("DELETE FROM {w}customer WHERE c_id = 4 AND c_d_id = 1 AND c_w_id = 1", "customer", "799 rows"),
    ("DELETE FROM {w}district WHERE d_w_id = 1 AND d_id = 9", "district", "19 rows instead of 20"),
)


async def test_verify_finds_each_wrong_row(lab: LiveLab) -> None:
    target = replace(lab.target, endpoints=lab.target.endpoints[2:])
    await drop(target)
    await prepare(nodes_of(target), 2)
    try:
        assert await wrong(nodes_of(target), 2) == []
        for number, (change, name, detail) in enumerate(BREAKAGE, 1):
            await sql(target, target.endpoints[0], change.format(w="distdiag_tpcc."))
            found = await wrong(nodes_of(target), 2)
            assert len(found) >= number
            assert any(f") {name}" in line and detail in line for line in found), found
    finally:
        await drop(target)


async def test_keying_binds_each_client_to_a_terminal(shop: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PARTS:
        monkeypatch.setitem(TIMES, name, Times(0.02, 0.05))  # type: ignore[misc]
    load = load_on(nodes_of(shop)[:1], threads=10, keying=True, interval=0.2)
    reports = []
    async for report in load.run():
        reports.append(report)
        if len(reports) == 6:
            assert load._floor is not None
            [seats] = load._floor.seats.values()
            assert seats._taken == dict.fromkeys(range(10), 1)  # each district has its terminal
            load.stop()
    total = reports[-1]
    cycle = 0.02 + 0.05 + (total.mean or 0)
    assert total.errors == {}
    assert 0.4 * 10 / cycle < total.tps < 1.3 * 10 / cycle
    assert await wrong(nodes_of(shop)) == []


def test_terminals_are_shared_out_evenly() -> None:
    seats, taken = Seats(2), []
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(seats.sit()) for _ in range(21)]
    assert taken[:20] == [(w, d) for w in (1, 2) for d in range(1, 11)]
    assert taken[20] == (1, 1)
    with seats.sit() as seat:
        assert seat == (1, 1)


async def test_nodes_of_one_store_share_its_terminals(shop: Target) -> None:
    node, same = nodes_of(shop)[0], nodes_of(shop)[0]
    floor = await load_on([node, same, nodes_of(shop)[1]])._open_floor()
    assert floor.seats[node] is floor.seats[same]
    assert len({id(seats) for seats in floor.seats.values()}) == 2


def test_command_line(lab_env: LiveLab, shop: Target) -> None:
    """A node without the data is refused; where all have it, it runs."""
    run(prepare(nodes_of(lab_env.target)[2:]))
    done = command("start", "--time", "2", "--threads", "3", "--json")
    assert done.returncode == 0, done.stderr
    reports = [IntervalReport.from_json(line) for line in done.stdout.splitlines()]
    assert [report.total for report in reports] == [False] * (len(reports) - 1) + [True]
    assert reports[-1].figures["tpmC"] > 0
    checked = command("verify", "--json")
    assert checked.returncode == 0, checked.stderr
    lines = [json.loads(line) for line in checked.stdout.splitlines()]
    checks = [line for line in lines if "check" in line]
    assert len(checks) == 27
    assert all(check["passed"] for check in checks)
    run(drop(replace(lab_env.target, endpoints=lab_env.target.endpoints[2:])))
    refused = command("start", "--time", "1")
    assert refused.returncode == 1
    assert "prepare" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def command(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "distdiag_tui", "workload", verb, "tpcc", "lab", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

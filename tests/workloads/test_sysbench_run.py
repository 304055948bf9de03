"""sysbench runs that go well: every script, figures, steering, stopping, the command line."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from conftest import LiveLab, run
from live_load import Feed, mean_tps, running, sql, until
from sysbench_live import SIZE, SMALL, TABLES, Door, at_work, children, drop, prepare, rows

from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.sysbench.config import BULK, COUNTS_KEPT, bulk_tables


@pytest.fixture(scope="module", autouse=True)
async def _prepared(lab: LiveLab) -> AsyncIterator[None]:
    run(prepare(lab.target))
    yield
    run(drop(lab.target))


async def test_figures_of_a_run_and_no_row_lost(lab: LiveLab) -> None:
    async with at_work(lab.target) as (load, feed):
        reports = await feed.over(3)
        assert len(children(load.pid)) == len(lab.target.endpoints)
    total = (await feed.end())[-1]
    assert load.record.phase == "stopped"
    assert total.total
    assert total.errors == {}
    assert total.reconnects == 0
    for report in reports:
        assert report.threads == 6
        assert report.tps > 0
        assert report.qps == pytest.approx(report.tps * 20, rel=0.3)  # 18 statements, begin and commit
        assert report.mean is not None
        assert report.p50 is not None
        assert report.p95 is not None
        assert report.p99 is not None
        assert 0 < report.p50 <= report.p95 <= report.p99 < 20
    assert await rows(lab.target, 1, 2) == [(SIZE, SIZE)] * TABLES * len(lab.target.endpoints)


async def test_latency_agrees_with_the_throughput_of_a_closed_loop(lab: LiveLab) -> None:
    async with at_work(lab.target, script="oltp_point_select") as (_, feed):
        await feed.over(3)
    total = (await feed.end())[-1]
    assert total.mean  # Little's law: clients = rate x latency; the start counts as time, too
    assert 0.4 * 6 < total.tps * total.mean < 1.05 * 6


async def test_every_script_runs(lab: LiveLab) -> None:
    """Those that keep the number of rows all at once, then the others."""
    one = replace(lab.target, endpoints=lab.target.endpoints[:1])
    kept = await asyncio.gather(*(total_of(one, script) for script in COUNTS_KEPT))
    assert await rows(one, 1, 2) == [(SIZE, SIZE)] * TABLES
    others = [await total_of(one, script) for script in ("oltp_insert", "oltp_delete")]
    assert await rows(one, 1, 2) != [(SIZE, SIZE)] * TABLES
    for total in (*kept, *others):
        assert total.tps > 0
        assert total.errors == {}
    await prepare(lab.target)
    assert await rows(one, 1, 2) == [(SIZE, SIZE)] * TABLES


async def test_bulk_insert_begins_anew_each_time(lab: LiveLab) -> None:
    one = replace(lab.target, endpoints=lab.target.endpoints[:1])
    for _ in range(2):
        async with at_work(one, script=BULK, threads=2) as (_, feed):
            await until(
                lambda: sum(report.qps for report in feed.seen) > 2, 20
            )  # it sends many rows at a time
        assert (await feed.end())[-1].errors == {}
        assert all(count == last > 1000 for count, last in await rows(one, *bulk_tables(0, 2)))


async def total_of(target: Target, script: str) -> IntervalReport:
    options = SMALL | {"script": script, "threads": 2, "rate": 30}
    async with running(target, options, ("run",), "sysbench") as (_, feed):
        await until(lambda: any(report.tps for report in feed.seen), 20)
    return (await feed.end())[-1]


async def test_a_time_limit_brings_sysbench_own_summary(lab: LiveLab) -> None:
    async with at_work(lab.target, script="oltp_read_only", time=2.0) as (load, feed):
        await until(lambda: not load.record.active, 20)
    total = (await feed.end())[-1]
    assert load.record.phase == "done"
    assert total.total
    assert 1.9 < total.elapsed < 5
    assert total.p99 is not None


@pytest.mark.parametrize(("mode", "executes"), [("auto", True), ("disable", False)])
async def test_prepared_statements_may_be_switched_off(lab: LiveLab, mode: str, executes: bool) -> None:
    one = replace(lab.target, endpoints=lab.target.endpoints[:1])
    [(since,)] = await sql(one, one.endpoints[0], "SELECT time_to_usec(now(6))")
    async with at_work(one, script="oltp_point_select", db_ps_mode=mode, threads=1, rate=50) as (_, feed):
        assert mean_tps(await feed.over(1)) > 0
    query = (
        "SELECT DISTINCT request_type FROM oceanbase.GV$OB_SQL_AUDIT "
        f"WHERE request_time > {since} AND query_sql LIKE 'SELECT c FROM sbtest%'"
    )
    types = {row[0] for row in await sql(one, one.endpoints[0], query)}
    assert (6 in types) is executes, types  # the protocol's command to execute a prepared statement


async def test_the_rate_holds_and_changes(lab: LiveLab) -> None:
    async with at_work(lab.target, script="oltp_point_select", rate=90) as (load, feed):
        assert 60 < mean_tps(await feed.over(2, skip=2)) < 120
        load.set_rate(30)
        assert 15 < mean_tps(await feed.over(2, skip=3)) < 45
        load.set_rate(2.5)
        await until(lambda: "whole transactions" in load.refusal, 5)


async def test_threads_change_while_running(lab: LiveLab) -> None:
    idle = await sessions(lab)
    async with at_work(lab.target, script="oltp_point_select", rate=60, threads=1) as (load, feed):
        for threads in (1, 9, 2):
            load.set_threads(threads)
            await reported(feed, threads)
            assert await sessions(lab) == idle + threads
            assert len(children(load.pid)) == min(threads, len(lab.target.endpoints))
        seen = [report.elapsed for report in feed.seen]
        assert seen == sorted(seen)
    total = (await feed.end())[-1]
    assert total.errors == {}
    assert total.reconnects == 0
    counted = sum(report.tps for report in feed.seen[:-1])  # a report a second
    assert total.tps * total.elapsed == pytest.approx(counted, rel=0.25)


async def reported(feed: Feed, threads: int) -> None:
    first = len(feed.seen)
    await until(lambda: any(report.threads == threads for report in feed.seen[first:]), 15)


async def sessions(lab: LiveLab) -> int:
    """Connections on all nodes, without those that ask."""
    lists = [await sql(lab.target, endpoint, "SHOW PROCESSLIST") for endpoint in lab.target.endpoints]
    return sum(map(len, lists))


async def test_the_name_localhost_means_the_port(lab: LiveLab) -> None:
    named = tuple(replace(endpoint, host="localhost") for endpoint in lab.target.endpoints[:1])
    async with at_work(replace(lab.target, endpoints=named)) as (_, feed):
        assert mean_tps(await feed.over(1)) > 0


async def test_two_servers_of_one_store(lab: LiveLab) -> None:
    """As in a real cluster: bulk_insert through both must not collide."""
    first = lab.target.endpoints[0]
    twice = replace(lab.target, endpoints=(first, Endpoint("localhost", first.port)))
    async with at_work(twice, script=BULK, threads=2) as (_, feed):
        await until(lambda: sum(report.qps for report in feed.seen) > 4, 20)
    assert (await feed.end())[-1].errors == {}
    tables = (bulk_tables(0, 1).start, bulk_tables(1, 1).start)
    assert all(count == last > 1000 for count, last in (await rows(twice, *tables))[:2])


async def test_an_address_of_version_6(lab: LiveLab) -> None:
    async with Door(lab.target.endpoints[0], "::1") as door:  # noqa: SIM117 - the second needs the first
        async with at_work(replace(lab.target, endpoints=(door.endpoint,))) as (_, feed):
            assert mean_tps(await feed.over(1)) > 0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "distdiag_tui", "workload", *arguments]


def sizes() -> list[str]:
    return ["--tables", str(TABLES), "--table-size", str(SIZE)]


def test_command_line(lab_env: LiveLab) -> None:
    done = subprocess.run(
        command("start", "sysbench", "lab", *sizes(), "--script", "oltp_read_only", "--time", "2", "--json"),
        capture_output=True, text=True, timeout=40, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    reports = [IntervalReport.from_json(line) for line in done.stdout.splitlines()]
    assert [report.total for report in reports] == [False] * (len(reports) - 1) + [True]


def test_ctrl_c_ends_the_command_with_a_summary(lab_env: LiveLab) -> None:
    process = subprocess.Popen(
        command("start", "sysbench", "lab", *sizes()), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "tx/s" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert time.monotonic() - start < 4
    assert rest.splitlines()[-1].startswith("total")

"""sysbench runs that go well: every script, figures, steering, stopping, the command line."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial

import pytest
from conftest import LiveLab, run
from live_load import Feed, mean_tps, sql, until
from sysbench_live import (
    SIZE,
    TABLES,
    Door,
    all_gone,
    at_work,
    busy,
    children,
    directly,
    drop,
    needs_sysbench,
    prepare,
    rows,
)

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.sysbench.config import BULK, COUNTS_KEPT, bulk_tables

pytestmark = needs_sysbench


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    yield
    await all_gone()


@pytest.fixture(scope="module", autouse=True)
def _prepared(lab: LiveLab) -> Iterator[None]:
    run(prepare(lab.target))
    yield
    run(drop(lab.target))


def one(lab: LiveLab, index: int = 0) -> Target:
    return replace(lab.target, endpoints=(lab.target.endpoints[index],))


async def test_figures_of_a_run_and_no_row_lost(lab: LiveLab) -> None:
    async with at_work(lab.target) as (load, feed):
        await until(partial(has, feed, 6), 20)
        reports = await feed.over(1, skip=0)
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
        assert report.p50 is not None
        assert report.p95 is not None
        assert report.p99 is not None
        assert 0 < report.p50 <= report.p95 <= report.p99 < 20
    assert total.mean  # Little's law: clients = rate x latency; the start counts as time, too
    assert 0.4 * 6 < total.tps * total.mean < 1.05 * 6
    assert await rows(lab.target, 1, 2) == [(SIZE, SIZE)] * TABLES * len(lab.target.endpoints)


async def test_every_script_runs(lab: LiveLab) -> None:
    """Those that keep the number of rows all at once, then the others."""
    await asyncio.gather(*(works(one(lab), script) for script in COUNTS_KEPT))
    assert await rows(one(lab), 1, 2) == [(SIZE, SIZE)] * TABLES
    await works(one(lab), "oltp_delete")
    left = await rows(one(lab), 1, 2)
    assert all(count < SIZE for count, _ in left)
    await works(one(lab), "oltp_insert")
    assert all(now > before for (now, _), (before, _) in zip(await rows(one(lab), 1, 2), left, strict=True))
    await prepare(lab.target)
    assert await rows(one(lab), 1, 2) == [(SIZE, SIZE)] * TABLES


async def works(target: Target, script: str) -> None:
    async with directly(target, script=script, threads=2, rate=30) as direct:
        assert (await direct.until(busy)).errors == {}


async def test_bulk_insert_begins_anew_and_servers_of_one_store_do_not_collide(lab: LiveLab) -> None:
    first = lab.target.endpoints[0]
    twice = replace(lab.target, endpoints=(first, Endpoint("localhost", first.port)))  # by TCP, too
    tables = (bulk_tables(0, 1).start, bulk_tables(1, 1).start)
    async with directly(twice, script=BULK, threads=2) as direct:
        await direct.until(lambda report: report.threads == 2)
        await until_filled(twice, tables)
        direct.load.set_threads(4)  # which is another start
        await direct.until(lambda report: report.threads == 4)
        await until_filled(twice, tables)
    assert all(report.errors == {} for report in direct.seen)


async def until_filled(target: Target, tables: tuple[int, ...]) -> None:
    """Every table has rows, numbered without a gap; sysbench sends many thousands at a time."""
    end = time.monotonic() + 20
    while min(found := await rows(target, *tables)) < (1000, 0):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)
    assert all(count == last for count, last in found)


@pytest.mark.parametrize(("mode", "executes"), [("auto", True), ("disable", False)])
async def test_prepared_statements_may_be_switched_off(lab: LiveLab, mode: str, executes: bool) -> None:
    endpoint = lab.target.endpoints[0]
    [(since,)] = await sql(lab.target, endpoint, "SELECT time_to_usec(now(6))")
    async with directly(one(lab), script="oltp_point_select", db_ps_mode=mode, threads=1, rate=50) as direct:
        await direct.until(busy)
    query = (
        "SELECT DISTINCT request_type FROM oceanbase.GV$OB_SQL_AUDIT "
        f"WHERE request_time > {since} AND query_sql LIKE 'SELECT c FROM sbtest%'"
    )
    types = {row[0] for row in await sql(lab.target, endpoint, query)}
    assert (6 in types) is executes, types  # the protocol's command to execute a prepared statement


async def test_the_rate_holds_and_changes(lab: LiveLab) -> None:
    async with directly(lab.target, script="oltp_point_select", rate=90) as direct:
        await until(lambda: len(direct.seen) >= 3, 20)
        assert 60 < mean_tps(direct.seen[1:3]) < 120
        direct.load.set_rate(30)
        await direct.until(lambda report: report.tps < 45)
        for wrong in (2.5, 200_000):
            with pytest.raises(ConfigError, match="whole transactions"):
                direct.load.set_rate(wrong)


async def test_threads_change_while_running(lab: LiveLab) -> None:
    idle = await sessions(lab)
    async with at_work(lab.target, script="oltp_point_select", rate=60, threads=1) as (load, feed):
        for threads in (1, 9):
            load.set_threads(threads)
            await until(partial(has, feed, threads), 20)
            assert await sessions(lab) == idle + threads
            assert len(children(load.pid)) == min(threads, len(lab.target.endpoints))
        load.set_threads(2)
        await until(partial(has, feed, 2), 20)
    *reports, total = await feed.end()
    assert total.errors == {}
    assert total.reconnects == 0
    assert [r.elapsed for r in reports] == sorted(r.elapsed for r in reports)
    counted = sum(report.tps for report in reports)  # one second each, whatever lies between them
    assert total.tps * total.elapsed == pytest.approx(counted, rel=0.25)


def has(feed: Feed, threads: int) -> bool:
    return bool(feed.seen) and feed.seen[-1].threads == threads


async def sessions(lab: LiveLab) -> int:
    """Connections on all nodes, with those that ask."""
    lists = [await sql(lab.target, endpoint, "SHOW PROCESSLIST") for endpoint in lab.target.endpoints]
    return sum(map(len, lists))


async def test_an_address_of_version_6(lab: LiveLab) -> None:
    async with Door(lab.target.endpoints[0], "::1") as door:  # noqa: SIM117 - the second needs the first
        async with directly(replace(lab.target, endpoints=(door.endpoint,))) as direct:
            await direct.until(busy)


def command(*arguments: str) -> list[str]:
    sizes = ("--tables", str(TABLES), "--table-size", str(SIZE))
    return [sys.executable, "-m", "distdiag_tui", "workload", "start", "sysbench", "lab", *sizes, *arguments]


def test_a_time_limit_brings_a_summary_on_the_command_line(lab_env: LiveLab) -> None:
    done = subprocess.run(
        command("--script", "oltp_read_only", "--time", "1", "--json"),
        capture_output=True, text=True, timeout=40, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *reports, total = (IntervalReport.from_json(line) for line in done.stdout.splitlines())
    assert not any(report.total for report in reports)
    assert total.total
    assert 0.9 < total.elapsed < 4
    assert total.p99 is not None


def test_ctrl_c_ends_the_command_with_a_summary(lab_env: LiveLab) -> None:
    process = subprocess.Popen(command(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "tx/s" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert rest.splitlines()[-1].startswith("total")

"""sysbench in trouble: secrets, frozen and lost servers, data that goes, parents that die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncmy
import pytest
from asyncmy.errors import MySQLError
from conftest import LiveLab, run
from live_load import alive, frozen, load_of, mean_tps, running, sql, until
from sysbench_live import DATABASE, SMALL, Door, at_work, children, drop, failure, prepare
from test_load_faults import PARENT

from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.workloads.protocol import Step

ODD_PASSWORDS = ['a b"c#d,e=f', "it's -- 'x", "a'b\"c", " #=\\$(id)`%s ", "--x,y"]
RUN: tuple[Step, ...] = ("run",)


@pytest.fixture(scope="module", autouse=True)
async def _dropped(lab: LiveLab) -> AsyncIterator[None]:
    yield
    run(drop(lab.target))


@pytest.fixture
async def ready(lab: LiveLab) -> Target:
    await prepare(lab.target)
    return lab.target


def seen_by_others(pid: int) -> bytes:
    return b"".join(Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ"))


def open_files(pid: int) -> set[str]:
    return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}


async def test_the_password_is_not_to_be_seen(ready: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = ready.password.reveal()
    assert secret
    monkeypatch.setenv("OB_PASSWORD", secret)
    async with at_work(ready) as (load, feed):
        await feed.over(1)
        found = children(load.pid)
        shown = b"".join(map(seen_by_others, found))
        files = set().union(*map(open_files, found))
    assert shown.count(b"oltp_read_write") == len(found) == len(ready.endpoints)
    assert secret.encode() not in shown
    assert all(file.startswith(("pipe:", "socket:", "anon_inode:", "/dev/null")) for file in files), files


@pytest.mark.parametrize("password", ODD_PASSWORDS)
async def test_any_password_gets_through(ready: Target, password: str) -> None:
    endpoint = ready.endpoints[0]
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    await sql(
        ready,
        endpoint,
        "DROP USER IF EXISTS distdiag_odd",
        f"CREATE USER distdiag_odd IDENTIFIED BY '{quoted}'",
        f"GRANT ALL ON {DATABASE}.* TO distdiag_odd",
    )
    target = Target("odd", (endpoint,), "distdiag_odd", Secret(password))
    try:
        async with running(target, SMALL | {"threads": 1}, RUN, "sysbench") as (_, feed):
            assert mean_tps(await feed.over(1)) > 0
        assert (await feed.end())[-1].errors == {}
    finally:
        await sql(ready, endpoint, "DROP USER distdiag_odd")


async def test_a_password_that_sysbench_cannot_take_is_one_clear_line(ready: Target) -> None:
    target = replace(ready, password=Secret("'\" both"))
    message = await failure(load_of(target, SMALL, RUN, "sysbench"))
    assert message.startswith("sysbench cannot take this password")
    assert "both" not in message.replace("both kinds", "")


async def test_a_wrong_password_is_one_clear_line(ready: Target) -> None:
    target = replace(ready, password=Secret("not this one"))
    message = await failure(load_of(target, SMALL, RUN, "sysbench"))
    assert "Access denied" in message
    assert "127.0.0.1:" in message
    assert "not this one" not in message


async def test_other_servers_do_not_notice_a_frozen_one(ready: Target, lab: LiveLab) -> None:
    async with at_work(ready, script="oltp_point_select", rate=90) as (_, feed):
        await feed.over(1)
        with frozen(lab, 1):
            assert mean_tps(await feed.over(2, skip=2)) == pytest.approx(60, rel=0.4)
        await until(lambda: feed.seen[-1].tps > 75, 15)
    assert (await feed.end())[-1].errors == {}


async def test_it_ends_in_time_though_a_server_is_frozen(ready: Target, lab: LiveLab) -> None:
    async with at_work(ready) as (load, feed):
        await feed.over(1)
        with frozen(lab, 0):
            found = children(load.pid)
            await load.stop()
            assert not any(map(alive, found))
    assert load.record.phase == "stopped"
    assert (await feed.end())[-1].total


async def test_a_server_that_is_frozen_from_the_start(ready: Target, lab: LiveLab) -> None:
    with frozen(lab, 0):
        async with running(ready, SMALL, RUN, "sysbench") as (load, feed):
            reports = await feed.over(1, skip=2)
            assert {report.threads for report in reports} == {4}
            assert reports[0].tps > 0
            await load.stop()
    assert load.record.phase == "stopped"


async def test_killed_connections_come_back(ready: Target) -> None:
    async with at_work(ready, script="oltp_read_only") as (_, feed):
        await feed.over(1)
        await kill_sessions(ready, ready.endpoints[0])
        await until(lambda: any(report.reconnects for report in feed.seen), 20)
        assert {report.threads for report in await feed.over(1)} == {6}
    total = (await feed.end())[-1]
    assert total.reconnects == 2  # clients of that server
    assert set(total.errors) <= {2013, 2006}
    assert total.errors


async def kill_sessions(target: Target, endpoint: Endpoint) -> None:
    for session, *_ in await sql(target, endpoint, "SHOW PROCESSLIST"):
        with contextlib.suppress(MySQLError):  # the one that asked has ended
            await sql(target, endpoint, f"KILL {session}")


async def test_a_server_that_goes_and_comes_again(ready: Target) -> None:
    """As a client sees a killed server: connections break, and no new one is accepted for a while."""
    async with Door(ready.endpoints[0]) as door:
        target = replace(ready, endpoints=(door.endpoint, ready.endpoints[1]))
        async with running(target, SMALL, RUN, "sysbench") as (load, feed):
            await feed.over(1)
            door.close()
            await until(lambda: any(2002 in report.errors for report in feed.seen), 20)
            assert (await feed.over(1))[0].tps > 0  # the other one goes on
            await door.open()
            await until(lambda: any(report.reconnects for report in feed.seen), 20)
            await until(lambda: feed.seen[-1].threads == 6, 20)
    total = (await feed.end())[-1]
    assert load.record.phase == "stopped"
    assert total.reconnects == 3
    assert 2002 in total.errors


async def test_a_table_dropped_while_it_runs(ready: Target) -> None:
    async with at_work(ready) as (load, feed):
        await feed.over(1)
        found = children(load.pid)
        await sql(ready, ready.endpoints[1], f"DROP TABLE {DATABASE}.sbtest2")
        await until(lambda: not load.record.active, 20)
        assert not any(map(alive, found))
    assert load.record.phase == "failed"
    assert f"Table '{DATABASE}.sbtest2' doesn't exist; prepare the workload again" in load.record.message
    assert ready.endpoints[1].address in load.record.message
    assert (await feed.end())[-1].total


async def test_a_table_and_a_database_that_are_not_there(ready: Target) -> None:
    await sql(ready, ready.endpoints[2], f"DROP TABLE {DATABASE}.sbtest1")
    message = await failure(load_of(ready, SMALL, RUN, "sysbench"))
    assert f"Table '{DATABASE}.sbtest1' doesn't exist; prepare the workload again" in message
    await sql(ready, ready.endpoints[2], f"DROP DATABASE {DATABASE}")
    message = await failure(load_of(ready, SMALL, RUN, "sysbench"))
    assert f"Unknown database '{DATABASE}'; prepare the workload again" in message


async def test_a_database_dropped_while_it_runs(ready: Target) -> None:
    async with at_work(ready) as (load, feed):
        await feed.over(1)
        await sql(ready, ready.endpoints[1], f"DROP DATABASE {DATABASE}")
        await until(lambda: not load.record.active, 20)
    assert load.record.phase == "failed"
    assert load.record.message.endswith("; prepare the workload again")


async def test_lock_waits_do_not_end_the_run(ready: Target) -> None:
    """A row that somebody holds: OceanBase lets a transaction wait for it for 10 s at most."""
    endpoint = ready.endpoints[0]
    one = replace(ready, endpoints=(endpoint,))
    options = SMALL | {"script": "oltp_update_non_index", "threads": 2}
    async with holding(one, endpoint), running(one, options, RUN, "sysbench") as (load, feed):
        await until(lambda: any(1205 in report.errors for report in feed.seen), 30)
        assert load.record.active
    assert load.record.phase == "stopped"


@contextlib.asynccontextmanager
async def holding(target: Target, endpoint: Endpoint) -> AsyncIterator[None]:
    """All rows are locked by a transaction of our own."""
    async with asyncmy.connect(
        host=endpoint.host, port=endpoint.port, user=target.user, password=target.password.reveal()
    ) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("BEGIN")
            await cursor.execute(f"UPDATE {DATABASE}.sbtest1 SET k = k + 1")
            await cursor.execute(f"UPDATE {DATABASE}.sbtest2 SET k = k + 1")
            yield
        await connection.rollback()


async def test_too_high_a_rate_drops_transactions_and_goes_on(ready: Target) -> None:
    one = replace(ready, endpoints=ready.endpoints[:1])
    async with at_work(one, script="oltp_read_write", threads=1, rate=100_000) as (load, feed):
        await until(lambda: any("dropped" in report.errors for report in feed.seen), 20)
        await feed.over(1)
        assert load.record.active


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_outlives_the_worker(ready: Target, how: signal.Signals) -> None:
    async with at_work(ready) as (load, feed):
        await feed.over(1)
        found = children(load.pid)
        assert len(found) == len(ready.endpoints)
        assert load.pid
        os.kill(load.pid, how)
        await until(lambda: not alive(load.pid) and not any(map(alive, found)), 5)
    assert load.record.phase == ("failed" if how == signal.SIGKILL else "stopped")


async def test_nothing_outlives_the_console(ready: Target) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    request = load_of(ready, SMALL, RUN, "sysbench")._request()
    parent.stdin.write(json.dumps(request).encode() + b"\n")
    worker = int(await parent.stdout.readline())
    found = children(worker)
    assert len(found) == len(ready.endpoints)
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(worker) and not any(map(alive, found)), 5)

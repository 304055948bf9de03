"""sysbench in trouble: secrets, frozen and lost servers, data that goes, parents that die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncmy
import pytest
from asyncmy.errors import MySQLError
from conftest import LiveLab, run
from live_load import alive, frozen, load_of, sql, until
from sysbench_live import (
    DATABASE,
    SMALL,
    Door,
    all_gone,
    at_work,
    busy,
    children,
    directly,
    drop,
    failure,
    needs_sysbench,
    prepare,
)
from test_load_faults import PARENT

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.workloads.runner import LoadProcess

pytestmark = needs_sysbench

ODD_PASSWORDS = ['a b"c#d,e=f', "it's -- 'x", "a'b\"c", " #=\\$(id)`%s ", "--x,y"]


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    yield
    await all_gone()


@pytest.fixture(scope="module")
def target(lab: LiveLab) -> Iterator[Target]:
    run(prepare(lab.target))
    yield lab.target
    run(drop(lab.target))


@pytest.fixture
def spoilt(target: Target) -> Iterator[Target]:
    """For tests that leave less than they found."""
    yield target
    run(prepare(target))


def load_on(target: Target) -> LoadProcess:
    return load_of(target, SMALL, ("run",), "sysbench")


def seen_by_others(pid: int) -> bytes:
    return b"".join(Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ"))


def open_files(pid: int) -> set[str]:
    return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}


async def test_the_password_is_not_to_be_seen(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = target.password.reveal()
    assert secret
    monkeypatch.setenv("OB_PASSWORD", secret)
    async with directly(target) as direct:
        await direct.until(busy)
        found = children(os.getpid(), "sysbench")
        shown = b"".join(map(seen_by_others, found))
        files: set[str] = set().union(*map(open_files, found))
    assert shown.count(b"DISTDIAG_SCRIPT=oltp_read_write") == len(found) == len(target.endpoints)
    assert secret.encode() not in shown
    assert all(file.startswith(("pipe:", "socket:", "anon_inode:", "/dev/null")) for file in files), files


async def test_odd_passwords_get_through(target: Target) -> None:
    await asyncio.gather(*(gets_through(target, *each) for each in enumerate(ODD_PASSWORDS)))


async def gets_through(target: Target, number: int, password: str) -> None:
    endpoint, user = target.endpoints[0], f"distdiag_odd{number}"
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    drop_user = f"DROP USER IF EXISTS {user}"
    create = f"CREATE USER {user} IDENTIFIED BY '{quoted}'"
    await sql(target, endpoint, drop_user, create, f"GRANT ALL ON {DATABASE}.* TO {user}")
    try:
        odd = Target("odd", (endpoint,), user, Secret(password))
        async with directly(odd, threads=1, script="oltp_point_select", rate=20) as direct:
            assert (await direct.until(busy)).errors == {}
    finally:
        await sql(target, endpoint, drop_user)


async def test_passwords_that_do_not_fit_are_one_clear_line(target: Target) -> None:
    message = await failure(load_on(replace(target, password=Secret("'\" odd"))))
    assert message.startswith("sysbench cannot take this password")
    assert "odd" not in message
    message = await failure(load_on(replace(target, password=Secret("not this one"))))
    assert "Access denied" in message
    assert "127.0.0.1:" in message
    assert "not this one" not in message


async def test_a_frozen_server_stalls_only_its_share_and_does_not_hold_up_the_end(
    target: Target, lab: LiveLab
) -> None:
    async with at_work(target, script="oltp_point_select", rate=90) as (load, feed):
        await until(lambda: any(map(busy, feed.seen)), 20)
        with frozen(lab, 1):
            await until(lambda: 40 < feed.seen[-1].tps < 75, 20)
            found = children(load.pid)
            await load.stop()
            assert not any(map(alive, found))
    assert load.record.phase == "stopped"
    total = (await feed.end())[-1]
    assert total.total
    assert total.errors == {}


async def test_a_server_that_is_frozen_from_the_start(target: Target, lab: LiveLab) -> None:
    with frozen(lab, 0):
        async with directly(target) as direct:
            await direct.until(lambda report: report.threads == 4 and report.tps > 0)


async def test_killed_connections_come_back(target: Target) -> None:
    async with directly(target, script="oltp_read_only") as direct:
        await direct.until(busy)
        await kill_sessions(target, target.endpoints[0])
        report = await direct.until(lambda report: report.reconnects > 0)
        assert report.reconnects == 2  # clients of that server
        await direct.until(lambda report: report.threads == 6)
        lost = [code for report in direct.seen for code in report.errors]
        assert lost
        assert set(lost) <= {2013, 2006}


async def kill_sessions(target: Target, endpoint: Endpoint) -> None:
    for session, *_ in await sql(target, endpoint, "SHOW PROCESSLIST"):
        with contextlib.suppress(MySQLError):  # the one that asked has ended
            await sql(target, endpoint, f"KILL {session}")


async def test_a_server_that_goes_and_comes_again(target: Target) -> None:
    """As a client sees a killed server: connections break, and no new one is accepted for a while."""
    async with Door(target.endpoints[0]) as door:
        two = replace(target, endpoints=(door.endpoint, target.endpoints[1]))
        async with directly(two) as direct:
            await direct.until(busy)
            door.close()
            report = await direct.until(lambda report: 2002 in report.errors)
            await direct.until(lambda report: report.threads == 3 and report.tps > 0)  # the other one
            await door.open()
            report = await direct.until(lambda report: report.reconnects > 0)
            assert report.reconnects == 3
            await direct.until(lambda report: report.threads == 6)


async def test_a_table_dropped_while_it_runs(spoilt: Target) -> None:
    async with at_work(spoilt) as (load, feed):
        await feed.over(1, skip=0)
        found = children(load.pid)
        await sql(spoilt, spoilt.endpoints[1], f"DROP TABLE {DATABASE}.sbtest2")
        await until(lambda: not load.record.active, 20)
        assert not any(map(alive, found))
    assert load.record.phase == "failed"
    gone = f"Table '{DATABASE}.sbtest2' doesn't exist; prepare the workload again"
    assert load.record.message == f"n2 ({spoilt.endpoints[1].address}): {gone}"
    assert (await feed.end())[-1].total


async def test_databases_and_tables_that_go_or_are_not_there(spoilt: Target) -> None:
    first, second, third = (replace(spoilt, endpoints=(endpoint,)) for endpoint in spoilt.endpoints)
    await sql(second, second.endpoints[0], f"DROP TABLE {DATABASE}.sbtest1")
    await sql(third, third.endpoints[0], f"DROP DATABASE {DATABASE}")
    _, no_table, no_database = await asyncio.gather(
        database_goes(first), failure(load_on(second)), failure(load_on(third))
    )
    again = "prepare the workload again"
    assert (
        no_table == f"n2 ({second.endpoints[0].address}): Table '{DATABASE}.sbtest1' doesn't exist; {again}"
    )
    assert no_database == f"n3 ({third.endpoints[0].address}): Unknown database '{DATABASE}'; {again}"


async def database_goes(target: Target) -> None:
    async with directly(target) as direct:
        await direct.until(busy)
        await sql(target, target.endpoints[0], f"DROP DATABASE {DATABASE}")
        with pytest.raises(WorkloadError, match=r"n1 .*; prepare the workload again"):
            await asyncio.wait_for(asyncio.shield(direct.task), 20)


async def test_lock_waits_do_not_end_the_run(target: Target) -> None:
    """OceanBase would let a transaction wait for 10 s: here half a second is enough."""
    endpoint = target.endpoints[0]
    one = replace(target, endpoints=(endpoint,))
    await sql(one, endpoint, "SET GLOBAL ob_trx_lock_timeout = 500000")
    try:
        async with holding(one, endpoint), directly(one, script="oltp_update_non_index", threads=2) as direct:
            await until(lambda: len(children(os.getpid(), "sysbench")) == 1, 10)
            [pid] = children(os.getpid(), "sysbench")
            report = await direct.until(lambda report: 1205 in report.errors)
            assert report.threads == 2
            assert children(os.getpid(), "sysbench") == [pid]
    finally:
        await sql(one, endpoint, "SET GLOBAL ob_trx_lock_timeout = -1")


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


async def test_too_high_a_rate_drops_transactions_and_goes_on(target: Target) -> None:
    one = replace(target, endpoints=target.endpoints[:1])
    async with directly(one, threads=1, rate=100_000) as direct:
        await direct.until(lambda report: "dropped" in report.errors)
        report = await direct.until(busy)
        assert report.reconnects == 0


async def test_nothing_outlives_the_worker(target: Target) -> None:
    await asyncio.gather(worker_dies(target, signal.SIGKILL), worker_dies(target, signal.SIGTERM))


async def worker_dies(target: Target, how: signal.Signals) -> None:
    async with at_work(target) as (load, feed):
        await feed.over(1, skip=0)
        found = children(load.pid)
        assert len(found) == len(target.endpoints)
        assert load.pid
        os.kill(load.pid, how)
        await until(lambda: not alive(load.pid) and not any(map(alive, found)), 5)
    assert load.record.phase == ("failed" if how == signal.SIGKILL else "stopped")


async def test_nothing_outlives_the_console(target: Target) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(json.dumps(load_on(target)._request()).encode() + b"\n")
    worker = int(await parent.stdout.readline())
    found = children(worker)
    assert len(found) == len(target.endpoints)
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(worker) and not any(map(alive, found)), 5)

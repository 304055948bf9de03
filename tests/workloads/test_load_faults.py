"""A run that meets trouble: frozen nodes, killed connections, a dead parent, a wrong password."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from asyncmy.errors import MySQLError
from conftest import LiveLab
from live_load import SMALL, Feed, alive, frozen, load_of, mean_tps, running, sql, until

from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.runner import LoadProcess

PARENT = """
import asyncio, json, sys
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.workloads.journal import RunRecord
from distdiag_tui.workloads.runner import LoadProcess, Order

async def main():
    request = json.loads(sys.stdin.readline())
    endpoints = tuple(Endpoint(**fields) for fields in request["endpoints"])
    target = Target("lab", endpoints, request["user"], Secret(request["password"]))
    load = LoadProcess(Order(target, RunRecord.from_fields(request["record"])))
    await load.start()
    async for _ in load.reports():
        print(load.pid, flush=True)

asyncio.run(main())
"""


async def test_coupled_clients_all_wait_for_a_frozen_node_and_go_on_after_it(lab: LiveLab) -> None:
    async with running(lab.target, SMALL | {"mode": "coupled"}) as (_, feed):
        assert mean_tps(await feed.over(3)) > 0
        with frozen(lab, 1):
            await until(lambda: feed.seen[-1].tps == 0, 20)
            assert mean_tps(await feed.over(4)) == 0
        assert mean_tps(await feed.over(4, skip=2)) > 0
    assert (await feed.end())[-1].errors == {}


async def test_independent_clients_of_other_nodes_do_not_notice(lab: LiveLab) -> None:
    rate = 45.0
    async with running(lab.target, SMALL | {"rate": rate}) as (_, feed):
        await _comes_to(feed, rate)
        with frozen(lab, 1):
            await _comes_to(feed, rate * 2 / 3)
        after = await feed.over(4, skip=0)
        assert max(report.p99 or 0 for report in after) > 0.3  # due while frozen: the wait counts
        await until(lambda: (feed.seen[-1].p99 or 9) < 1, 20)
        await _comes_to(feed, rate)


async def _comes_to(feed: Feed, rate: float) -> None:
    """Until that many transactions are made a second; a busy machine falls behind, and makes up for it."""
    seen = []
    for _ in range(10):
        seen.append(mean_tps(await feed.over(5, skip=2)))
        if seen[-1] == pytest.approx(rate, rel=0.2):
            return
    pytest.fail(f"not {rate:g} tps but {seen}")


async def test_a_statement_has_a_time_limit(lab: LiveLab) -> None:
    async with running(lab.target, SMALL | {"mode": "coupled", "statement_timeout": 0.5}) as (_, feed):
        await feed.over(2)
        with frozen(lab, 2):
            await until(lambda: sum(r.errors.get("timeout", 0) for r in feed.seen) >= 6, 8)
        await until(lambda: sum(r.reconnects for r in feed.seen) >= 6, 10)
        assert mean_tps(await feed.over(4, skip=2)) > 0


async def test_killed_connections_come_back(lab: LiveLab) -> None:
    async with running(lab.target, SMALL) as (_, feed):
        await feed.over(1)
        endpoint = lab.target.endpoints[0]
        for session, *_ in await sql(lab.target, endpoint, "SHOW PROCESSLIST"):
            with contextlib.suppress(MySQLError):  # the one that asked has ended
                await sql(lab.target, endpoint, f"KILL {session}")
        await until(lambda: sum(r.reconnects for r in feed.seen) >= 2, 10)
        assert mean_tps(await feed.over(4)) > 0
    total = (await feed.end())[-1]
    assert total.reconnects == 2  # two of six clients are on that node
    assert sum(total.errors.values()) >= 2


async def test_the_worker_ends_at_once_though_a_node_is_frozen(lab: LiveLab) -> None:
    async with running(lab.target, SMALL | {"mode": "coupled"}) as (load, feed):
        await feed.over(1)
        with frozen(lab, 0):
            await asyncio.sleep(0.5)
            start = time.monotonic()
            await load.stop()
            assert time.monotonic() - start < 10
            assert not alive(load.pid)
    assert load.record.phase == "stopped"
    assert (await feed.end())[-1].total


@pytest.mark.parametrize("how", ["end of input", "SIGTERM"])
async def test_the_worker_ends_by_itself(lab: LiveLab, how: str) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "distdiag_tui.workloads.worker"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(load_of(lab.target)._request()).encode() + b"\n")
    try:
        while b"tps" not in await worker.stdout.readline():
            pass
        with frozen(lab, 0):
            if how == "SIGTERM":
                worker.terminate()
            else:
                worker.stdin.close()
            assert await asyncio.wait_for(worker.wait(), 10) == 0
    finally:
        if worker.returncode is None:
            worker.kill()


def test_no_load_outlives_a_killed_parent(lab: LiveLab) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(json.dumps(load_of(lab.target)._request()) + "\n")
    parent.stdin.flush()
    worker = int(parent.stdout.readline())
    assert alive(worker)
    parent.kill()
    parent.communicate()
    try:
        asyncio.run(until(lambda: not alive(worker), 1.5))
    finally:
        if alive(worker):
            os.kill(worker, signal.SIGKILL)


async def test_the_password_is_not_to_be_seen(lab: LiveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = lab.target.password.reveal()
    assert secret
    monkeypatch.setenv("OB_PASSWORD", secret)
    async with running(lab.target, SMALL) as (load, feed):
        await feed.over(1)
        shown = seen_by_others(load.pid)
    assert b"worker" in shown
    assert secret.encode() not in shown


def seen_by_others(pid: int | None) -> bytes:
    return b"".join(Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ"))


async def test_a_wrong_password_is_one_clear_line(lab: LiveLab) -> None:
    target = replace(lab.target, password=Secret("not this one"))
    load = load_of(target)
    await load.start()
    assert [report async for report in load.reports()] == []
    assert load.record.phase == "failed"
    assert "Access denied" in load.record.message
    assert "\n" not in load.record.message
    assert "not this one" not in load.record.message
    assert not alive(load.pid)


async def test_an_unreachable_node_is_named(lab: LiveLab) -> None:
    nowhere = Endpoint("127.0.0.1", 1, "nowhere")
    target = replace(lab.target, endpoints=(*lab.target.endpoints, nowhere))
    load = load_of(target)
    await load.start()
    assert [report async for report in load.reports()] == []
    assert load.record.phase == "failed"
    assert "nowhere (127.0.0.1:1)" in load.record.message


async def test_a_worker_that_crashes_is_a_failure(lab: LiveLab) -> None:
    load = load_of(lab.target)
    await load.start()
    assert load.pid
    os.kill(load.pid, signal.SIGKILL)
    assert [report async for report in load.reports()] == []
    assert load.record.phase == "failed"
    assert load.record.message == "its process was killed"


def test_who_leaves_without_a_word_leaves_no_complaint(lab: LiveLab) -> None:
    async def leave() -> LoadProcess:
        load = load_of(lab.target)
        await load.start()
        return load

    process = asyncio.run(leave())._process
    assert process is not None
    assert process._transport.is_closing()  # type: ignore[attr-defined]  # else it complains on stderr

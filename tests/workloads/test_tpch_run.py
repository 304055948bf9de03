"""TPC-H running on the lab: power and throughput test, steering, and servers that fail under it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from asyncmy.errors import MySQLError
from conftest import LiveLab, run
from live_load import Feed, frozen, running, sql, until
from tpch_data import KIND, TINY, on, prepare, swept

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.runner import LoadProcess

ALL = {f"q{number:02}": 1 for number in range(1, 23)}
ENDLESS: dict[str, Value] = {"test": "throughput", "threads": 3, "rounds": 0}

pytestmark = pytest.mark.usefixtures("ready")


@pytest.fixture(scope="module")
def ready(lab: LiveLab) -> Iterator[Target]:
    """The lab with a little data."""
    with swept(lab) as target:
        run(prepare(target))
        yield target


@asynccontextmanager
async def at_work(
    target: Target, options: Mapping[str, Value] | None = None
) -> AsyncIterator[tuple[LoadProcess, Feed]]:
    given = {"scale": TINY, "interval": 0.2, **(options or {})}
    async with running(target, given, ("run",), KIND.id) as found:
        yield found


async def ended(load: LoadProcess) -> None:
    async with asyncio.timeout(60):
        await load.ended()


async def test_the_power_test_runs_each_query_once_and_ends(ready: Target) -> None:
    async with at_work(ready) as (load, feed):
        await ended(load)
    assert load.record.phase == "done"
    *intervals, total = await feed.end()
    assert total.total
    assert {name: part.count for name, part in total.parts.items()} == ALL
    assert total.errors == {}
    assert total.tps * total.elapsed == pytest.approx(22, rel=0.05)
    product = math.prod(part.mean for part in total.parts.values())
    assert total.figures == {"geometric mean s": pytest.approx(product ** (1 / 22))}
    assert {report.threads for report in intervals} == {1}
    lefts = [report.figures["left"] for report in intervals]
    assert lefts == sorted(lefts, reverse=True)


async def test_the_throughput_test_runs_every_stream_and_ends(ready: Target) -> None:
    options: dict[str, Value] = {"test": "throughput", "threads": 3, "rounds": 2}
    async with at_work(ready, options) as (load, feed):
        await ended(load)
    assert load.record.phase == "done"
    total = (await feed.end())[-1]
    assert {name: part.count for name, part in total.parts.items()} == dict.fromkeys(ALL, 6)
    assert total.figures == {"queries per hour": pytest.approx(total.tps * 3600)}


async def test_streams_are_spread_over_the_nodes_and_change_while_running(ready: Target) -> None:
    idle = await sessions(ready)
    async with at_work(ready, ENDLESS) as (load, feed):
        for streams in (3, 6, 3):
            load.set_threads(streams)
            reports = await feed.over(1, skip=3)
            assert {report.threads for report in reports} == {streams}
            share = [before + streams // 3 for before in idle]
            assert await sessions(ready) == share
    assert load.record.phase == "stopped"
    total = (await feed.end())[-1]
    assert total.errors == {}
    assert total.figures == {"queries per hour": pytest.approx(total.tps * 3600)}
    assert "left" not in feed.seen[0].figures  # there is no end


async def sessions(target: Target) -> list[int]:
    """Connections on each node."""
    return [len(await sql(target, endpoint, "SHOW PROCESSLIST")) for endpoint in target.endpoints]


async def test_what_cannot_be_steered_is_refused_and_the_run_goes_on(ready: Target) -> None:
    async with at_work(ready, {"rounds": 0}) as (load, feed):
        await feed.over(1)
        load.set_threads(5)
        await until(lambda: "one stream" in load.refusal, 5)
        load.set_rate(5)
        await until(lambda: "no rate" in load.refusal, 5)
        assert [report.threads for report in await feed.over(1)] == [1]
        assert load.record.options["threads"] == 2


async def test_a_query_that_takes_long_is_to_be_seen_and_stopped_early_has_no_result(
    lab: LiveLab, ready: Target
) -> None:
    async with at_work(ready, {"rounds": 0}) as (_, feed):
        await feed.over(1)
        with frozen(lab, 0):
            await until(lambda: feed.seen[-1].figures.get("running s", 0) > 1, 10)
            assert feed.seen[-1].figures["query"] in range(1, 23)
            assert feed.seen[-1].tps == 0
    assert (await feed.end())[-1].total


async def test_a_query_has_a_time_limit_and_the_next_follows(lab: LiveLab, ready: Target) -> None:
    async with at_work(ready, {"rounds": 0, "statement_timeout": 0.5}) as (_, feed):
        await feed.over(1)
        with frozen(lab, 0):
            await until(lambda: sum(r.errors.get("timeout", 0) for r in feed.seen) >= 2, 15)
        await until(lambda: sum(r.reconnects for r in feed.seen) >= 1, 15)
        await until(lambda: feed.seen[-1].tps > 0, 15)


async def test_a_stream_whose_connection_is_killed_goes_on_with_the_next_query(ready: Target) -> None:
    async with at_work(ready, {"rounds": 0}) as (_, feed):
        await feed.over(1)
        for session, *_ in await sql(ready, ready.endpoints[0], "SHOW PROCESSLIST"):
            with contextlib.suppress(MySQLError):  # the one that asked has ended
                await sql(ready, ready.endpoints[0], f"KILL {session}")
        await until(lambda: sum(r.reconnects for r in feed.seen) >= 1, 10)
        await until(lambda: feed.seen[-1].tps > 0, 10)
    total = (await feed.end())[-1]
    assert total.reconnects == 1
    assert sum(total.errors.values()) >= 1


async def test_a_query_that_fails_is_counted_and_leaves_no_geometric_mean(ready: Target) -> None:
    await on(ready, 0, "ALTER TABLE supplier DROP COLUMN s_comment")
    try:
        async with at_work(ready) as (load, feed):
            await ended(load)
    finally:
        await on(ready, 0, "DROP TABLE supplier")
        await prepare(ready)
    total = (await feed.end())[-1]
    assert load.record.phase == "done"
    assert total.errors == {1054: 2}  # unknown column
    assert set(ALL) - set(total.parts) == {"q02", "q16"}
    assert total.figures == {}


@pytest.mark.parametrize("missing", ["the table", "the database"])
async def test_data_that_goes_away_ends_the_run(ready: Target, missing: str) -> None:
    one = replace(ready, endpoints=ready.endpoints[1:2])
    await prepare(one)
    async with at_work(one, ENDLESS) as (load, feed):
        await feed.over(1)
        await on(one, 0, "DROP TABLE nation" if missing == "the table" else f"DROP DATABASE {KIND.database}")
        await ended(load)
    assert load.record.phase == "failed"
    assert load.record.message.endswith("; prepare the workload again")
    assert (await feed.end())[-1].total


def test_command_line(lab_env: LiveLab, ready: Target) -> None:
    made = command("prepare", "--scale", str(TINY))
    assert made.returncode == 0, made.stderr
    ran = command("start", "--rounds", "2")
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert [line.split()[:2] for line in lines[-22:]] == [[name, "2"] for name in ALL]
    assert "geometric mean s" in lines[-23]
    checked = command("verify")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("✓") == 66
    assert checked.stdout.endswith("tpch: all 66 checks passed\n")
    other = command("start", "--scale", "0.5")
    assert other.returncode == 1
    assert "is prepared with scale 0.001" in other.stderr
    wrong = command("start", "--test", "both")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)


def command(step: str, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "distdiag_tui", "workload", step, "tpch", "lab", *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

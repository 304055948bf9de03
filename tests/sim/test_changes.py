"""What is done to the stand-in shows to its clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from asyncmy.errors import MySQLError
from standin import client, login_number, rows

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Sampling
from distdiag_tui.model.topology import Status
from distdiag_tui.sim.script import play, read_script
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim
from distdiag_tui.sources.live import LiveSource


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Poll until it is so."""
    async with asyncio.timeout(10):
        while not await is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_server_that_stops_refuses_vanishes_and_loses_its_leaders_and_comes_back_empty() -> None:
    counts = (
        "select svr_ip, count(*), max(value) from oceanbase.GV$SYSSTAT where stat_id = 40000 group by svr_ip"
    )
    led = "select count(*) from oceanbase.CDB_OB_LS_LOCATIONS where role = 'LEADER' and svr_ip = '127.2.0.1'"
    async with Sim(Shape(servers=3, tenants=1)) as sim, client(sim.target()) as cursor:
        async with client(sim.target(server="z2s1")) as there:
            before = {row[0]: row[2] for row in await rows(cursor, counts)}
            assert (await rows(cursor, led))[0][0] > 0
            await sim.stop_server("z2s1")
            with pytest.raises(MySQLError):
                await there.execute("select 1")
        assert await login_number(sim.target(server="z2s1")) == 2003
        assert {row[0] for row in await rows(cursor, counts)} == {"127.1.0.1", "127.3.0.1"}
        states = (
            "select status, last_offline_time is null from oceanbase.DBA_OB_SERVERS where svr_ip ="
            " '127.2.0.1'"
        )
        assert await rows(cursor, states) == [("INACTIVE", 0)]
        assert await rows(cursor, led) == [(0,)]
        streams = "select count(distinct tenant_id, ls_id) from oceanbase.GV$OB_LOG_STAT"
        assert await rows(cursor, streams) == await rows(cursor, f"{streams} where role = 'leader'")
        events = (
            "select module, event, value1 from oceanbase.DBA_OB_ROOTSERVICE_EVENT_HISTORY order by timestamp"
        )
        assert ("SERVER", "last_offline_time set", '"127.2.0.1:2882"') in await rows(cursor, events)
        await sim.start_server("z2s1")
        assert await login_number(sim.target(server="z2s1")) == 0
        after = {row[0]: row[2] for row in await rows(cursor, counts)}
        assert after["127.2.0.1"] < before["127.2.0.1"] / 100
        assert await rows(cursor, states) == [("ACTIVE", 1)]


async def test_servers_are_added_and_deleted_and_units_migrate() -> None:
    placed = (
        "select svr_ip, migrate_from_svr_ip from oceanbase.DBA_OB_UNITS where tenant_id = 1002 and"
        " zone = 'zone1'"
    )
    members = "select count(*) from oceanbase.DBA_OB_SERVERS"
    async with Sim(Shape(servers=3, tenants=1)) as sim, client(sim.target()) as cursor:
        new = await sim.add_server("zone1")
        assert await login_number(sim.target(server=new)) == 0
        assert await login_number(sim.target("root@t1", new)) == 5150
        sim.migrate_unit("t1", "z1s1", new, seconds=600)
        assert await rows(cursor, placed) == [(sim.endpoint(new).host, "127.1.0.1")]
        with pytest.raises(ConfigError, match="has a unit"):
            sim.migrate_unit("t1", "z2s1", "z2s1")
        another = await sim.add_server("zone2")
        sim.delete_server("z2s1", seconds=0)

        async def gone() -> bool:
            return await rows(cursor, members) == [(4,)] and "z2s1" not in sim.servers

        await until(gone)
        there = (
            "select distinct svr_ip from oceanbase.CDB_OB_LS_LOCATIONS where zone = 'zone2' and"
            " tenant_id = 1002"
        )
        assert await rows(cursor, there) == [(sim.endpoint(another).host,)]
        with pytest.raises(ConfigError, match="no server 'z2s1'"):
            await sim.start_server("z2s1")


async def test_leaders_move_and_a_zone_that_stops_has_none() -> None:
    led = "select zone, count(*) from oceanbase.CDB_OB_LS_LOCATIONS where role = 'LEADER' group by zone"
    async with Sim(Shape(servers=3, tenants=2)) as sim, client(sim.target()) as cursor:
        before = dict(await rows(cursor, led))
        assert sim.move_leaders("z1s1", "z3s1") == before["zone1"]
        after = dict(await rows(cursor, led))
        assert after == {"zone2": before["zone2"], "zone3": before["zone1"] + before["zone3"]}
        sim.stop_zone("zone3")
        assert set(dict(await rows(cursor, led))) <= {"zone1", "zone2"}
        zones = "select status from oceanbase.DBA_OB_ZONES order by zone"
        assert await rows(cursor, zones) == [("ACTIVE",), ("ACTIVE",), ("INACTIVE",)]
        moved = "select count(*) from oceanbase.DBA_OB_SERVER_EVENT_HISTORY where event = 'leader changed'"
        assert (await rows(cursor, moved))[0][0] >= before["zone1"]


async def test_connections_that_there_are_get_garbage_as_well() -> None:
    async with Sim(Shape(servers=3)) as sim, client(sim.target(server="z1s1")) as cursor:
        assert await rows(cursor, "select 1") == [(1,)]
        sim.garble_server("z1s1")
        with pytest.raises((MySQLError, OSError, RuntimeError)):
            await rows(cursor, "select 1")


async def test_the_console_sees_slow_garbled_and_skewed_servers() -> None:
    async with Sim(Shape(servers=3)) as sim:
        sim.slow_server("z1s1", 30.0)
        sim.garble_server("z2s1")
        sim.skew_clock("z3s1", -120.0)
        async with client(sim.target(server="z3s1")) as cursor:
            ((micros,),) = await rows(cursor, "select time_to_usec(now(6))")
            assert abs(micros / 1e6 + 120.0 - time.time()) < 10.0
        direct = replace(sim.target(), sampling=Sampling.DIRECT)
        source = LiveSource(replace(direct, endpoints=tuple(map(sim.endpoint, sim.servers))))
        async for frame in source.frames():
            slow, garbled, skewed = frame.servers
            if garbled.status is Status.UNREACHABLE and skewed.status is Status.UP:
                break
        assert slow.status in (Status.CONNECTING, Status.UNREACHABLE)
        assert "not a MySQL server" in garbled.detail
        sim.heal_server("z1s1")
        sim.heal_server("z2s1")
        assert await login_number(sim.target(server="z2s1")) == 0
        assert await login_number(sim.target(server="z1s1")) == 0


async def test_values_are_spoilt_on_one_server_only() -> None:
    sql = (
        "select value from oceanbase.GV$SYSSTAT where stat_id = 40000 and con_id = 1002 and svr_ip"
        " = '127.1.0.1'"
    )
    async with Sim(Shape(servers=3, tenants=1)) as sim, client(sim.target()) as cursor:
        ((good,),) = await rows(cursor, sql)
        for how, shown in {"nulls": [None], "negative": -good, "overflow": 2**63 - 1 - good}.items():
            sim.spoil("z1s1", how)
            ((bad,),) = await rows(cursor, sql)
            assert bad is None if how == "nulls" else abs(bad - shown) < 1e6
        sim.spoil("z1s1", "duplicates")
        assert len(await rows(cursor, sql)) == 2
        assert len(await rows(cursor, sql.replace("127.1", "127.2"))) == 1


async def test_a_script_does_what_it_says_in_its_time(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        '[[step]]\nat = 0.1\ndo = "start_server"\nserver = "z2s1"\n'
        '[[step]]\nat = 0\ndo = "stop_server"\nserver = "z2s1"\n'
        '[[step]]\nat = 0.2\ndo = "slow_server"\nserver = "nobody"\nseconds = 3\n'
    )
    told: list[str] = []
    async with Sim(Shape(servers=3)) as sim:
        await play(sim, read_script(script), told.append)
        assert told[0] == "0 s: stop_server server z2s1"
        assert told[1] == "0.1 s: start_server server z2s1"
        assert "no server 'nobody'" in told[2]
        assert await login_number(sim.target(server="z2s1")) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step = 3", "and nothing else"),
        ("[[step]]\nat = -1\ndo = 'route'", "at is the time in seconds"),
        ("[[step]]\nat = 1\ndo = 'explode'", "do is one of stop_server"),
        ("[[step]]\nat = 1\ndo = 'stop_server'", "stop_server needs server"),
        ("[[step]]\nat = 1\ndo = 'stop_server'\nserver = 3", "server is a text"),
        ("[[step]]\nat = 1\ndo = 'route'\nto = 'z1s1'", "route knows no to"),
        ("[[step", "step.toml: "),
    ],
)
def test_a_script_that_is_wrong_is_refused_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    script = tmp_path / "step.toml"
    script.write_text(text)
    with pytest.raises(ConfigError, match=words) as refused:
        read_script(script)
    assert "\n" not in str(refused.value)

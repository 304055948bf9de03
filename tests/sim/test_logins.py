"""Logging in, and what an account sees."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from standin import client, login_number, number, rows

from distdiag_tui.model.target import Secret
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim

OWN: Final = "select id from oceanbase.GV$OB_PROCESSLIST where id = connection_id()"
HERE: Final = "svr_ip = host_ip() and svr_port = rpc_port()"


async def test_sys_sees_all_and_a_tenant_itself() -> None:
    ids = "select distinct con_id from oceanbase.GV$SYSSTAT order by 1"
    async with Sim(Shape(servers=3, tenants=2)) as sim:
        async with client(sim.target("monitor@sys")) as cursor:
            assert await rows(cursor, ids) == [(1,), (1001,), (1002,), (1003,), (1004,)]
            assert await rows(cursor, "select effective_tenant_id()") == [(1,)]
        async with client(sim.target("root@t2")) as cursor:
            assert await rows(cursor, ids) == [(1004,)]
            assert await rows(cursor, "select tenant_name from oceanbase.DBA_OB_TENANTS") == [("t2",)]
            for view in ("DBA_OB_SERVERS", "GV$OB_SERVERS", "CDB_OB_LS_LOCATIONS", "DBA_OB_UNITS"):
                assert await number(cursor, f"select * from oceanbase.{view} limit 0") == 1146
            leaders = await rows(
                cursor, "select ls_id from oceanbase.DBA_OB_LS_LOCATIONS where role = 'LEADER'"
            )
            assert sorted(leaders) == [(1,), (1001,), (1002,), (1003,)]
            assert await number(cursor, "select unit_id from oceanbase.GV$OB_UNITS") == 0


async def test_who_is_refused_hears_why() -> None:
    async with Sim(Shape(servers=6, tenants=3)) as sim:
        sim.expire_password("monitor@t1")
        wrong = replace(sim.target(), password=Secret("tiger"))
        without = replace(sim.target(), password=Secret())
        assert [await login_number(each) for each in (wrong, without)] == [1045, 1045]
        assert await login_number(sim.target("nobody@sys")) == 1045
        assert await login_number(sim.target("root@t9")) == 5160
        assert await login_number(sim.target("root@META$1002")) == 5160
        assert await login_number(sim.target("root@sys#another")) == 4669
        assert await login_number(sim.target("monitor@t1")) == 1862
        assert (
            await login_number(sim.target("root@t3", "z1s2")) == 5150
        )  # it has units on every second server
        assert await login_number(sim.target("root@t3", "z1s1")) == 0
        sim.deny("monitor@sys", "gv$sysstat")
        async with client(sim.target("monitor@sys")) as cursor:
            assert await number(cursor, "select value from oceanbase.GV$SYSSTAT") == 1142
            assert await number(cursor, "select zone from oceanbase.DBA_OB_ZONES") == 0
        async with client(sim.target("root@sys")) as cursor:
            assert await number(cursor, "select value from oceanbase.GV$SYSSTAT limit 0") == 0


async def test_discovery_leads_to_every_server() -> None:
    async with Sim(Shape(zones=2, servers=4)) as sim, client(sim.target()) as cursor:
        found = await rows(cursor, "select svr_ip, sql_port from oceanbase.DBA_OB_SERVERS")
        assert len(set(found)) == 4
        for host, port in found:
            async with client(sim.target(), replace(sim.endpoint("z1s1"), host=host, port=port)) as there:
                assert await rows(there, "select host_ip(), mysql_port()") == [(host, port)]
                assert await rows(there, f"{OWN} and svr_ip = host_ip()") == await rows(
                    there, "select connection_id()"
                )


async def test_servers_may_share_an_address_even_of_ipv6() -> None:
    async with Sim(Shape(servers=3, alone="::1")) as sim, client(sim.target()) as cursor:
        found = await rows(cursor, "select svr_ip, svr_port, sql_port from oceanbase.DBA_OB_SERVERS")
        assert {row[0] for row in found} == {"::1"}
        assert len({row[1] for row in found}) == len({row[2] for row in found}) == 3
        local = f"select distinct svr_port from oceanbase.GV$SYSSTAT where {HERE}"
        assert await rows(cursor, local) == [(2882,)]


async def test_obproxy_routes_to_who_has_the_tenant_or_where_it_must() -> None:
    async with Sim(Shape(servers=6, tenants=3), obproxy=0) as sim:
        sim.route("z2s1")
        async with client(sim.target("root@t1", obproxy=True)) as cursor:
            assert await rows(cursor, "select host_ip()") == [("127.2.0.1",)]
        sim.route()
        async with client(sim.target("root@t3", obproxy=True)) as cursor:
            assert await rows(cursor, OWN.replace("id from", "tenant from")) == [("t3",)]
        sim.route("z3s1")
        await sim.stop_server("z3s1")
        assert await login_number(sim.target(obproxy=True)) == 2013

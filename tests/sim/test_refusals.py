"""SQL that a server would refuse is refused, with the same number."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from standin import client, number, rows

from distdiag_tui.sim.definitions import VERSIONS, definitions
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim

REFUSED: Final = {
    "select valeu from oceanbase.GV$SYSSTAT": 1054,
    "select s.valeu from oceanbase.GV$SYSSTAT s": 1054,
    "select x.value from oceanbase.GV$SYSSTAT s": 1054,
    "select value from oceanbase.GV$SYSSTAT where stat_id = 1 and svr_pi = host_ip()": 1054,
    "select value as v from oceanbase.GV$SYSSTAT where v > 1": 1054,
    "select value from oceanbase.GV$SYSSTAT order by valeu": 1054,
    "select con_id, sum(value) from oceanbase.GV$SYSSTAT group by con_ip": 1054,
    "select a.zone from oceanbase.DBA_OB_SERVERS a join oceanbase.DBA_OB_ZONES b on a.zone = b.zoen": 1054,
    "select zone from oceanbase.DBA_OB_SERVERS a join oceanbase.DBA_OB_ZONES b on a.zone = b.zone": 1052,
    "select 1 from oceanbase.GV$SYSTATS": 1146,
    "select 1 from mysql.user": 1146,
    "select 1 from GV$SYSSTAT": 1046,
    "select string_agg(name) from oceanbase.GV$SYSSTAT": 1305,
    "select strftime(create_time, '%Y') from oceanbase.DBA_OB_ZONES": 1305,
    "select value from oceanbase.GV$SYSSTAT where sum(value) > 1": 1111,
    "select value form oceanbase.GV$SYSSTAT where": 1064,
    "select 1; select 2": 1064,
    "select @@no_such_variable": 1193,
    "set session no_such_variable = 1": 1193,
    "insert into oceanbase.DBA_OB_ZONES (zone) values ('z')": 1235,
    "alter system set cpu_count = 8": 1235,
}


async def test_what_a_server_would_refuse_is_refused() -> None:
    async with Sim(Shape()) as sim, client(sim.target()) as cursor:
        found = {sql: await number(cursor, sql) for sql in REFUSED}
        assert found == REFUSED
        assert await rows(cursor, "select 1") == [(1,)]  # and the connection goes on
        assert [each[:2] for each in sim.refused] == list(REFUSED.items())


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_version_has_its_views_with_its_columns_and_no_others(version: str) -> None:
    expected = definitions(version)
    assert "GV$OB_SQLSTAT" not in expected or version in ("4.2.5", "4.3.5")
    async with Sim(Shape(version)) as sim, client(sim.target()) as cursor:
        for name in ("GV$SYSSTAT", "GV$OB_PROCESSLIST", "DBA_OB_UNITS", "GV$OB_PARAMETERS"):
            await cursor.execute(f"select * from oceanbase.{name} limit 0")
            assert [column[0] for column in cursor.description] == list(expected[name].columns)
        asked = await number(cursor, "select 1 from oceanbase.GV$OB_SQLSTAT limit 0")
        assert asked == (0 if version in ("4.2.5", "4.3.5") else 1146)


async def test_values_have_the_types_that_mysql_gives_them() -> None:
    sql = (
        "select sum(value), count(*), max(value) / 3, 7 div 2, 3 / 2, avg(value), 1e0 / 4, null,"
        " sum(value > 0) from oceanbase.GV$SYSSTAT where stat_id = 140005 and con_id = 1"
    )
    async with Sim(Shape()) as sim, client(sim.target()) as cursor:
        ((total, count, third, whole, half, mean, quarter, nothing, positive),) = await rows(cursor, sql)
        assert (count, whole, half, quarter, nothing, positive) == (3, 3, Decimal("1.5"), 0.25, None, 3)
        assert total == Decimal(600)
        assert abs(third - Decimal(200) / 3) < Decimal("0.001")
        assert mean == 200
        ((text, moment),) = await rows(cursor, "select concat(svr_ip, ':', svr_port), create_time from"
                                       " oceanbase.DBA_OB_SERVERS where id = 1")  # fmt: skip
        assert text == "127.1.0.1:2882"
        assert moment.year > 2000


async def test_group_concat_is_cut_unless_the_session_says_otherwise() -> None:
    sql = (
        "select group_concat(name order by stat_id separator ';') from oceanbase.GV$SYSSTAT where con_id = 1"
    )
    async with Sim(Shape()) as sim, client(sim.target()) as cursor:
        assert len((await rows(cursor, sql))[0][0]) == 1024
        await cursor.execute("set session group_concat_max_len = 1000000")
        ((text,),) = await rows(cursor, sql)
        assert text.count(";") > 1000
        assert text.startswith("rpc packet in;")


async def test_large_answers_arrive_whole() -> None:
    wide = "select name, value, concat(name, repeat('x', 300)) from oceanbase.GV$SYSSTAT"
    async with Sim(Shape(servers=6)) as sim, client(sim.target()) as cursor:
        narrow = await rows(cursor, "select svr_ip, con_id, stat_id, name, value from oceanbase.GV$SYSSTAT")
        ((count,),) = await rows(cursor, "select count(*) from oceanbase.GV$SYSSTAT")
        assert len(narrow) == count > 5000
        assert len(set(narrow)) == count
        assert {row[0] for row in narrow} == {sim.endpoint(name).host for name in sim.servers}
        assert all(row[2].endswith("x" * 300) for row in await rows(cursor, wide))
        assert (
            await rows(cursor, "select '\u00fc\U0001f600', '', null from oceanbase.DBA_OB_ZONES")
            == [("\u00fc\U0001f600", "", None)] * 3
        )

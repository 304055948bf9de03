"""What is asked of a cluster, asked of a real kernel: a lab node, with views that pretend to have servers."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator

import asyncmy
import pytest
from clusterrows import answers
from conftest import LiveLab
from reference import capability_of
from watching import figure_of, watching

from distdiag_tui.cli.topology import _granting
from distdiag_tui.model.metrics import COLUMN_INDEX
from distdiag_tui.model.target import Secret, Target
from distdiag_tui.model.text import plain
from distdiag_tui.model.topology import Event, Happening, Status
from distdiag_tui.service.facts.fetch import fetch
from distdiag_tui.sources import wide
from distdiag_tui.sources.discovery.assembly import assemble
from distdiag_tui.sources.discovery.history import History
from distdiag_tui.sources.discovery.parts import HISTORIES
from distdiag_tui.sources.session import Session

SCRATCH = "distdiag_wide"
SERVERS = "(select '10.0.0.1' svr_ip, 2882 svr_port union all select 'fe80::2', 2882) s"
TENANTS = "(select 1 id union all select 1002) t"
VIEWS = {
    "GV$SYSSTAT": "svr_ip, svr_port, t.id con_id, stat_id, value"
    f" from oceanbase.GV$SYSSTAT, {SERVERS}, {TENANTS}",
    "GV$SYSTEM_EVENT": "svr_ip, svr_port, t.id con_id, wait_class_id, wait_class, total_waits,"
    f" time_waited_micro from oceanbase.GV$SYSTEM_EVENT, {SERVERS}, {TENANTS}",
    "GV$OB_PROCESSLIST": f"svr_ip, svr_port, p.* from oceanbase.GV$OB_PROCESSLIST p, {SERVERS}",
    "GV$OB_PLAN_CACHE_STAT": "svr_ip, svr_port, t.id tenant_id, access_count, hit_count, mem_hold"
    f" from oceanbase.GV$OB_PLAN_CACHE_STAT, {SERVERS}, {TENANTS}",
    "GV$OB_SERVERS": "s.svr_ip, s.svr_port, data_disk_in_use, data_disk_capacity, log_disk_in_use,"
    f" log_disk_capacity from oceanbase.V$OB_SERVER_STAT, {SERVERS}",
}


@pytest.fixture
async def session(lab: LiveLab) -> AsyncIterator[Session]:
    """A connection to a lab node."""
    found = Session(lab.target, HISTORIES)
    await found.connect(lab.target.endpoints[:1])
    yield found
    found.close()


async def test_figures_of_many_servers_as_a_kernel_gives_them(session: Session) -> None:
    await session.run(f"drop database if exists {SCRATCH}")
    await session.run(f"create database {SCRATCH}")
    try:
        for name, select in VIEWS.items():
            await session.run(f"create view {SCRATCH}.`{name}` as select {select}")
        await session.run(wide.SET_UP)
        tick = wide.Wide({"sys": 1})
        for query in wide.wide_plan(capability_of("ob-4.2.5.0")):
            tick.add(query, await session.run(query.sql.replace("oceanbase.", f"{SCRATCH}.")))
    finally:
        await session.run(f"drop database {SCRATCH}")
    servers = tick.servers()
    assert set(servers) == {("10.0.0.1", 2882), ("fe80::2", 2882)}
    for tenants, columns in servers.values():
        assert tenants == (0, 1, 1002)
        found = dict(zip(tenants, columns, strict=True))
        for column, index in COLUMN_INDEX.items():
            shared = str(column).startswith(("disk.", "session."))
            if not str(column).startswith(("host.", "process.")):
                assert found[0 if shared else 1][index] >= 0 or shared, column
        assert found[1][COLUMN_INDEX[140003]] > 1e6
        assert found[0][COLUMN_INDEX["disk.data_total"]] > 1e9


async def test_a_row_of_history_is_told_once_and_only_if_it_is_new(session: Session, lab: LiveLab) -> None:
    known, history = assemble(answers()), History()
    await session.run("create user if not exists distdiag_history identified by 'x'")
    assert await history.fresh(session, known, ()) == ()  # what was there before we came
    began = time.time()
    await session.run("drop user distdiag_history")
    told: list[Event] = []
    while not told and time.time() < began + 90:  # a busy kernel tells late: 44 s were seen
        await asyncio.sleep(0.1)
        fresh = await history.fresh(session, known, ())  # rows of other tests may still come in
        told = [e for e in fresh if "execute_cmd" in e.text and abs(e.time - began) < 20]
    assert told
    assert all(event.source in HISTORIES and event.kind is Happening.HISTORY for event in told)
    assert set(await history.fresh(session, known, ())) & set(told) == set()


async def test_the_account_of_the_grants_sees_all_and_can_do_nothing_else(lab: LiveLab) -> None:
    target = dataclasses.replace(lab.target, endpoints=lab.target.endpoints[:1])
    first = target.endpoints[0]
    script = (await _granting(target)).replace("******", "watching").replace("'distdiag'", "'distdiag_least'")
    root = await asyncmy.connect(
        host=first.host, port=first.port, user=target.user, password=target.password.reveal(), autocommit=True
    )
    try:
        async with root.cursor() as cursor:
            for line in script.splitlines():
                if not line.startswith("--"):
                    await cursor.execute(line)
        await _watches_and_no_more(
            dataclasses.replace(target, user="distdiag_least", password=Secret("watching"))
        )
    finally:
        async with root.cursor() as cursor:
            await cursor.execute("drop user distdiag_least")
        root.close()


async def _watches_and_no_more(least: Target) -> None:
    async with watching(least) as watch:
        await watch.until(lambda s: s.layout is not None and any(m.shares for m in s.layout.members.values()))
        snapshot = await watch.until(lambda s: figure_of(s, s.servers[0].name) > 0)
    (found,) = snapshot.servers
    assert (found.status, found.detail) == (Status.UP, "")
    assert snapshot.layout is not None
    assert snapshot.layout.missing == ()
    assert snapshot.layout.members[found.name].shares["log_disk"].used
    session = Session(least, ())
    await session.connect(least.endpoints)
    try:
        for sql in (
            "create database oops",
            "select * from oceanbase.DBA_OB_FREEZE_INFO",
            "select * from mysql.user",
        ):
            with pytest.raises(asyncmy.errors.MySQLError, match="denied"):
                await session.run(sql)
    finally:
        session.close()


async def test_any_characters_in_sql_do_no_harm(session: Session, lab: LiveLab) -> None:
    """Four bytes of UTF-8, controls, a change of direction: as the server gives them back."""
    running = asyncio.create_task(session.run("select sleep(4) /* \U0001d11e \x1b[2J \u202e \x07 */"))
    try:
        for _ in range(20):
            (fact,) = await fetch(lab.target, lab.target.endpoints[0], ("active",))
            found = [row[-1] for row in fact.rows if "sleep(4)" in row[-1]]
            if found:
                break
            await asyncio.sleep(0.1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert fact.missing == ""
    (statement,) = found
    assert "\U0001d11e" in statement
    assert statement == plain(statement)

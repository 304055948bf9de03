"""Facts of a real server: the blocker and the top SQL are named, and trouble is one line."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from asking import session
from conftest import LiveLab

from distdiag_tui.incidents.fact import Fact
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.service.facts.blockers import Wait, roots
from distdiag_tui.service.facts.fetch import NAMES, fetch

TABLE = "dd_facts.t"


@pytest.fixture
async def target(lab: LiveLab) -> AsyncIterator[Target]:
    """The lab, with a table in a database of its own."""
    async with session(lab.target) as cursor:
        await cursor.execute("drop database if exists dd_facts")
        await cursor.execute("create database dd_facts")
        await cursor.execute(f"create table {TABLE} (id int primary key, v int, w int)")
        await cursor.execute(f"insert into {TABLE} values (1, 1, 1), (2, 2, 2)")
        yield lab.target
        await cursor.execute("drop database dd_facts")


async def facts_of(target: Target, *names: str) -> dict[str, Fact]:
    return {fact.name: fact for fact in await fetch(target, target.endpoints[0], names)}


async def test_every_fact_can_be_had_of_a_real_node(target: Target) -> None:
    facts = await facts_of(target, *NAMES)
    assert list(facts) == list(NAMES)
    # a lab node has nobody who could tell of it
    assert {name: fact.missing for name, fact in facts.items() if fact.missing and name != "servers"} == {}
    assert all(len(row) == len(fact.columns) for fact in facts.values() for row in fact.rows)
    assert "/* distdiag */" not in " ".join(cell for row in facts["top_sql"].rows for cell in row)
    for name in ("memstore", "disk", "log", "caches", "reach", "clock"):
        assert facts[name].rows, name


async def test_the_holder_of_a_lock_is_named_with_those_who_wait_for_it(target: Target) -> None:
    async with session(target) as holder, session(target) as first, session(target) as second:
        await holder.execute("begin")
        await holder.execute(f"update {TABLE} set v = 9 where id = 1")
        await holder.execute("select connection_id()")
        (number,) = await holder.fetchone()
        waiting = [asyncio.create_task(each.execute(f"update {TABLE} set v = v + 1 where id = 1"))
                   for each in (first, second)]  # fmt: skip
        blockers = await _until(target, "blockers", lambda fact: bool(fact.rows) and fact.rows[0][2] == "2")
        assert blockers.says.startswith(
            f"session {number} of {target.user}@127.0.0.1 keeps 2 waiting, idle in"
        )
        assert f"update {TABLE}" in blockers.rows[0][4]
        idle = await _until(target, "sessions", lambda fact: str(number) in [row[0] for row in fact.rows])
        assert "idle in a transaction" in idle.says
        facts = await facts_of(target, "transactions", "active")
        assert str(number) in [row[0] for row in facts["transactions"].rows]
        assert len([row for row in facts["active"].rows if f"update {TABLE}" in row[-1]]) == 2
        await holder.execute("rollback")
        await asyncio.gather(*waiting)
    assert (await facts_of(target, "blockers"))["blockers"].rows == ()


async def _until(target: Target, name: str, right: Any) -> Fact:  # noqa: ANN401
    end = time.monotonic() + 20
    while not right(fact := (await facts_of(target, name))[name]):
        assert time.monotonic() < end, fact
    return fact


async def test_the_statement_that_takes_the_time_is_named_with_its_share(target: Target) -> None:
    async with session(target) as cursor:
        await cursor.execute("select /* the culprit */ sleep(0.8)")
        for _ in range(3):
            await cursor.execute("select 1")
    top = (await facts_of(target, "top_sql"))["top_sql"]
    (culprit,) = [row for row in top.rows if "the culprit" in row[-1]]
    assert (culprit[1], culprit[4]) == ("1", f"{target.user}@")
    assert float(culprit[2].removesuffix(" ms")) >= 800
    shares = [int(row[0].removesuffix(" %")) for row in top.rows]
    assert shares == sorted(shares, reverse=True)
    assert top.says.endswith(top.rows[0][-1]) if shares[0] > 25 else not top.says


async def test_ddl_and_what_it_made_are_named(target: Target) -> None:
    async with session(target) as cursor:
        for column in "vw":
            await cursor.execute(f"create index i_{column} on {TABLE} ({column})")
    facts = await facts_of(target, "commands", "indexes", "changed")
    assert f"create index i_w on {TABLE}" in facts["commands"].rows[0][-1]
    assert (TABLE, "3") in facts["indexes"].rows
    assert ("created", "index", "dd_facts.i_w") in [row[1:] for row in facts["changed"].rows]


async def test_statistics_that_were_gathered_are_named(target: Target) -> None:
    async with session(target) as cursor:
        await cursor.execute("call dbms_stats.gather_table_stats('dd_facts', 't')")
    facts = await facts_of(target, "statistics")
    _, what, tables, failed, took = facts["statistics"].rows[0]
    assert (what, tables, failed) == ("manual gather", "1", "0")
    assert took != "goes on"
    assert f"tables: {tables}" in facts["statistics"].says


async def test_logins_of_a_client_are_counted_although_they_are_gone(target: Target) -> None:
    for _ in range(12):
        async with session(target) as cursor:
            await cursor.execute("select 1")
    clients = (await facts_of(target, "clients"))["clients"]
    sessions = {row[0]: int(row[1]) for row in clients.rows}
    assert sessions[f"{target.user}@127.0.0.1"] >= 12


async def test_text_of_a_server_is_inert(target: Target) -> None:
    async with session(target) as cursor:
        await cursor.execute("select sleep(0.9), '[red]\x1b[31m\u202e\nx[/]'")
    top = (await facts_of(target, "top_sql"))["top_sql"]
    (odd,) = [row for row in top.rows if "[red]" in row[-1]]
    assert not set("\x1b\u202e\n") & set(odd[-1])


async def test_what_an_account_may_not_see_says_so_and_costs_nothing_else(target: Target) -> None:
    async with session(target) as cursor:
        await cursor.execute("create user if not exists dd_weak identified by 'weak'")
        try:
            weak = replace(target, user="dd_weak", password=Secret("weak"))
            facts = await facts_of(weak, "top_sql", "blockers", "reach")
        finally:
            await cursor.execute("drop user dd_weak")
    assert "denied" in facts["top_sql"].missing
    assert "GV$OB_LOCKS" in facts["blockers"].missing
    assert facts["reach"].missing == ""


@pytest.mark.parametrize("hangs", [False, True], ids=["dead", "hung"])
async def test_a_server_that_does_not_answer_is_one_line(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ask", "outside"):
        monkeypatch.setattr(f"distdiag_tui.service.facts.{module}.TIMEOUT", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if hangs:
            silent.listen()
        endpoint = Endpoint("127.0.0.1", silent.getsockname()[1], "n1")
        facts = await fetch(Target("lab", (endpoint,)), endpoint, ("reach", "top_sql", "blockers", "servers"))
    assert [fact.name for fact in facts] == ["reach", "servers", "connection"]
    reach, _, connection = facts
    assert connection.title == f"Facts from {endpoint.label}"
    if hangs:
        assert "no answer" in connection.missing
        assert "takes a connection, but is silent" in reach.says
    else:
        assert connection.missing == "connection refused"
        assert reach.says.endswith("connection refused")


def test_a_chain_of_waits_leads_to_its_root_and_a_deadlock_does_not_hang() -> None:
    chain = [Wait(2, 1, 9.0), Wait(3, 2, 5.0), Wait(4, 3, 1.0), Wait(6, 5, 1.0)]
    assert {root: len(waits) for root, waits in roots(chain).items()} == {1: 3, 5: 1}
    assert (
        sum(len(waits) for waits in roots([Wait(1, 2, 1.0), Wait(2, 1, 1.0), Wait(3, 1, 1.0)]).values()) == 3
    )

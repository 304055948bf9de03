"""A client's connection: how many statements it keeps prepared."""

from __future__ import annotations

from random import Random

from answering import CURSORS, Answering

from distdiag_tui.workloads.oltp.config import OltpConfig
from distdiag_tui.workloads.oltp.statements import Planner
from distdiag_tui.workloads.session import Session


async def test_a_server_holds_the_statements_of_however_many_tables() -> None:
    server = Answering()
    session = Session(server, 5.0)
    await session.connect()
    planner = Planner(OltpConfig(tables=256), 1, Random(1))
    steps = [step for _ in range(100) for step in planner.transaction()]
    for step in steps:
        await session.execute(step.sql, step.args)
    assert server.heard[-len(steps) :] == [step.sql for step in steps]
    assert server.connections == 1


async def test_what_is_used_again_and_again_stays_prepared() -> None:
    server = Answering()
    session = Session(server, 5.0)
    await session.connect()
    for number in range(2 * CURSORS):
        for sql in ("SELECT 1", f"SELECT {number + 2}"):
            await session.execute(sql, ())
    assert server.preparations == 1 + 2 * CURSORS


async def test_a_new_connection_has_nothing_prepared() -> None:
    server = Answering()
    session = Session(server, 5.0)
    for _ in range(2):
        await session.connect()
        await session.execute("SELECT 1", ())
        session.close()
    assert server.preparations == 2

"""The tables that bulk_insert begins with: many of them, on a server that is slow."""

from __future__ import annotations

import asyncio

import pytest
from answering import Answering, Rows

from distdiag_tui.model.errors import ConnectError
from distdiag_tui.workloads.options import checked
from distdiag_tui.workloads.sysbench import ready
from distdiag_tui.workloads.sysbench.config import SysbenchConfig, bulk_tables
from distdiag_tui.workloads.sysbench.kind import SYSBENCH

BULK = SysbenchConfig.of(checked(SYSBENCH.options, {"script": "bulk_insert"}))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "_SECONDS", 0.5)


async def test_many_tables_may_take_their_time() -> None:
    async def slow(_: str) -> Rows:
        await asyncio.sleep(0.05)
        return ()

    server, tables = Answering(slow), bulk_tables(0, 10)
    await ready.make_ready(server, BULK, tables, set())
    assert [sql for sql in server.heard if sql.startswith("TRUNCATE")] == [
        f"TRUNCATE TABLE distdiag_sysbench.sbtest{number}" for number in tables
    ]


async def test_another_try_goes_on_with_the_tables_that_are_left() -> None:
    hanging = {"sbtest10003"}

    async def sometimes(sql: str) -> Rows:
        if any(name in sql for name in hanging):
            hanging.clear()
            await asyncio.sleep(60)
        return ()

    server, emptied = Answering(sometimes), set[int]()
    with pytest.raises(ConnectError, match=r"^n1 .*: no answer$"):
        await ready.make_ready(server, BULK, bulk_tables(0, 4), emptied)
    assert emptied == {10001, 10002}
    server.heard.clear()
    await ready.make_ready(server, BULK, bulk_tables(0, 4), emptied)
    assert not any("sbtest10001" in sql or "sbtest10002" in sql for sql in server.heard)
    assert emptied == {10001, 10002, 10003, 10004}

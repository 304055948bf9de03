"""TPC-H and a server that is late, or has done what nobody heard of."""

from __future__ import annotations

import asyncio

import pytest
from answering import Answering, Rows
from asyncmy.errors import OperationalError

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.tpch import verifying
from distdiag_tui.workloads.tpch.filling import _INDEXES, _Filler, _Tally
from distdiag_tui.workloads.tpch.queries import Query
from distdiag_tui.workloads.tpch.schema import TABLES

NATION = next(table for table in TABLES if table.name == "nation")


async def test_a_query_that_takes_too_long_fails_and_the_next_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answers(*_: object) -> dict[int, Rows]:
        return {1: [(1,)], 2: [(2,)]}

    async def answer(sql: str) -> Rows:
        if sql == "SELECT 1":
            await asyncio.sleep(60)
        return [(2,)]

    queries = [Query(number, "", f"SELECT {number}", (), 0) for number in (1, 2)]
    monkeypatch.setattr(verifying, "load_queries", lambda: queries)
    monkeypatch.setattr(verifying, "_answers", answers)
    server = Answering(answer)
    late, right = [check async for check in verifying.verify([server], 0.01, 0.2, lambda *_: None)]
    assert (late.passed, late.detail) == (False, "n1 (127.0.0.1:1): no answer within 0.2 s")
    assert (right.passed, right.detail) == (True, "1 row")
    assert server.heard.count("SELECT 1") == 1
    assert server.connections == 2  # the first one's answer may still come


class Losing:
    """A server that does what it is told about indexes, but the first word of it is lost."""

    def __init__(self, *indexes: str) -> None:
        self.indexes, self._lost = set(indexes), False

    async def __call__(self, sql: str) -> Rows:
        if sql == _INDEXES:
            return [(name,) for name in self.indexes]
        if " INDEX " in sql:
            verb, _, name, *_ = sql.split()
            self._change(verb, name)
        return ()

    def _change(self, verb: str, name: str) -> None:
        if verb == "CREATE" and name in self.indexes:
            raise OperationalError(1061, f"Duplicate key name '{name}'")
        if verb == "DROP" and name not in self.indexes:
            raise OperationalError(1091, f"Can't DROP '{name}'; check that column/key exists")
        self.indexes ^= {name}
        if not self._lost:
            self._lost = True
            raise ConnectionResetError


@pytest.mark.parametrize("wanted", [True, False])
async def test_an_index_that_was_made_or_dropped_unheard_is_as_it_should_be(*, wanted: bool) -> None:
    losing = Losing(*([] if wanted else NATION.indexes))
    server = Answering(losing)
    filler = _Filler(server, 0.01, _Tally(1, 1, lambda *_: None))
    await filler._index(NATION, set(losing.indexes), wanted=wanted)
    assert losing.indexes == (set(NATION.indexes) if wanted else set())
    assert server.connections == 2


async def test_an_index_that_cannot_be_made_is_told() -> None:
    async def full(sql: str) -> Rows:
        if sql.startswith("CREATE INDEX"):
            raise OperationalError(4184, "Server out of disk space")
        return ()

    filler = _Filler(Answering(full), 0.01, _Tally(1, 1, lambda *_: None))
    with pytest.raises(WorkloadError, match="out of disk space"):
        await filler._index(NATION, set(), wanted=True)

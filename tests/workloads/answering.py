"""A server that is a function: what it answers to each statement, without any network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from asyncmy.errors import OperationalError

from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.session import Node, Wire

Rows = Sequence[tuple[Any, ...]]
CURSORS = 50
"""How many statements may be prepared at a time on a connection: OceanBase's default of open_cursors."""


async def nothing(_: str) -> Rows:
    """No rows, at once."""
    return ()


class Answering(Node):
    """`heard` are all statements in order; `answer` gives rows, takes its time, or raises."""

    def __init__(self, answer: Callable[[str], Awaitable[Rows]] = nothing) -> None:
        super().__init__(Endpoint("127.0.0.1", 1, "n1"), "root", Secret())
        self.answer = answer
        self.heard: list[str] = []
        self.connections = self.preparations = 0

    async def connect(self) -> Wire:
        """A new connection."""
        self.connections += 1
        return cast(Wire, _Connection(self))


class _Connection:
    """Its own cursor, too."""

    def __init__(self, server: Answering) -> None:
        self.prepared = 0
        self.server = server
        self._rows: Rows = ()

    def cursor(self) -> _Connection:
        return self

    async def query(self, sql: str) -> int:
        return await self.execute(sql)

    async def execute(self, sql: str, _: Sequence[object] | None = None) -> int:
        self.server.heard.append(sql)
        self._rows = await self.server.answer(sql)
        return len(self._rows)

    async def fetchall(self) -> Rows:
        return self._rows

    async def prepare(self, sql: str) -> _Prepared:
        self.server.preparations += 1
        if self.prepared == CURSORS:
            raise OperationalError(5930, "maximum open cursors exceeded")
        self.prepared += 1
        return _Prepared(self, sql)

    def close(self) -> None:
        pass


@dataclass
class _Result:
    rows: Rows
    affected_rows: int = 0


@dataclass
class _Prepared:
    connection: _Connection
    sql: str

    async def execute(self, _: Sequence[object]) -> _Result:
        await self.connection.execute(self.sql)
        return _Result(await self.connection.fetchall())

    async def close(self) -> None:
        self.connection.prepared -= 1

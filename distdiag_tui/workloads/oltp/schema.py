"""The load's database: created and marked as ours, filled, checked, and dropped only if the mark is there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, cast

from asyncmy.errors import MySQLError

from distdiag_tui.model.errors import ConnectError, WorkloadError
from distdiag_tui.workloads.oltp.config import OltpConfig
from distdiag_tui.workloads.oltp.session import Node
from distdiag_tui.workloads.oltp.statements import DATABASE, OWNER_TABLE, create_table_sql, digits, table_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BATCH_ROWS = 500
_LOADERS = 4  # tables filled at a time on one node

Progress = Callable[[float], None]
"""Told the fraction of the rows in place, 0..1."""


class _Cursor(Protocol):
    async def execute(self, query: str) -> int: ...
    async def fetchall(self) -> Sequence[tuple[Any, ...]]: ...


async def prepare(nodes: Sequence[Node], config: OltpConfig, progress: Progress) -> None:
    """Bring every node's tables to exactly `config.rows` rows; what is already there is kept.

    Nodes of one cluster share their database and are filled once. Raises ConnectError if a node cannot be
    reached or refuses the account, WorkloadError if the database is somebody else's.
    """
    stores: dict[str, Node] = {}
    for node in nodes:  # one by one: two nodes of one cluster must not both create the database
        stores.setdefault(await _claim(node), node)
    tally = _Tally(len(stores) * config.tables * config.rows, progress)
    await asyncio.gather(*(_fill_node(node, config, tally) for node in stores.values()))


async def cleanup(nodes: Sequence[Node]) -> None:
    """Drop the load's database from every node; nothing, and WorkloadError, if one of them is not ours."""
    ours = [node for node in nodes if await _owner(node) is not None]
    for node in ours:
        async with _statements(node) as cursor:
            await cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")


class _Tally:
    """Rows in place over all tables and nodes."""

    def __init__(self, expected: int, progress: Progress) -> None:
        self._expected, self._progress, self._rows = expected, progress, 0

    def add(self, rows: int) -> None:
        self._rows += rows
        self._progress(self._rows / self._expected)


@asynccontextmanager
async def _statements(node: Node) -> AsyncIterator[_Cursor]:
    """A cursor on a connection of its own; failures become one line that names the node."""
    try:
        connection = cast(Any, await node.connect())
    except (MySQLError, OSError) as error:
        raise ConnectError(f"{node.label}: {_reason(error)}") from error
    try:
        yield cast(_Cursor, connection.cursor())
    except MySQLError as error:
        raise WorkloadError(f"{node.label}: {_reason(error)}") from error
    finally:
        connection.close()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return str(error.args[-1]) if error.args else type(error).__name__


async def _claim(node: Node) -> str:
    """Create and mark the database unless it is there; returns its mark."""
    mark = await _owner(node)
    if mark is not None:
        return mark
    mark = str(uuid.uuid4())
    async with _statements(node) as cursor:
        await cursor.execute(f"CREATE DATABASE {DATABASE}")
        await cursor.execute(f"CREATE TABLE {DATABASE}.{OWNER_TABLE} (mark CHAR(36) NOT NULL PRIMARY KEY)")
        await cursor.execute(f"INSERT INTO {DATABASE}.{OWNER_TABLE} VALUES ('{mark}')")  # noqa: S608 - ours
    return mark


async def _owner(node: Node) -> str | None:
    """The mark in the node's load database, None if there is no such database, WorkloadError if unmarked."""
    async with _statements(node) as cursor:
        await cursor.execute(f"SHOW DATABASES LIKE '{DATABASE}'")
        if not await cursor.fetchall():
            return None
        await cursor.execute(f"SHOW TABLES FROM {DATABASE} LIKE '{OWNER_TABLE}'")
        if await cursor.fetchall():
            await cursor.execute(f"SELECT mark FROM {DATABASE}.{OWNER_TABLE}")  # noqa: S608 - constants
            marks = await cursor.fetchall()
            if marks:
                return str(marks[0][0])
    raise WorkloadError(f"{node.label}: database {DATABASE} was not created by distdiag, so it is left alone")


async def _fill_node(node: Node, config: OltpConfig, tally: _Tally) -> None:
    gate = asyncio.Semaphore(_LOADERS)

    async def fill(table: int) -> None:
        async with gate, _statements(node) as cursor:
            await _fill_table(cursor, table, config.rows, tally)

    await asyncio.gather(*(fill(table) for table in range(1, config.tables + 1)))


async def _fill_table(cursor: _Cursor, table: int, rows: int, tally: _Tally) -> None:
    name = f"{DATABASE}.{table_name(table)}"
    await cursor.execute(create_table_sql(table))
    await cursor.execute(f"SELECT COUNT(*), COALESCE(MAX(id), 0) FROM {name}")  # noqa: S608 - our own name
    [(count, last)] = await cursor.fetchall()
    if count != last or count > rows:  # not a clean beginning: start over
        await cursor.execute(f"TRUNCATE TABLE {name}")
        count = 0
    tally.add(count)
    rng = Random(table)  # noqa: S311 - test data, the same on each node
    for first in range(count + 1, rows + 1, BATCH_ROWS):
        batch = range(first, min(first + BATCH_ROWS, rows + 1))
        await cursor.execute(_insert_sql(name, batch, rows, rng))
        tally.add(len(batch))


def _insert_sql(name: str, ids: range, rows: int, rng: Random) -> str:
    values = (f"({i},{rng.randint(1, rows)},'{digits(rng, 120)}','{digits(rng, 60)}')" for i in ids)
    return f"INSERT INTO {name} (id, k, c, pad) VALUES {','.join(values)}"  # noqa: S608 - our own digits

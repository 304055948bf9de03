"""A workload's own database: created, marked as ours, described in notes; dropped only if it has the mark."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from asyncmy.errors import MySQLError

from distdiag_tui.model.errors import ConnectError, WorkloadError
from distdiag_tui.workloads.options import Value, Values
from distdiag_tui.workloads.protocol import Progress, Workload
from distdiag_tui.workloads.session import Node, error_key, limit_statements

OWNER_TABLE = "distdiag_owner"
NOTES_TABLE = "distdiag_notes"
STATEMENT_SECONDS: Final = 120.0
_EXISTS: Final = 1007
_CREATION_SECONDS: Final = 5.0


class Cursor(Protocol):
    """The part of an asyncmy cursor in use, with types."""

    async def execute(self, query: str, args: Sequence[object] | None = None) -> int: ...
    async def fetchall(self) -> Sequence[tuple[Any, ...]]: ...


@asynccontextmanager
async def statements(node: Node) -> AsyncIterator[Cursor]:
    """A cursor on a connection of its own; failures become one line that names the node.

    Statements may take 120 s: OceanBase's own limit of 10 s is short for large tables and busy disks.
    """
    try:
        connection = await node.connect()
    except (MySQLError, OSError) as error:
        raise ConnectError(f"{node.label}: {reason(error)}") from error
    try:
        await limit_statements(connection, STATEMENT_SECONDS)
        yield cast(Cursor, cast(Any, connection).cursor())
    except (MySQLError, OSError, asyncio.IncompleteReadError) as error:
        raise WorkloadError(f"{node.label}: {reason(error)}") from error
    finally:
        connection.close()


def reason(error: Exception) -> str:
    """An error of the server or the wire in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, asyncio.IncompleteReadError | ConnectionResetError | BrokenPipeError):
        return "the connection was lost"
    return str(error.args[-1]) if error.args else type(error).__name__


@dataclass(frozen=True, slots=True)
class Prepared:
    """Data that is there: the sizes it was made with, and whether it is complete."""

    sizes: Mapping[str, Value]
    ready: bool


class Database:
    """The database `name` on every node. Nodes of one cluster share one, which then has a single store."""

    def __init__(self, name: str, nodes: Sequence[Node]) -> None:
        self.name, self._nodes = name, nodes

    async def claim(self) -> list[Node]:
        """Create and mark the database where it is not there; returns one node for each store.

        WorkloadError if a database of that name is somebody else's.
        """
        stores: dict[str, Node] = {}
        for node in self._nodes:  # one by one: two nodes of one cluster must not both create it
            mark = await self._owner(node)
            stores.setdefault(mark or await self._make(node, fresh=mark is None), node)
        return list(stores.values())

    async def stores(self) -> list[Node]:
        """One node for each store; WorkloadError if a node has none."""
        return [nodes[0] for nodes in await self.sharing()]

    async def sharing(self) -> list[list[Node]]:
        """The nodes of each store; WorkloadError if a node has none."""
        stores: dict[str, list[Node]] = {}
        for node in self._nodes:
            mark = await self._owner(node)
            if not mark:
                raise WorkloadError(
                    f"{node.label}: there is no database {self.name}; prepare the workload first"
                )
            stores.setdefault(mark, []).append(node)
        return list(stores.values())

    async def prepared(self) -> Prepared | None:
        """What all nodes have in common; None if one of them has nothing."""
        try:
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._look(node)) for node in self._nodes]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        found = [seen for look in looks if (seen := look.result())]
        if len(found) < len(looks):
            return None
        return in_common(found)

    async def _look(self, node: Node) -> Prepared | None:
        return as_noted(await self.notes(node)) if await self._owner(node) else None

    async def notes(self, node: Node) -> dict[str, str]:
        """What was noted about the data of a node's store."""
        async with statements(node) as cursor:
            if NOTES_TABLE not in await _column(cursor, f"SHOW TABLES FROM {self.name}"):
                return {}
            await cursor.execute(f"SELECT name, value FROM {self.name}.{NOTES_TABLE}")  # noqa: S608 - constants
            return {str(name): str(value) for name, value in await cursor.fetchall()}

    async def note(self, node: Node, **notes: str) -> None:
        """Note something about the data of a node's store."""
        async with statements(node) as cursor:
            table = f"{self.name}.{NOTES_TABLE}"
            if NOTES_TABLE not in await _column(cursor, f"SHOW TABLES FROM {self.name}"):
                await cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} (name VARCHAR(64) PRIMARY KEY, value VARCHAR(4000))"
                )
            for name, value in notes.items():
                await cursor.execute(f"REPLACE INTO {table} VALUES (%s, %s)", (name, value))  # noqa: S608 - ours

    async def fill(self, workload: Workload, sizes: Values, progress: Progress) -> None:
        """Bring a workload's data to these sizes, and note that it is complete only when it is."""
        stores = await self.claim()
        before = await self.prepared()
        for node in stores:
            await self.note(node, ready="no", sizes=json.dumps(dict(sizes)))
        await workload.fill(stores, before.sizes if before else None, progress)
        for node in stores:
            await self.note(node, ready="yes")

    async def drop(self) -> bool:
        """Drop the database from every node; nothing, and WorkloadError, if one of them is not ours.

        Returns whether there was anything to drop.
        """
        ours = [node for node in self._nodes if await self._owner(node) is not None]
        for node in ours:
            async with statements(node) as cursor:
                await cursor.execute(f"DROP DATABASE IF EXISTS {self.name}")
        return bool(ours)

    async def _make(self, node: Node, *, fresh: bool) -> str:
        """Create the database, to the end even if we are cancelled: without mark it would not be ours."""
        making = asyncio.ensure_future(self._create(node, fresh=fresh))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait({making}, timeout=1.0)
            raise

    async def _create(self, node: Node, *, fresh: bool) -> str:
        mark, owner = str(uuid.uuid4()), f"{self.name}.{OWNER_TABLE}"
        try:
            async with statements(node) as cursor:
                if fresh:
                    await cursor.execute(f"CREATE DATABASE {self.name}")
                await cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {owner} (mark CHAR(36) NOT NULL PRIMARY KEY)"
                )
                await cursor.execute(f"INSERT INTO {owner} VALUES (%s)", (mark,))  # noqa: S608 - ours
        except WorkloadError as error:
            if isinstance(error.__cause__, MySQLError) and error_key(error.__cause__) == _EXISTS:
                return await self._made_elsewhere(node)
            raise
        return mark

    async def _made_elsewhere(self, node: Node) -> str:
        """The mark of a database that was made through another node of the cluster this moment."""
        clock = asyncio.get_running_loop().time
        end = clock() + _CREATION_SECONDS
        while clock() < end:
            with suppress(WorkloadError):
                if mark := await self._owner(node):
                    return mark
            await asyncio.sleep(0.2)
        raise WorkloadError(f"{node.label}: database {self.name} was made this moment by somebody else")

    async def _owner(self, node: Node) -> str | None:
        """The mark in the node's database, "" if it is ours but was cut off before the mark was set.

        None if there is no such database, WorkloadError if it is somebody else's.
        """
        async with statements(node) as cursor:
            if self.name not in await _column(cursor, "SHOW DATABASES"):
                return None
            tables = await _column(cursor, f"SHOW TABLES FROM {self.name}")
            if OWNER_TABLE in tables:
                marks = await _column(cursor, f"SELECT mark FROM {self.name}.{OWNER_TABLE} ORDER BY mark")  # noqa: S608 - ours
                return marks[0] if marks else ""
        hint = "" if tables else "; if a prepare was cut off just there, drop this empty database by hand"
        raise WorkloadError(
            f"{node.label}: database {self.name} was not created by distdiag, so it is left alone{hint}"
        )


def as_noted(notes: Mapping[str, str]) -> Prepared | None:
    """The data that the notes tell of, None if they tell nothing sensible."""
    try:
        sizes = json.loads(notes.get("sizes", ""))
    except ValueError:
        return None
    return Prepared(sizes, notes.get("ready") == "yes") if isinstance(sizes, dict) else None


def in_common(found: Sequence[Prepared]) -> Prepared:
    """Ready only if all of them are, and alike."""
    alike = all(each.sizes == found[0].sizes for each in found)
    return Prepared(found[0].sizes, alike and all(each.ready for each in found))


async def _column(cursor: Cursor, query: str) -> list[str]:
    await cursor.execute(query)
    return [str(row[0]) for row in await cursor.fetchall()]

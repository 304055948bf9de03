"""Too many indexes: every write of a hot table has more to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle, islice, permutations
from typing import Final

from asyncmy.errors import MySQLError

from distdiag_tui.anomalies.protocol import Note, Notes
from distdiag_tui.anomalies.sql.asking import PATIENCE, asking, quoted, rows_of, tagging, word_of
from distdiag_tui.anomalies.sql.clients import Clients
from distdiag_tui.anomalies.sql.hot import Table
from distdiag_tui.anomalies.sql.hotfault import HotFault
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.workloads.database import Cursor
from distdiag_tui.workloads.session import error_key, together

_AT_A_TIME: Final = 3  # indexes made or dropped by one statement: it ends before a patience does
_BUILD_SECONDS: Final = 50.0
_LOOK_EVERY: Final = 5.0  # seconds
_NOT_THERE: Final = 1091  # what the server says of an index that is to be dropped and does not exist


class ExtraIndexes(HotFault):
    """`indexes` more on each of the tables, named after the injection."""

    async def _doing(self) -> list[str]:
        made = (sql for table in await self._tables() for sql in self._making(table))
        return [*await super()._doing(), *made]

    def _undoing(self) -> list[str]:
        found = f"information_schema.statistics names with the prefix {self._prefix}"
        return [*super()._undoing(), f"ALTER TABLE … DROP INDEX, for every index that {found}"]

    async def hold(self) -> str:
        """Until the indexes are gone with their tables, or the clients cannot go on."""
        ends = [asyncio.ensure_future(self._gone())]
        if self._clients is not None:
            ends.append(asyncio.ensure_future(self._clients.run()))
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for end in ends:
                end.cancel()
            await asyncio.wait(ends)

    async def _build(self, note: Note) -> None:
        await super()._build(note)
        note("indexes", ", ".join(f"{table.full}: {self.values['indexes']}" for table in self._chosen))
        await together(self._make(table) for table in self._chosen)

    def _crew(self) -> Clients | None:
        writers = self._writers()
        return Clients(self.site, writers) if writers else None

    @property
    def _prefix(self) -> str:
        return f"distdiag_{word_of(self.site)}_"

    def _making(self, table: Table) -> Iterator[str]:
        """The statements, of a few indexes each."""
        pairs: list[tuple[str, ...]] = [*permutations(table.columns, 2)] or [table.columns]
        chosen = islice(cycle(pairs), int(self.values["indexes"]))
        adds = [
            f"ADD INDEX {self._prefix}{number} ({', '.join(each)})" for number, each in enumerate(chosen, 1)
        ]
        for first in range(0, len(adds), _AT_A_TIME):
            yield f"ALTER TABLE {table.full} {', '.join(adds[first : first + _AT_A_TIME])}"

    async def _make(self, table: Table) -> None:
        async with asking(self.site, _BUILD_SECONDS) as cursor:
            await cursor.execute(tagging(self.site))  # whoever reverts first ends this session
            for statement in self._making(table):
                await cursor.execute(statement)

    async def _gone(self) -> str:
        """Why, as soon as no index is left though nobody has asked us to drop them."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                async with asking(self.site) as cursor:
                    if not await self._there(cursor):
                        return "the tables with the indexes are gone"
            except AnomalyError:
                continue  # a server that is down still has them

    async def _there(self, cursor: Cursor) -> list[tuple[str, str]]:
        """Table and index of all that are there, complete or still being built."""
        rows = await rows_of(
            cursor,
            "SELECT DISTINCT table_schema, table_name, index_name FROM information_schema.statistics"  # noqa: S608
            f" WHERE LEFT(index_name, {len(self._prefix)}) = '{self._prefix}'",
        )
        return sorted(
            (f"{quoted(schema)}.{quoted(table)}", str(index))
            for schema, table, index in rows
            if str(index)[len(self._prefix) :].isdecimal()  # not those of an injection whose name goes on
        )

    async def _undo(self, notes: Notes) -> None:
        by_table: dict[str, list[str]] = {}
        async with asking(self.site) as cursor:
            for table, index in await self._there(cursor):
                by_table.setdefault(table, []).append(index)
        await together(self._drop(table, indexes) for table, indexes in by_table.items())
        await super()._undo(notes)

    async def _drop(self, table: str, indexes: list[str]) -> None:
        for first in range(0, len(indexes), _AT_A_TIME):
            some = indexes[first : first + _AT_A_TIME]
            async with asking(self.site, PATIENCE) as cursor:
                if not await _dropped(cursor, table, some):
                    for index in some:
                        await _dropped(cursor, table, [index])

    async def _left(self, cursor: Cursor, notes: Notes) -> str:
        if indexes := await self._there(cursor):
            return f"{len(indexes)} indexes {self._prefix}… are still on {self.site.label}"
        return await super()._left(cursor, notes)


async def _dropped(cursor: Cursor, table: str, indexes: list[str]) -> bool:
    """False, with none dropped, if one is not there: what we gave up waiting for may go on being done."""
    drops = ", ".join(f"DROP INDEX {quoted(each)}" for each in indexes)
    try:
        await cursor.execute(f"ALTER TABLE {table} {drops}")
    except MySQLError as error:
        if error_key(error) != _NOT_THERE:
            raise
        return False
    return True

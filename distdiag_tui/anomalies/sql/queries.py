"""Faults that are sessions with costly queries on a table of the injection's own."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from distdiag_tui.anomalies.protocol import Note, Notes
from distdiag_tui.anomalies.sql import own
from distdiag_tui.anomalies.sql.clients import Clients
from distdiag_tui.anomalies.sql.fault import SqlFault
from distdiag_tui.workloads.database import Cursor
from distdiag_tui.workloads.session import Session


class CostlyQueries(SqlFault):
    """`sessions` clients that run `query` on a table `data` of `rows` rows, one after the other.

    `columns` is the table's definition, `filling` its values after the id; {table} and {id} stand for those.
    """

    columns: ClassVar[str]
    filling: ClassVar[str]
    query: ClassVar[str]

    @property
    def _table(self) -> str:
        return f"{own.database_of(self.site)}.data"

    @property
    def _query(self) -> str:
        return self.query.format(table=self._table)

    def _tables(self) -> list[str]:
        create = f"CREATE TABLE {self._table} (id INT NOT NULL PRIMARY KEY, {self.columns})"
        return [create, *own.rows(self._table, int(self.values["rows"]), self.filling)]

    async def _doing(self) -> list[str]:
        again = f"{self.values['sessions']} sessions, over and over: {self._query}"
        return [*own.creation(self.site, self._tables()), again]

    def _undoing(self) -> list[str]:
        return [own.dropping(self.site)]

    async def _build(self, note: Note) -> None:
        await own.create(self.site, note, self._tables())

    def _crew(self) -> Clients:
        return Clients(self.site, [partial(_ask, self._query)] * int(self.values["sessions"]))

    async def _undo(self, notes: Notes) -> None:
        await own.drop(self.site, notes)

    async def _left(self, cursor: Cursor, notes: Notes) -> str:
        return await own.left(cursor, self.site, notes)


async def _ask(query: str, session: Session) -> None:
    await session.query(query)

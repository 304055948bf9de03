"""Statements of one transaction over a session, and how many there were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distdiag_tui.workloads.session import Argument, Session

Row = tuple[Any, ...]


class Talk:
    """Raises what the session raises, and LookupError for a row that must be there and is not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.queries = 0

    async def begin(self) -> None:
        self.queries += 1
        await self._session.begin()

    async def begin_snapshot(self) -> None:
        """Begin with all reads as of one moment: otherwise each statement sees what is committed by then."""
        self.queries += 1
        await self._session.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await self.begin()

    async def commit(self) -> None:
        self.queries += 1
        await self._session.commit()

    async def roll_back(self) -> None:
        self.queries += 1
        await self._session.rollback()

    async def rows(self, sql: str, *args: Argument) -> Sequence[Row]:
        """The rows of a query."""
        self.queries += 1
        return (await self._session.execute(sql, args)).rows or ()

    async def row(self, sql: str, *args: Argument) -> Row:
        """The first row of a query."""
        rows = await self.rows(sql, *args)
        if not rows:
            raise LookupError(f"no row for {args} in: {sql}")
        return rows[0]

    async def change(self, sql: str, *args: Argument) -> int:
        """Run a statement that is no query; the rows it changed."""
        self.queries += 1
        return (await self._session.execute(sql, args)).affected_rows

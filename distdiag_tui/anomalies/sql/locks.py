"""Lock contention: transactions that hold rows which others want to change."""

from __future__ import annotations

import asyncio
from typing import Final

from asyncmy.errors import MySQLError

from distdiag_tui.anomalies.protocol import Note, Site
from distdiag_tui.anomalies.sql.asking import asking
from distdiag_tui.anomalies.sql.clients import Clients
from distdiag_tui.anomalies.sql.hot import Table
from distdiag_tui.anomalies.sql.hotfault import HotFault
from distdiag_tui.workloads.session import Session, error_key

MOST_ROWS: Final = 20_000
"""Locked at a time in one table, however large it is."""

_UNKNOWN_WORDS: Final = (1064, 1235)  # an older server does not know how to pass over locked rows
_BREATH: Final = 0.1  # seconds in which others get the rows
_GRACE: Final = 10  # seconds after which the server itself ends a transaction that we have forgotten


class Locker:
    """One client: a round takes the rows, the next one gives them back after a time."""

    def __init__(self, select: str, seconds: float) -> None:
        self._select, self._seconds = select, seconds
        self._holds = False

    async def __call__(self, session: Session) -> None:
        if not self._holds:
            await session.begin()
            await session.query(self._select)
            self._holds = True
            return
        self._holds = False
        await asyncio.sleep(self._seconds)
        await session.rollback()
        await asyncio.sleep(_BREATH)


class HoldRows(HotFault):
    """One transaction a table locks `percent` of its rows, holds them for `hold_s`, rolls back; and again.

    Rows that others have just then are passed over: to wait for them, holding what those others wait for,
    would end in time-outs on both sides.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._hold = float(site.values["hold_s"])
        self._passing = " SKIP LOCKED"

    async def _build(self, note: Note) -> None:
        await super()._build(note)
        async with asking(self.site) as cursor:
            try:
                await cursor.execute(f"SELECT 1 FROM {self._chosen[0].full} LIMIT 1 FOR UPDATE SKIP LOCKED")  # noqa: S608
            except MySQLError as error:
                if error_key(error) not in _UNKNOWN_WORDS:
                    raise
                self._passing = ""

    async def _doing(self) -> list[str]:
        return [
            *await super()._doing(),
            f"for each session: {'; '.join(self._settings())}",
            *(f"over and over: {self._cycle(table)}" for table in await self._tables()),
        ]

    def _crew(self) -> Clients:
        lockers = [Locker(self._select(table), self._hold) for table in self._chosen]
        return Clients(self.site, [*lockers, *self._writers()], self._settings())

    def _settings(self) -> list[str]:
        idle = int(1e6 * (self._hold + _GRACE))
        # where others' locks have to be waited for, it is not for ever
        return [
            f"SET ob_trx_timeout = {2 * idle}",
            f"SET ob_trx_idle_timeout = {idle}",
            "SET ob_trx_lock_timeout = 3000000",
        ]

    def _select(self, table: Table) -> str:
        percent = int(self.values["percent"])
        keys = ", ".join(table.keys)
        where = "" if percent >= 100 else f" WHERE MOD(CRC32(CONCAT_WS(',', {keys})), 100) < {percent}"
        return f"SELECT {keys} FROM {table.full}{where} LIMIT {MOST_ROWS} FOR UPDATE{self._passing}"  # noqa: S608 - ours

    def _cycle(self, table: Table) -> str:
        return f"BEGIN; {self._select(table)}; after {self._hold:g} s ROLLBACK"

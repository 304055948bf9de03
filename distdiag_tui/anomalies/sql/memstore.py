"""Memory pressure: open transactions that fill the memstore."""

from __future__ import annotations

import asyncio
from typing import Final

from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.anomalies.sql import own
from distdiag_tui.anomalies.sql.asking import asking, own_tenant, rows_of
from distdiag_tui.anomalies.sql.clients import Clients
from distdiag_tui.anomalies.sql.fault import SqlFault
from distdiag_tui.workloads.database import Cursor
from distdiag_tui.workloads.session import Session

FREEZE: Final = "ALTER SYSTEM MINOR FREEZE"

_ROW: Final = 60_000  # bytes; alike, so that what is flushed takes no room on disk
_BATCH: Final = 16  # rows of one statement
_STEP: Final = _ROW * _BATCH
_LOOK_EVERY: Final = 0.1  # seconds
_LOG_SHARE: Final = 0.45  # of the log disk, beyond which we wait: at 60 % the server throttles everybody
_SLACK: Final = 0.1  # of the limit, by which others may have written more meanwhile


class FillMemstore(SqlFault):
    """`sessions` transactions write until `percent` of the memstore's limit are used, and keep it there.

    The server flushes what they wrote, committed or not; so they write on. Each begins anew once it has
    written its share of the limit: an open transaction holds its log, and the log's disk is small.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._usage = ""
        self._share = 0.0  # bytes a transaction writes at most
        self._room = 0.0  # bytes that may be written until the next look

    async def _doing(self) -> list[str]:
        again = f"BEGIN; {self._insert}; …; ROLLBACK after its share of the limit"
        words = "{sessions} sessions, over and over, while less than {percent} % of the memstore are used: "
        return [FREEZE, *own.creation(self.site, self._tables()), words.format(**self.values) + again]

    def _undoing(self) -> list[str]:
        return [own.dropping(self.site), FREEZE]

    @property
    def _insert(self) -> str:
        name = own.database_of(self.site)
        return f"INSERT INTO {name}.data (pad) SELECT REPEAT('x', {_ROW}) FROM {name}.batch"  # noqa: S608

    def _tables(self) -> list[str]:
        name = own.database_of(self.site)
        return [
            f"CREATE TABLE {name}.data (id BIGINT AUTO_INCREMENT PRIMARY KEY, pad VARCHAR({_ROW}) NOT NULL)",
            f"CREATE TABLE {name}.batch (id INT PRIMARY KEY, n INT)",
            *own.rows(f"{name}.batch", _BATCH, "0"),
        ]

    async def _build(self, note: Note) -> None:
        async with asking(self.site) as cursor:
            used, limit, _ = await memstore(cursor)
            self._usage = await usage(cursor)
            await cursor.execute(FREEZE)  # who may not, could not give the memory back either
        note("memstore", str(used))
        self._share = limit / int(self.values["sessions"])
        await own.create(self.site, note, self._tables())

    def _crew(self) -> Clients:
        writers = [Writer(self) for _ in range(int(self.values["sessions"]))]
        return Clients(self.site, [self._look, *writers])

    async def _look(self, session: Session) -> None:
        """How much may be written now."""
        rows = (await session.execute(self._usage, ())).rows
        used, limit, _, log = map(float, rows[0]) if rows else (0.0, 0.0, 0.0, 0.0)
        self._room = 0.0 if log > _LOG_SHARE else limit * float(self.values["percent"]) / 100 - used
        await asyncio.sleep(_LOOK_EVERY)

    async def write(self, session: Session) -> int:
        """Write a batch if there is room; bytes written."""
        if self._room < _STEP:
            await asyncio.sleep(_LOOK_EVERY)
            return 0
        self._room -= _STEP
        await session.query(self._insert)
        return _STEP

    @property
    def share(self) -> float:
        """Bytes that one transaction writes at most."""
        return self._share

    async def _undo(self, notes: Notes) -> None:
        await own.drop(self.site, notes)
        if "memstore" in notes:
            async with asking(self.site) as cursor:
                await cursor.execute(FREEZE)

    async def _left(self, cursor: Cursor, notes: Notes) -> str:
        if there := await own.left(cursor, self.site, notes):
            return there
        used, limit, trigger = await memstore(cursor)
        before = float(notes.get("memstore", used))
        if used > max(before + _SLACK * limit, trigger):
            return f"{100 * used / limit:.0f} % of the memstore of {self.site.label} are still used"
        return ""


class Writer:
    """One client and its open transaction."""

    def __init__(self, fault: FillMemstore) -> None:
        self._fault = fault
        self._written = -1  # bytes in the open transaction; -1: none is open

    async def __call__(self, session: Session) -> None:
        written, self._written = self._written, -1
        if written < 0:
            await session.begin()
            written = 0
        written += await self._fault.write(session)
        if written < self._fault.share:
            self._written = written
        else:
            await session.rollback()


async def usage(cursor: Cursor) -> str:
    """The query for one row: bytes used, limit, bytes from which the server freezes, share of the log disk.

    All of the account's tenant on this server.
    """
    memory = f"oceanbase.V$OB_MEMSTORE WHERE {await own_tenant(cursor, 'oceanbase.V$OB_MEMSTORE')}"
    log = f"oceanbase.V$OB_UNITS WHERE {await own_tenant(cursor, 'oceanbase.V$OB_UNITS')}"
    share = f"(SELECT log_disk_in_use / log_disk_size FROM {log})"  # noqa: S608 - constants
    return f"SELECT memstore_used, memstore_limit, freeze_trigger, {share} FROM {memory}"  # noqa: S608


async def memstore(cursor: Cursor) -> tuple[float, float, float]:
    """Bytes used, limit, and those from which the server itself freezes."""
    [(used, limit, trigger, _)] = await rows_of(cursor, await usage(cursor))
    return float(used), float(limit), float(trigger)

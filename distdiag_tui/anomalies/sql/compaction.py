"""Major compactions, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.anomalies.sql import own
from distdiag_tui.anomalies.sql.asking import asking, own_tenant, rows_of
from distdiag_tui.anomalies.sql.clients import Clients, Over
from distdiag_tui.anomalies.sql.fault import SqlFault
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.workloads.database import Cursor
from distdiag_tui.workloads.session import Session

FREEZE: Final = "ALTER SYSTEM MAJOR FREEZE"
STATUS: Final = "SELECT status, frozen_scn, last_scn FROM oceanbase.DBA_OB_MAJOR_COMPACTION"
PACE: Final = "ob_compaction_schedule_interval"
QUICK: Final = "3s"
"""How often the server looks for tables to merge; its default of 120 s is longer than a fault lasts."""

_LOOK_EVERY: Final = 1.0  # seconds
_LOOKS: Final = 100  # a tenth of a second apart, until a merge is seen to begin


class MajorFreeze(SqlFault):
    """Changes `rows` rows of a table of its own and freezes; `times` times, each after the last merge."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._frozen = 0
        self.words = ""

    async def _doing(self) -> list[str]:
        again = (
            f"up to {self.values['times']} times, as soon as no merge is running: {self._update}; {FREEZE}"
        )
        return [f"ALTER SYSTEM SET {PACE} = '{QUICK}'", *own.creation(self.site, self._tables()), again]

    def _undoing(self) -> list[str]:
        return [
            own.dropping(self.site),
            "wait until the merge is over: it cannot be called off",
            f"ALTER SYSTEM SET {PACE} = what it was before",
        ]

    @property
    def _table(self) -> str:
        return f"{own.database_of(self.site)}.data"

    @property
    def _update(self) -> str:
        return f"UPDATE {self._table} SET n = n + 1, t = REVERSE(t)"  # noqa: S608 - our own table

    def _tables(self) -> list[str]:
        create = f"CREATE TABLE {self._table} (id INT NOT NULL PRIMARY KEY, n INT NOT NULL, t VARCHAR(200))"
        return [create, *own.rows(self._table, int(self.values["rows"]), "0, REPEAT(MD5({id}), 5)")]

    async def _build(self, note: Note) -> None:
        async with asking(self.site) as cursor:
            if await merging(cursor):
                raise AnomalyError(f"{self.site.label}: a merge is running already")
            if (pace := await _pace(cursor)) == QUICK:  # to be undone by whoever knows what it was before
                raise AnomalyError(f"{self.site.label}: {PACE} is {QUICK} already; set it back first")
            note("pace", pace)
            await cursor.execute(f"ALTER SYSTEM SET {PACE} = '{QUICK}'")
        await own.create(self.site, note, self._tables())
        note("freeze", "1")

    def _crew(self) -> Clients:
        return Clients(self.site, [self._mind], rest=_LOOK_EVERY)

    async def _mind(self, session: Session) -> None:
        """Freeze if no merge is running, and wait until the next one has begun."""
        if await self._merging(session):
            return
        if self._frozen >= int(self.values["times"]):
            raise Over("the last merge is over")
        await session.query(self._update)
        await session.query(FREEZE)
        self._frozen += 1
        self.words = f"merge {self._frozen}"
        for _ in range(_LOOKS):
            if await self._merging(session):
                return
            await asyncio.sleep(0.1)

    async def _merging(self, session: Session) -> bool:
        return _unfinished((await session.execute(STATUS, ())).rows or ())

    async def _undo(self, notes: Notes) -> None:
        await own.drop(self.site, notes)
        async with asking(self.site) as cursor:
            if notes.get("pace", pace := await _pace(cursor)) == pace or await merging(cursor):
                return  # at the quick pace a merge is over sooner
            await cursor.execute(f"ALTER SYSTEM SET {PACE} = %s", (notes["pace"],))

    async def _left(self, cursor: Cursor, notes: Notes) -> str:
        if there := await own.left(cursor, self.site, notes):
            return there
        if "freeze" in notes and await merging(cursor):
            return f"{self.site.label} is still merging; that ends by itself"
        if "pace" in notes and (pace := await _pace(cursor)) != notes["pace"]:
            return f"{PACE} is still {pace} on {self.site.label}"
        return ""


async def merging(cursor: Cursor) -> bool:
    """Whether a major compaction is under way in the account's tenant."""
    return _unfinished(await rows_of(cursor, STATUS))


def _unfinished(rows: Sequence[tuple[Any, ...]]) -> bool:
    return any(status != "IDLE" or frozen != last for status, frozen, last in rows)


async def _pace(cursor: Cursor) -> str:
    """The parameter's value now."""
    view = "oceanbase.V$OB_PARAMETERS"
    where = await own_tenant(cursor, view)
    query = f"SELECT value FROM {view} WHERE name = '{PACE}' AND {where}"  # noqa: S608
    return str((await rows_of(cursor, query))[0][0])

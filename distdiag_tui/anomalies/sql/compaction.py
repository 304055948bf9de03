"""Major compactions, one after the other."""

from __future__ import annotations

import asyncio
from typing import Final

from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.anomalies.sql import own
from distdiag_tui.anomalies.sql.asking import asking, own_tenant, rows_of
from distdiag_tui.anomalies.sql.fault import SqlFault
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.workloads.database import Cursor

FREEZE: Final = "ALTER SYSTEM MAJOR FREEZE"
PACE: Final = "ob_compaction_schedule_interval"
QUICK: Final = "3s"
"""How often the server looks for tables to merge; its default of 120 s is longer than a fault lasts."""

_LOOK_EVERY: Final = 0.5  # seconds
_UPDATE_SECONDS: Final = 15.0
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
            note("pace", await _pace(cursor))
            await cursor.execute(f"ALTER SYSTEM SET {PACE} = '{QUICK}'")
        await own.create(self.site, note, self._tables())
        note("freeze", "1")
        await self._freeze()

    def _crew(self) -> None:
        """It needs no session between two merges."""

    async def hold(self) -> str:
        """Freeze again whenever a merge is over; over by itself after the last one."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                async with asking(self.site) as cursor:
                    running = await merging(cursor)
                if running:
                    continue
                if self._frozen >= int(self.values["times"]):
                    return "the last merge is over"
                await self._freeze()
            except AnomalyError as error:  # a server that is down comes back
                self.words = str(error)

    async def _freeze(self) -> None:
        async with asking(self.site, _UPDATE_SECONDS) as cursor:
            await cursor.execute(self._update)
            await cursor.execute(FREEZE)
        self._frozen += 1
        self.words = f"merge {self._frozen}"
        await self._begun()

    async def _begun(self) -> None:
        """Wait until the server says that it merges: it takes a second to begin."""
        async with asking(self.site, _UPDATE_SECONDS) as cursor:
            for _ in range(_LOOKS):
                if await merging(cursor):
                    return
                await asyncio.sleep(0.1)
        raise AnomalyError(f"{self.site.label}: no merge has begun")

    async def _undo(self, notes: Notes) -> None:
        await own.drop(self.site)
        async with asking(self.site) as cursor:
            # at the quick pace a merge that goes on is over sooner
            if "pace" in notes and not await merging(cursor):
                await cursor.execute(f"ALTER SYSTEM SET {PACE} = %s", (notes["pace"],))

    async def _left(self, cursor: Cursor, notes: Notes) -> str:
        if there := await own.left(cursor, self.site):
            return there
        if "freeze" in notes and await merging(cursor):
            return f"{self.site.label} is still merging; that ends by itself"
        if "pace" in notes and (pace := await _pace(cursor)) != notes["pace"]:
            return f"{PACE} is still {pace} on {self.site.label}"
        return ""


async def merging(cursor: Cursor) -> bool:
    """Whether a major compaction is under way in the account's tenant."""
    rows = await rows_of(cursor, "SELECT status, frozen_scn, last_scn FROM oceanbase.DBA_OB_MAJOR_COMPACTION")
    return any(status != "IDLE" or frozen != last for status, frozen, last in rows)


async def _pace(cursor: Cursor) -> str:
    """The parameter's value now."""
    view = "oceanbase.V$OB_PARAMETERS"
    where = await own_tenant(cursor, view)
    query = f"SELECT value FROM {view} WHERE name = '{PACE}' AND {where}"  # noqa: S608
    return str((await rows_of(cursor, query))[0][0])

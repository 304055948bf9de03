"""Faults on hot tables; on a table of their own with a little load where there are none."""

from __future__ import annotations

from collections.abc import Sequence

from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.anomalies.sql import own, writing
from distdiag_tui.anomalies.sql.asking import asking
from distdiag_tui.anomalies.sql.clients import Step
from distdiag_tui.anomalies.sql.fault import SqlFault
from distdiag_tui.anomalies.sql.hot import Table, hot_tables
from distdiag_tui.workloads.database import Cursor


class HotFault(SqlFault):
    """Chooses up to `tables` tables when it is made."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._chosen: list[Table] = []

    async def _tables(self) -> list[Table]:
        """Those that there are now."""
        async with asking(self.site) as cursor:
            hot = await hot_tables(cursor, int(self.values["tables"]))
        return hot or [writing.own_table(self.site)]

    async def _build(self, note: Note) -> None:
        self._chosen = await self._tables()
        if self._alone:
            await own.create(self.site, note, writing.statements(self.site))

    @property
    def _alone(self) -> bool:
        """Whether the chosen table is the injection's own."""
        return self._chosen == [writing.own_table(self.site)]

    def _writers(self) -> Sequence[Step]:
        return writing.writers(self.site) if self._alone else []

    async def _doing(self) -> list[str]:
        if await self._tables() != [writing.own_table(self.site)]:
            return []
        return [
            *own.creation(self.site, writing.statements(self.site)),
            f"{writing.WRITERS} sessions, over and over: {writing.update(self.site)}",
        ]

    def _undoing(self) -> list[str]:
        return [own.dropping(self.site)]

    async def _undo(self, notes: Notes) -> None:
        await own.drop(self.site, notes)

    async def _left(self, cursor: Cursor, notes: Notes) -> str:
        return await own.left(cursor, self.site, notes)

"""What all faults made by SQL have in common: clients that keep them up, and sessions to end."""

from __future__ import annotations

from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.anomalies.sql.asking import asking, end_sessions, sessions_of, tag
from distdiag_tui.anomalies.sql.clients import Clients
from distdiag_tui.workloads.database import Cursor


class SqlFault:
    """Subclasses say what they do (`_doing`, `_undoing`), build, run clients, and clean up."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.values = site.values
        self._clients: Clients | None = None

    async def plan(self) -> list[str]:
        """The SQL, then what undoes it."""
        ending = f"KILL every session with CLIENT_INFO '{tag(self.site)}'"
        return [*await self._doing(), *(f"undo: {line}" for line in (ending, *self._undoing()))]

    async def apply(self, note: Note) -> None:
        """Build what it needs, and start its clients."""
        async with asking(self.site) as cursor:
            await sessions_of(cursor, self.site)  # who cannot look could not be sure of its end either
        await self._build(note)
        if (clients := self._crew()) is not None:
            self._clients = clients
            await clients.start()

    async def hold(self) -> str:
        """Until the clients cannot go on."""
        assert self._clients is not None
        return await self._clients.run()

    async def revert(self, notes: Notes) -> None:
        """End the sessions, of this process or another, then the rest. AnomalyError if it cannot now."""
        if self._clients is not None:
            await self._clients.stop()
        async with asking(self.site) as cursor:
            await end_sessions(cursor, self.site)
        await self._undo(notes)

    async def remains(self, notes: Notes) -> str:
        """Looks at the server for sessions, then for the rest."""
        async with asking(self.site) as cursor:
            if count := len(await sessions_of(cursor, self.site)):
                return f"{count} of its sessions are still on {self.site.label}"
            return await self._left(cursor, notes)

    async def _doing(self) -> list[str]:
        raise NotImplementedError

    def _undoing(self) -> list[str]:
        return []

    async def _build(self, note: Note) -> None:
        """Make what the clients need."""

    def _crew(self) -> Clients | None:
        raise NotImplementedError

    async def _undo(self, notes: Notes) -> None:
        """Undo what `_build` made; each visit to the server with its own time limit."""

    async def _left(self, cursor: Cursor, notes: Notes) -> str:
        """What is still there of it, sessions aside."""
        return ""

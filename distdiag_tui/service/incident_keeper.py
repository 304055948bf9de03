"""Between a console and the store: who keeps the cluster's incidents, and what is still to be written.

The book is fed here when we are the keeper; otherwise what the keeper writes is shown. Neither a tick nor
the event loop waits for the disk: a task hands everything to a thread, twice a second.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from distdiag_tui.incidents.book import Book, badness
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.incidents.store import RECENT, IncidentStore, Papers, Synced
from distdiag_tui.model.errors import IncidentError
from distdiag_tui.model.findings import Diagnosis, Finding

log = logging.getLogger(__name__)

EVERY: Final = 0.5
"""Seconds between two turns with the store."""
PATIENCE: Final = 5.0
"""Seconds for the last turn."""

_UNKNOWN, _KEEPER, _FOLLOWER = "unknown", "keeper", "follower"


class IncidentKeeper:
    """The incidents of one cluster. Without a store they are in memory only.

    `papers` by incident has what was fetched for it. `heard` is called when others have changed something;
    `alone` as for a book.
    """

    def __init__(
        self,
        cluster: str,
        store: IncidentStore | None,
        heard: Callable[[], None],
        alone: Callable[[str], bool],
    ) -> None:
        self.cluster = cluster
        self.papers: dict[str, Papers] = {}
        self.trouble = ""
        self._store = store
        self._heard, self._alone = heard, alone
        self._holder = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._role = _UNKNOWN if store else _KEEPER
        self._book = Book(cluster, alone=alone)
        self._stored: dict[str, Incident] = {}  # as the file has them
        self._ended: dict[str, Incident] = {}
        self._live: dict[tuple[str, str], Finding] = {}
        self._unwritten: dict[str, Incident] = {}
        self._unwritten_papers: dict[str, Papers] = {}
        self._task: asyncio.Task[None] | None = None

    # -- what is there ------------------------------------------------------------------------------

    @property
    def open(self) -> tuple[Incident, ...]:
        """Worst first, each with the finding of the last tick if it was found then."""
        if self._role == _KEEPER:
            return self._book.open
        found = [replace(each, finding=self._live.get(each.key, each.finding))
                 for each in self._stored.values() if each.state == "open"]  # fmt: skip
        return tuple(sorted(found, key=badness))

    @property
    def resolved(self) -> tuple[Incident, ...]:
        """The newest first."""
        known = (each for each in self._ended.values() if each.state == "resolved")
        return tuple(sorted(known, key=lambda each: -(each.ended or 0.0))[:RECENT])

    def found(self, incident: Incident) -> bool:
        """Whether the last tick found it."""
        return incident.key in self._live

    def find(self, name: str) -> Incident | None:
        """The one of that id, if it is open or has ended of late."""
        if self._role == _KEEPER and (incident := self._book.find(name)) is not None:
            return incident
        return self._ended.get(name) or self._stored.get(name)

    # -- what changes -------------------------------------------------------------------------------

    def feed(self, diagnosis: Diagnosis) -> tuple[Incident, ...]:
        """Take in a tick; gives the incidents that were opened, or got another name, by it."""
        self._live = {finding.key: finding for finding in diagnosis.findings}
        if self._role != _KEEPER:
            return ()
        changed = self._book.feed(diagnosis)
        self._note_down(changed)
        for each in changed:
            event = each.timeline[-1]
            log.info("%s: %s %s: %s", each.id, each.server, each.cause, f"{event.kind} {event.words}".strip())
        return tuple(each for each in changed if each.timeline[-1].kind in ("opened", "reopened", "cause"))

    def acknowledge(self, name: str, time: float, by: str) -> None:
        """KeyError if there is none; nothing happens if somebody knows of it already."""
        incident = self._known(name)
        if not incident.acknowledged:
            event = Event(time, "acknowledged", "", by)
            self._change(replace(incident, acknowledged=True).with_event(event))

    def add(self, name: str, event: Event) -> None:
        """One more line in its timeline. KeyError if there is none."""
        self._change(self._known(name).with_event(event))

    def file(self, name: str, papers: Papers, *, write: bool = True) -> None:
        """What was fetched for an incident; not worth writing while it changes all the time."""
        self.papers[name] = papers
        if write:
            self._unwritten_papers[name] = papers

    def _known(self, name: str) -> Incident:
        if (incident := self.find(name)) is None:
            raise KeyError(name)
        return incident

    def _change(self, incident: Incident) -> None:
        self._note_down([self._joined(incident)])

    def _note_down(self, changed: Iterable[Incident]) -> None:
        for incident in changed:
            self._unwritten[incident.id] = incident
            self._place(incident)

    def _joined(self, incident: Incident) -> Incident:
        """With what our book says of it."""
        if self._role == _KEEPER:
            self._book.join(incident)
            return self._book.find(incident.id) or incident
        return incident

    def _place(self, incident: Incident) -> None:
        self._stored[incident.id] = incident
        if incident.state == "open":
            self._ended.pop(incident.id, None)
            return
        self._ended[incident.id] = incident
        if len(self._ended) > 2 * RECENT:
            for old in sorted(self._ended.values(), key=lambda each: each.updated)[:RECENT]:
                for shelf in (self._ended, self._stored, self.papers):
                    shelf.pop(old.id, None)

    # -- the store ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """From now on the store is read and written."""
        if self._store is not None:
            self._task = asyncio.create_task(self._keep_on())

    async def close(self) -> None:
        """Write what is left, and let another console be the keeper at once."""
        if self._store is None:
            return
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._turn()
                await asyncio.to_thread(self._leave, self._store)

    async def _keep_on(self) -> None:
        while True:
            await self._turn()
            await asyncio.sleep(EVERY)

    async def _turn(self) -> None:
        """One exchange with the store; what could not be written is kept for the next."""
        assert self._store is not None
        changed, self._unwritten = self._unwritten, {}
        papers, self._unwritten_papers = self._unwritten_papers, {}
        try:
            synced, read = await asyncio.to_thread(
                self._exchange, self._store, tuple(changed.values()), tuple(papers.items())
            )
        except (IncidentError, asyncio.CancelledError) as error:
            self._unwritten = {**changed, **self._unwritten}
            self._unwritten_papers = {**papers, **self._unwritten_papers}
            if not isinstance(error, IncidentError):
                raise
            if self._role != _KEEPER:  # better twice in the file than not seen at all
                self._lead()
            self._say(str(error))
        else:
            self._take(synced, read)

    def _exchange(
        self, store: IncidentStore, changed: tuple[Incident, ...], papers: tuple[tuple[str, Papers], ...]
    ) -> tuple[Synced, dict[str, Papers]]:
        """On a thread: also the papers of incidents that are open, or that we did not know."""
        synced = store.sync(self.cluster, self._holder, changed, papers)
        wanted = [
            each.id for each in synced.stored or () if each.state == "open" or each.id not in self.papers
        ]
        return synced, {name: store.papers(name) for name in wanted}

    def _leave(self, store: IncidentStore) -> None:
        with suppress(IncidentError):
            store.leave(self.cluster, self._holder)
        store.close()

    def _take(self, synced: Synced, read: dict[str, Papers]) -> None:
        """What the store says: of others' changes, and of our role."""
        assert self._store is not None
        for name, papers in read.items():
            self.papers[name] = papers.joined(self.papers.get(name, Papers()))
        if not synced.keeper:
            self._role = _FOLLOWER
            if synced.stored is not None:  # what we opened before we knew that another one keeps them
                there = {incident.id for incident in synced.stored}
                self._stored = {
                    name: each for name, each in self._stored.items() if name in there or each.state != "open"
                }
        for incident in synced.stored or ():
            if synced.keeper and self._role == _KEEPER:  # somebody else was it meanwhile, and has gone
                self._book.adopt(incident)
            self._place(self._joined(incident))
        if synced.keeper and self._role != _KEEPER:
            self._lead()
        others = f"another console (process {synced.holder.partition('-')[0]}) keeps these incidents"
        self._say(self._store.notice if synced.keeper else others)
        if synced.stored:
            self._heard()

    def _lead(self) -> None:
        """Go on with what is stored."""
        self._role = _KEEPER
        self._book = Book(self.cluster, self._stored.values(), alone=self._alone)

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._heard()

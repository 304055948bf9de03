"""The incidents of a cluster as the console shows them: what is wrong, what was, and what is known of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from distdiag_tui.diagnosis.causes import find_cause
from distdiag_tui.incidents.fact import Probe
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.incidents.report import Dossier, export
from distdiag_tui.incidents.store import Papers
from distdiag_tui.ledger import state_folder, user_name
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint
from distdiag_tui.model.text import plain
from distdiag_tui.service.incident_board import IncidentBoard, IncidentView
from distdiag_tui.service.incident_keeper import IncidentKeeper
from distdiag_tui.service.obdiag import find_obdiag, run_obdiag

if TYPE_CHECKING:
    from distdiag_tui.diagnosis.cause import Obdiag
    from distdiag_tui.incidents.store import IncidentStore
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.target import Target

__all__ = ["IncidentBoard", "IncidentDesk", "IncidentView"]

LONGEST_NOTE: Final = 2000

_AT_ONCE: Final = 4  # servers that are asked for facts at the same time
_PROBES: Final = 8  # runs of obdiag that an incident keeps


class IncidentDesk:
    """Keeps the board up to date.

    Without a target, as in a replay, nothing is asked of servers; without a store nothing outlives us.
    """

    def __init__(
        self,
        cluster: str,
        target: Target | None,
        store: IncidentStore | None,
        *,
        user: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cluster = cluster
        self.board = IncidentBoard()
        self._endpoints = _by_name(target)
        self._target = target
        self._keeper = IncidentKeeper(cluster, store, self._renew, self._is_alone)
        self._user = user or user_name()
        self._clock = clock
        self._time = 0.0
        self._addresses: dict[str, str] = {}  # by server: those that were discovered, too
        self._alone: dict[str, bool] = {}  # by server: whether it is a seekdb
        self._obdiag = find_obdiag()
        self._asking = asyncio.Semaphore(_AT_ONCE)
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._probing: dict[str, asyncio.Task[None]] = {}

    # -- what is there ------------------------------------------------------------------------------

    def begin(self) -> None:
        """From now on what was kept is there, and what happens is kept. Needs a running loop."""
        self._keeper.begin()
        self._renew()

    def take(self, snapshot: Snapshot) -> None:
        """Once a tick; nothing happens while nobody diagnoses."""
        if snapshot.diagnosis is None:
            return
        self._time = snapshot.time
        self._addresses = {each.name: each.address for each in snapshot.servers}
        self._alone.update(
            {each.name: each.product.startswith("seekdb") for each in snapshot.servers if each.product}
        )
        for incident in self._keeper.feed(snapshot.diagnosis):
            self.fetch_facts(incident.id)
        self._renew()

    # -- what people do -----------------------------------------------------------------------------

    def acknowledge(self, name: str) -> None:
        """Somebody knows of it. ConfigError: there is no such incident."""
        self._find(name)
        self._keeper.acknowledge(name, self._clock(), self._user)
        self._renew()

    def note(self, name: str, text: str) -> None:
        """Write something down. ConfigError: there is no such incident, or nothing is said."""
        self._find(name)
        if not (words := plain(text, LONGEST_NOTE).strip()):
            raise ConfigError("a note needs some words")
        self._keeper.add(name, Event(self._clock(), "note", words, self._user))
        self._renew()

    async def export(self, name: str, folder: Path) -> tuple[Path, Path]:
        """As Markdown and as JSON; IncidentError if that cannot be written. ConfigError: no such incident."""
        incident = self._find(name)
        papers = self._keeper.papers.get(name, Papers())
        dossier = Dossier(incident, find_cause(incident.cause), papers)
        return await asyncio.to_thread(export, dossier, folder)

    def fetch_facts(self, name: str) -> None:
        """Ask the server concerned, in the background, what belongs to the cause."""
        incident = self._find(name)
        endpoint = self._endpoints.get(incident.server)
        if endpoint is None and incident.server in self._addresses:
            endpoint = Endpoint.at(self._addresses[incident.server], incident.server)
        if self._target is None or endpoint is None or name in self._fetching:
            return
        self._begin(self._fetching, name, self._fetch(self._target, endpoint, incident))

    def obdiag(self, name: str, which: int = 0) -> None:
        """Run one of the cause's commands in the background; where obdiag is not installed, show it.

        ConfigError: there is no such incident or command, or one runs for it already.
        """
        incident = self._find(name)
        commands = find_cause(incident.cause).obdiag
        if not 0 <= which < len(commands):
            raise ConfigError(f"there is no such command of obdiag for {incident.cause}")
        if name in self._probing:
            raise ConfigError("obdiag is at work on it already")
        runs = self._target is not None and self._obdiag != ""
        began = self._clock()
        self._add_probe(name, Probe(commands[which].line, began, "running" if runs else "absent"))
        if runs:
            self._begin(self._probing, name, self._probe(name, commands[which], began))
        self._renew()

    def stop_obdiag(self, name: str) -> None:
        """End what runs for an incident."""
        if (task := self._probing.get(name)) is not None:
            task.cancel()

    async def close(self) -> None:
        """End what goes on, and write what is left."""
        tasks = [*self._fetching.values(), *self._probing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._keeper.close()

    # -- in the background --------------------------------------------------------------------------

    def _begin(
        self, tasks: dict[str, asyncio.Task[None]], name: str, what: Coroutine[Any, Any, None]
    ) -> None:
        tasks[name] = asyncio.create_task(what)

        def over(_: asyncio.Task[None]) -> None:
            tasks.pop(name, None)
            self._renew()

        tasks[name].add_done_callback(over)
        self._renew()

    async def _fetch(self, target: Target, endpoint: Endpoint, incident: Incident) -> None:
        from distdiag_tui.service.facts.fetch import fetch  # noqa: PLC0415  the driver costs 130 ms

        async with self._asking:
            facts = await fetch(target, endpoint, find_cause(incident.cause).facts, clock=self._clock)
        papers = self._keeper.papers.get(incident.id, Papers())
        self._keeper.file(incident.id, replace(papers, facts=facts))
        if says := next((fact.says for fact in facts if fact.says), ""):
            with suppress(KeyError):  # it was merged and forgotten meanwhile
                self._keeper.add(incident.id, Event(self._clock(), "facts", says))

    async def _probe(self, name: str, command: Obdiag, began: float) -> None:
        folder = state_folder("obdiag") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"

        def hear(probe: Probe) -> None:
            self._change_probe(name, replace(probe, began=began), write=False)
            self._renew()

        try:
            probe = await run_obdiag(self._obdiag, command, folder, hear, clock=self._clock)
        except asyncio.CancelledError:
            for last in self._keeper.papers[name].probes:
                if last.began == began:
                    now = self._clock()
                    self._change_probe(name, replace(last, state="failed", ended=now, trouble="called off"))
            raise
        self._change_probe(name, replace(probe, began=began))
        with suppress(KeyError):
            words = f"{probe.command}: {probe.trouble or probe.state}"
            self._keeper.add(name, Event(self._clock(), "obdiag", words, self._user))

    def _add_probe(self, name: str, probe: Probe) -> None:
        papers = self._keeper.papers.get(name, Papers())
        probes = (*papers.probes, probe)[-_PROBES:]
        self._keeper.file(name, replace(papers, probes=probes), write=probe.state != "running")

    def _change_probe(self, name: str, probe: Probe, *, write: bool = True) -> None:
        """The one that began then: another console may run one as well."""
        papers = self._keeper.papers[name]
        probes = tuple(probe if each.began == probe.began else each for each in papers.probes)
        self._keeper.file(name, replace(papers, probes=probes), write=write)

    # -- the board ----------------------------------------------------------------------------------

    def _find(self, name: str) -> Incident:
        if (incident := self._keeper.find(name)) is None:
            raise ConfigError(f"there is no incident {name}")
        return incident

    def _renew(self) -> None:
        self.board = IncidentBoard(
            self._time,
            tuple(self._view(each) for each in self._keeper.open),
            tuple(self._view(each) for each in self._keeper.resolved),
            self._keeper.trouble,
            self._obdiag,
        )

    def _view(self, incident: Incident) -> IncidentView:
        papers = self._keeper.papers.get(incident.id, Papers())
        cause = find_cause(incident.cause)
        return IncidentView(
            incident,
            cause,
            incident.state == "open" and self._keeper.found(incident),
            cause.seen_on(cluster=not incident.alone),
            papers.facts,
            incident.id in self._fetching,
            papers.probes,
        )

    def _is_alone(self, server: str) -> bool:
        """Whether it is a seekdb; of one that has never answered, whether others are."""
        return self._alone.get(server, any(self._alone.values()))


def _by_name(target: Target | None) -> dict[str, Endpoint]:
    return {} if target is None else {each.name or each.address: each for each in target.endpoints}

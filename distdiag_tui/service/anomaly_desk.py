"""The anomalies of a cluster as the console shows them: what can be injected, what is, what was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from distdiag_tui.anomalies.catalogue import CATALOGUE
from distdiag_tui.model.errors import AnomalyError, ConfigError, DistdiagError
from distdiag_tui.model.marks import INJECTED, REVERTED, Mark
from distdiag_tui.model.text import plain

if TYPE_CHECKING:
    from distdiag_tui.anomalies.dose import Dose
    from distdiag_tui.anomalies.entry import Anomaly, Means
    from distdiag_tui.anomalies.injection import Injection
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.service.anomalies import Anomalies

CLOSE_SECONDS: Final = 15.0
"""Patience with what is still to be undone when the console is left; the supervisors need nobody for that."""

_RECOVER_EVERY: Final = 10.0


@dataclass(frozen=True, slots=True)
class AnomalyView:
    """One entry of the catalogue on this cluster: the means that fit and are installed; else `refused`."""

    anomaly: Anomaly
    means: tuple[Means, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """All that is to be seen of anomalies at `now`, in epoch seconds.

    `active` go on, whoever made them: what is wrong, then the one that ends first, last what is to come.
    `ended` has the newest first. `forbidden` says why nothing may be injected here; `trouble`, in one line,
    what keeps us from undoing something.
    """

    now: float = 0.0
    catalogue: tuple[AnomalyView, ...] = ()
    active: tuple[Injection, ...] = ()
    ended: tuple[Injection, ...] = ()
    planned: tuple[Dose, ...] = ()
    forbidden: str = ""
    trouble: str = ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Where each one began and ended."""
        return tuple(mark for each in (*self.ended, *self.active) for mark in _marks(each))


class AnomalyDesk:
    """Keeps the board up to date, and the supervisors of this console's injections alive.

    Without `asks` the console may be left without a question, because all is stopped with it.
    """

    def __init__(
        self, anomalies: Anomalies, *, asks: bool = True, clock: Callable[[], float] = time.time
    ) -> None:
        self.anomalies, self.asks = anomalies, asks
        self._clock = clock
        self._views = tuple(_view(anomalies, each) for each in CATALOGUE)
        self._planned: tuple[Dose, ...] = ()
        self._trouble = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._recovering = -_RECOVER_EVERY  # when it was last begun, on the monotonic clock
        self.board = Board()

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.anomalies.target.cluster

    @property
    def servers(self) -> dict[str, str]:
        """Address by name, of every server that something can be injected into."""
        return {name: each.address for name, each in self.anomalies.servers.items()}

    # -- what is there ------------------------------------------------------------------------------

    def begin(self) -> None:
        """From now on supervisors hear of us; what dead ones left is undone."""
        self._keep_on(self.anomalies.beat())
        self._recover()
        self.look()

    def take(self, snapshot: Snapshot) -> None:
        """Once a tick: its servers are those that something can be injected into."""
        self.anomalies.meet(snapshot.servers)
        self.look()

    def look(self) -> None:
        """Renew the board; what nobody undoes any more is undone."""
        records, now = self.anomalies.records(), self._clock()
        active = [record for record in records if record.active]
        if any(record.phase == "orphaned" for record in active):
            self._recover()
        self.board = Board(
            now,
            self._views,
            tuple(sorted(active, key=lambda each: _rank(each, now))),
            tuple(record for record in reversed(records) if not record.active),
            self._planned,
            self.anomalies.forbidden(),
            self._trouble,
        )

    # -- what is asked for --------------------------------------------------------------------------

    async def inject(self, doses: Sequence[Dose], scenario: str = "") -> None:
        """All of them, or none; see `Anomalies.inject`."""
        # the ledger waits for the disk, which a fault may be keeping busy
        await asyncio.to_thread(self.anomalies.inject, doses, scenario)
        self.look()

    async def plan(self, doses: Sequence[Dose]) -> list[str]:
        """Exactly what would be done, as lines; changes nothing. Errors as `Anomalies.plan`."""
        lines: list[str] = []
        for record, steps in await self.anomalies.plan(doses):
            lines += [f"{record.summary}:", *(f"  {plain(step, 4000)}" for step in steps), ""]
        return lines[:-1]

    def add(self, doses: Sequence[Dose], instead: Dose | None = None) -> None:
        """To the scenario that is being composed. Errors as `Anomalies.check`, or if it is there already."""
        self.anomalies.check(doses)
        kept = tuple(each for each in self._planned if each != instead)
        known = {(each.anomaly, each.server, each.start) for each in kept}
        for dose in doses:
            if (dose.anomaly, dose.server, dose.start) in known:
                raise ConfigError(f"{dose.label} is in the scenario already, at the same time")
        self._planned = (*kept, *doses)
        self.look()

    def remove(self, dose: Dose) -> None:
        """From the scenario."""
        self._planned = tuple(each for each in self._planned if each != dose)
        self.look()

    async def stop(self, names: Sequence[str]) -> None:
        """End these, whoever made them; AnomalyError if one is not undone."""
        try:
            await self.anomalies.stop(names)
        finally:
            self.look()

    @property
    def sweeps(self) -> bool:
        """Whether `stop_all` looks further than our records: into Kubernetes."""
        return self.anomalies.target.kube is not None

    async def stop_all(self) -> str:
        """End all that goes on here and what `Anomalies.sweep` finds; a line on that. Errors as there."""
        await self.stop([record.id for record in self.board.active])
        removed, left = await self.anomalies.sweep()
        words = [f"{each.mark.label} removed" for each in removed]
        words += [f"{each.mark.label} is somebody else's" for each in left]
        return ", ".join(words)

    # -- the end ------------------------------------------------------------------------------------

    def to_ask_about(self) -> list[Injection]:
        """Those made here that end with us, unless whoever opened the console stops them anyway."""
        return self.anomalies.active() if self.asks else []

    def let_go(self) -> None:
        """Let ours go on until their time is over."""
        self.anomalies.release()

    async def close(self) -> list[str]:
        """End ours that were not let go, and wait for that; gives those that are still being undone."""
        ours = [record.id for record in self.anomalies.active()]
        if ours:
            with suppress(TimeoutError, AnomalyError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.anomalies.stop(ours)
        for task in self._tasks:
            task.cancel()
        return [record.label for record in self.anomalies.active()]

    async def leave(self, tell: Callable[[str], None]) -> None:
        """The same, and `tell` hears what is undone, and what takes longer."""
        if ours := self.anomalies.active():
            tell(f"undoing {', '.join(record.label for record in ours)}")
        if left := await self.close():
            tell(f"still being undone: {', '.join(left)}; distdiag anomaly list shows when it is over")

    def _recover(self) -> None:
        """Not at every tick: each attempt starts processes."""
        if time.monotonic() - self._recovering >= _RECOVER_EVERY:
            self._recovering = time.monotonic()
            self._keep_on(self._try_to_recover())

    async def _try_to_recover(self) -> None:
        try:
            await asyncio.to_thread(self.anomalies.recover)
            self._trouble = ""
        except (DistdiagError, OSError) as error:
            self._trouble = str(error)

    def _keep_on(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)  # a task that nobody holds may vanish
        task.add_done_callback(self._tasks.discard)


def _view(anomalies: Anomalies, anomaly: Anomaly) -> AnomalyView:
    usable = tuple(means for means in anomalies.possible(anomaly) if not means.missing())
    return AnomalyView(anomaly, usable, anomalies.lacking(anomaly))


def _rank(record: Injection, now: float) -> tuple[bool, bool, float, str]:
    return not record.wrong, record.phase == "waiting", record.left(now), record.id


def _marks(record: Injection) -> list[Mark]:
    if record.applied is None:
        return []
    marks = [Mark(record.applied, INJECTED, record.label)]
    return marks if record.reverted is None else [*marks, Mark(record.reverted, REVERTED, record.label)]

"""The workloads of a cluster as the console shows them: what can run, what is prepared, what runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.marks import BEGAN, ENDED, Mark
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.workloads.journal import Phase, RunRecord
from distdiag_tui.workloads.kinds import KINDS, find_kind
from distdiag_tui.workloads.protocol import Kind

if TYPE_CHECKING:
    from distdiag_tui.workloads.database import Prepared

_KEPT: Final = 120  # reports a run


@dataclass(frozen=True, slots=True)
class KindView:
    """One kind on this cluster. `run` is the one that goes on, else the latest; `past` its tps, newest last.

    `missing` says what to install first; `prepared` is None while there is no data, or nobody has told, and
    `where` names the servers that have it if not all do.
    """

    kind: Kind
    missing: str = ""
    prepared: Prepared | None = None
    where: tuple[str, ...] = ()
    run: RunRecord | None = None
    past: tuple[float, ...] = ()

    @property
    def active(self) -> bool:
        """Whether something goes on."""
        return self.run is not None and self.run.active


class Desk:
    """Keeps the views up to date; `trouble` is one line if the cluster could not be asked for its data.

    Without `asks` the console may be left without a question, because all is stopped with it.
    """

    def __init__(self, workloads: Workloads, *, asks: bool = True) -> None:
        self.workloads, self.asks = workloads, asks
        self.views: tuple[KindView, ...] = ()
        self.marks: tuple[Mark, ...] = ()
        self.trouble = ""
        self._prepared: dict[str, tuple[Prepared, tuple[str, ...]]] = {}
        self._missing = {kind.id: kind.missing() for kind in KINDS}
        self._past: dict[str, deque[float]] = {}
        self._times: dict[str, float] = {}
        self._phases: dict[str, Phase] = {}
        self._asking: asyncio.Task[None] | None = None

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.workloads.target.cluster

    @property
    def production(self) -> bool:
        """Whether everything has to be asked for twice."""
        return self.workloads.target.production

    def look(self) -> None:
        """Once a tick: renew views and marks; asks the cluster anew when a run has got to another step."""
        records = self.workloads.runs()
        for record in records:
            self._remember(record)
        self.views = tuple(view for kind in KINDS for view in self._views(kind, records))
        self.marks = tuple(mark for record in records for mark in _marks(record))
        phases = {record.id: record.phase for record in records}
        if phases != self._phases:
            self.ask()
        self._phases = phases

    def ask(self) -> None:
        """Ask the cluster, in the background, what data it has."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    async def start(self, wish: Wish, *, insist: bool) -> str:
        """See `Workloads.start`; gives what a person should know of it, "" for nothing."""
        process = await self.workloads.start(wish, insist=insist)
        self.look()
        return process.record.note

    async def stop(self, run: str) -> None:
        """End a run, whoever started it."""
        await self.workloads.stop(run)
        self.look()

    def change(self, run: str, given: Mapping[str, str]) -> None:
        """Steer a run of ours by "threads" and "rate"; ConfigError out of bounds."""
        process = self.workloads.own[run]
        kind = find_kind(process.record.kind)
        values = {o.name: o.read(given[o.name]) for o in kind.options if o.name in given}
        if "threads" in values:
            process.set_threads(int(values["threads"]))
        if "rate" in values:
            process.set_rate(float(values["rate"]))

    def refusals(self) -> list[str]:
        """What runs of ours would not do that `change` asked for, a line each; each is given once."""
        found = [(name, process.take_refusal()) for name, process in self.workloads.own.items()]
        return [f"{name}: {why}" for name, why in found if why]

    def to_ask_about(self) -> list[RunRecord]:
        """Runs of ours that go on, unless whoever opened the console stops them anyway."""
        return [process.record for process in self.workloads.active()] if self.asks else []

    async def let_go(self) -> None:
        """Leave our runs running; WorkloadError if one cannot be left."""
        for process in self.workloads.active():
            await process.let_go()

    async def close(self) -> None:
        """Stop our runs that were not let go."""
        if self._asking is not None:
            self._asking.cancel()
        await asyncio.gather(*(process.stop() for process in self.workloads.active()))

    def ours(self, run: str) -> bool:
        """Whether it was started by this console."""
        return run in self.workloads.own

    async def _ask(self) -> None:
        try:
            self._prepared, self.trouble = await self.workloads.survey(), ""
        except DistdiagError as error:
            self.trouble = str(error)

    def _views(self, kind: Kind, records: list[RunRecord]) -> list[KindView]:
        """One for each run that goes on; if there is none, one with the latest run."""
        mine = [record for record in records if record.kind == kind.id]
        shown: Sequence[RunRecord | None] = [r for r in mine if r.active] or mine[-1:] or [None]
        prepared, where = self._prepared.get(kind.id, (None, ()))
        if len(where) == len(self.workloads.target.endpoints):
            where = ()
        plain = KindView(kind, self._missing[kind.id], prepared, where)
        return [plain if run is None else replace(plain, run=run, past=self._past_of(run)) for run in shown]

    def _past_of(self, run: RunRecord) -> tuple[float, ...]:
        return tuple(self._past.get(run.id, ()))

    def _remember(self, record: RunRecord) -> None:
        report = record.report
        if report is None or report.total or self._times.get(record.id) == report.time:
            return
        self._times[record.id] = report.time
        self._past.setdefault(record.id, deque(maxlen=_KEPT)).append(report.tps)


def _marks(record: RunRecord) -> list[Mark]:
    if record.running_since is None:
        return []
    marks = [Mark(record.running_since, BEGAN, record.kind)]
    return marks if record.ended is None else [*marks, Mark(record.ended, ENDED, record.kind)]

"""Workloads as a person asks for them: prepare, start, change, stop, verify, clean up, see what goes on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from distdiag_tui.kube.place import missing
from distdiag_tui.ledger import new_name
from distdiag_tui.model.errors import ConfigError, RefusedError, WorkloadError
from distdiag_tui.model.target import Target
from distdiag_tui.model.text import MOST_NAMED, several
from distdiag_tui.workloads.journal import Journal, RunRecord
from distdiag_tui.workloads.kinds import KINDS, find_kind
from distdiag_tui.workloads.options import SERVERS, Value, checked, sizes, worded
from distdiag_tui.workloads.protocol import Kind, Step
from distdiag_tui.workloads.runner import LoadProcess, Order

if TYPE_CHECKING:
    from distdiag_tui.workloads.database import Prepared
    from distdiag_tui.workloads.k8s.settings import Settings
    from distdiag_tui.workloads.session import Node
    from distdiag_tui.workloads.survey import Survey

T = TypeVar("T")

log = logging.getLogger(__name__)

INSIST: Final = "--i-know-this-is-production"
_SURVEY_SECONDS: Final = 5.0
_ORDERLY_SECONDS: Final = 4.5  # to end by itself, on top of what the load says it needs
_KILLED_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: a kind, the options that were given, and the steps in order.

    Besides the kind's own options there is `servers`, which narrows it to some of the cluster's.
    `runner` is empty for load from this machine, else the fields of workloads.k8s.settings.Settings.
    """

    kind: str
    steps: tuple[Step, ...] = ("run",)
    given: Mapping[str, object] = field(default_factory=dict)
    runner: Mapping[str, Any] = field(default_factory=dict)


def in_place(wish: Wish) -> tuple[Wish, str]:
    """The wish as it can be met here, and what is different about it in one line, "" if nothing is.

    Load that runs elsewhere is not ours to judge. Clean-up needs no program.
    """
    kind = find_kind(wish.kind)
    instead = kind.stand_in
    if instead is None or wish.runner or wish.steps == ("cleanup",) or not (missing := kind.missing()):
        return wish, ""
    checked(kind.options, wish.given)
    given = {name: value for name, value in wish.given.items() if value is not None}
    note = f"{instead.kind} stands in for {kind.id}, which is not installed: {missing}"
    return replace(wish, kind=instead.kind, given=instead.translate(given)), note


class Workloads:
    """The workloads of one cluster, and the runs started here."""

    def __init__(self, target: Target, journal: Journal | None = None) -> None:
        self.target = target
        self.journal = journal or Journal()
        self.own: dict[str, LoadProcess] = {}

    async def prepared(self, kind: Kind, target: Target | None = None) -> Prepared | None:
        """What data of a kind is there, None for none. ConnectError or WorkloadError if nobody can tell."""
        target = target or self.target
        from distdiag_tui.workloads.database import Database  # noqa: PLC0415  needs the driver

        return await _answer(target, Database(kind.database, _nodes(target)).prepared())

    async def survey(self) -> Survey:
        """What data of every kind is there, and on which servers; errors as `prepared`."""
        from distdiag_tui.workloads.survey import survey  # noqa: PLC0415  needs the driver

        return await _answer(self.target, survey(_nodes(self.target), KINDS))

    async def start(self, wish: Wish, *, insist: bool = False) -> LoadProcess:
        """Begin the steps in a process of their own, which dies with this one unless it is let go.

        Where the kind's program is missing another kind may stand in: the record has its name, and `note`
        says so.

        RefusedError on a production cluster without `insist`; ConfigError for options; WorkloadError if the
        kind's program is needed and not here, its data is not prepared, or such a run goes on already.
        """
        self._permit(wish, insist)
        target, wish = _narrowed(self.target, wish)
        wish, note = in_place(wish)
        kind = find_kind(wish.kind)
        runner = asdict(_jobs_settings(kind, wish)) if wish.runner else {}
        if not runner and "run" in wish.steps and (missing := kind.missing()):
            raise WorkloadError(f"{kind.id} needs a program that is not here: {missing}")
        record = replace(_record(kind, wish, target, await self._values(kind, wish, target)), note=note)
        process = LoadProcess(Order(target, record, runner), self.journal)
        await process.start()
        self.own[record.id] = process
        log.info("%s started on %s: %s", record.id, target.cluster, " and ".join(record.steps))
        return process

    def manifests(self, wish: Wish) -> list[dict[str, Any]]:
        """The Kubernetes objects that `start` would make, the password hidden; ConfigError as there."""
        from distdiag_tui.workloads.k8s.manifests import make_plan, manifests  # noqa: PLC0415  rarely asked for
        from distdiag_tui.workloads.k8s.settings import Settings  # noqa: PLC0415

        if not wish.runner:
            raise ConfigError("--dry-run shows Kubernetes objects: only with --runner k8s")
        target, wish = _narrowed(self.target, wish)
        kind = find_kind(wish.kind)
        record = _record(kind, wish, target, checked(kind.options, wish.given))
        plan = make_plan(kind, record, Settings.of(wish.runner), target.user, self.journal.folder)
        return manifests(plan, str(target.password))

    def runs(self) -> list[RunRecord]:
        """Runs against this cluster's servers, whoever started them, the oldest first."""
        servers = {e.address for e in self.target.endpoints}
        found = {r.id: r for r in self.journal.records() if servers & set(r.servers)}
        found |= {name: process.record for name, process in self.own.items()}
        return sorted(found.values(), key=lambda record: record.started)

    async def stop(self, run: str) -> None:
        """End a run, whoever started it. WorkloadError if there is none of that name, or if it stays."""
        log.info("%s is told to end", run)
        process = self.own.get(run)
        if process is not None and not process.detached:
            await process.stop()
        else:
            await end_run(self.journal, run)

    def active(self) -> list[LoadProcess]:
        """Runs started here that go on and are still ours."""
        return [process for process in self.own.values() if process.record.active and not process.detached]

    def kill(self) -> None:
        """End what was started here this instant: for exit handlers."""
        for process in self.own.values():
            process.kill()

    def _permit(self, wish: Wish, insist: bool) -> None:
        if self.target.production and not insist and set(wish.steps) - {"verify"}:
            raise RefusedError(
                f"{self.target.cluster} is a production cluster: {wish.kind} would put load and data on it; "
                f"if that is meant, add {INSIST}"
            )

    async def _values(self, kind: Kind, wish: Wish, target: Target) -> dict[str, Value]:
        """All options. Sizes that are not given are those of the data that is there, if any."""
        given = {name: value for name, value in wish.given.items() if value is not None}
        values = checked(kind.options, given)
        if wish.steps == ("cleanup",):
            return values
        there = await self.prepared(kind, target)
        wanted = {name: value for name, value in sizes(kind.options, values).items() if name in given}
        if "prepare" not in wish.steps:
            self._require(kind, there, wanted)
        kept = {n: v for n, v in (there.sizes if there else {}).items() if n in values and n not in given}
        return checked(kind.options, {**given, **kept})

    def _require(self, kind: Kind, there: Prepared | None, wanted: Mapping[str, Value]) -> None:
        """WorkloadError unless the data is complete and of these sizes."""
        if there is None or not there.ready:
            state = "is not prepared" if there is None else "is only half prepared"
            raise WorkloadError(f"{kind.id} {state} on {self.target.cluster}; first: {self._prepare(kind)}")
        if any(there.sizes.get(name) != value for name, value in wanted.items()):
            raise WorkloadError(
                f"{kind.id} is prepared with {worded(there.sizes)}, not {worded(wanted)}; "
                f"to change that: {self._prepare(kind)}{_as_flags(kind, wanted)}"
            )

    def _prepare(self, kind: Kind) -> str:
        """The command that does it; what several servers were given by would be long to repeat."""
        cluster = self.target.cluster
        return f"distdiag workload prepare {kind.id} {'TARGET' if ',' in cluster else cluster}"


def _nodes(target: Target) -> list[Node]:
    from distdiag_tui.workloads.session import Node  # noqa: PLC0415  needs the driver

    return [Node(e, target.user, target.password) for e in target.endpoints]


async def _answer(target: Target, asking: Awaitable[T]) -> T:
    """What the cluster tells; WorkloadError if that takes too long."""
    try:
        async with asyncio.timeout(_SURVEY_SECONDS):
            return await asking
    except TimeoutError:
        raise WorkloadError(f"{target.cluster} does not answer") from None


def _record(kind: Kind, wish: Wish, target: Target, values: Mapping[str, Value]) -> RunRecord:
    return RunRecord(
        id=new_name(kind.id),
        kind=kind.id,
        cluster=target.cluster,
        servers=tuple(e.address for e in target.endpoints),
        steps=wish.steps,
        options=values,
        started=time.time(),
        runner="k8s" if wish.runner else "local",
    )


def _jobs_settings(kind: Kind, wish: Wish) -> Settings:
    """Complete: the worker does not see the environment. ConfigError or WorkloadError if it cannot be."""
    from distdiag_tui.workloads.k8s.manifests import shares  # noqa: PLC0415  as above
    from distdiag_tui.workloads.k8s.settings import Settings  # noqa: PLC0415

    if what := missing():
        raise WorkloadError(f"load in Kubernetes needs a library that is not here: {what}")
    settings = Settings.of(wish.runner)
    shares(kind.options, checked(kind.options, wish.given), settings.jobs)
    return settings


def _narrowed(target: Target, wish: Wish) -> tuple[Target, Wish]:
    """The cluster as far as it is meant, and the wish without that; ConfigError for an unknown server."""
    rest = {name: value for name, value in wish.given.items() if name != SERVERS.name}
    names = [name.strip() for name in str(wish.given.get(SERVERS.name) or "").split(",") if name.strip()]
    known = {each.name or each.address: each for each in target.endpoints}
    for name in names:
        if name not in known:
            there = several(list(known), MOST_NAMED)
            raise ConfigError(f"there is no server {name!r} in {target.cluster}; there are: {there}")
    chosen = tuple(known[name] for name in dict.fromkeys(names)) or target.endpoints
    return replace(target, endpoints=chosen), replace(wish, given=rest)


def _as_flags(kind: Kind, values: Mapping[str, Value]) -> str:
    return "".join(
        f" {option.flag} {values[option.name]}" for option in kind.options if option.name in values
    )


async def end_run(journal: Journal, name: str) -> RunRecord:
    """End a run, whoever started it: in order, and if that does not do, by force; gives its last record.

    WorkloadError if there is none of that name, or if it cannot be ended.
    """
    record = journal.find(name)
    if not record.active:
        return record
    patience = record.farewell + _ORDERLY_SECONDS
    for order, seconds in ((journal.stop, patience), (journal.kill, _KILLED_SECONDS)):
        record = await _ended_after(order, journal, record, seconds)
        if not record.active:
            return record
    raise WorkloadError(f"{name} does not end")


async def _ended_after(
    order: Callable[[RunRecord], bool], journal: Journal, record: RunRecord, seconds: float
) -> RunRecord:
    """The record of a run once it has ended, or after that time."""
    end = time.monotonic() + seconds
    told = False
    while record.active and time.monotonic() < end:
        told = told or order(record)
        await asyncio.sleep(0.05)
        record = journal.find(record.id)
    return record

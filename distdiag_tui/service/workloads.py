"""Workloads as a person asks for them: prepare, start, change, stop, verify, clean up, see what goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from distdiag_tui.model.errors import ConfigError, RefusedError, WorkloadError
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.journal import Journal, RunRecord, new_name
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value, checked, sizes, worded
from distdiag_tui.workloads.protocol import Kind, Step
from distdiag_tui.workloads.runner import LoadProcess, Order

if TYPE_CHECKING:
    from distdiag_tui.workloads.database import Prepared

INSIST: Final = "--i-know-this-is-production"
_SURVEY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: a kind, the options that were given, and the steps in order.

    `runner` is empty for load from this machine, else the fields of workloads.k8s.settings.Settings.
    """

    kind: str
    steps: tuple[Step, ...] = ("run",)
    given: Mapping[str, object] = field(default_factory=dict)
    runner: Mapping[str, Any] = field(default_factory=dict)


class Workloads:
    """The workloads of one cluster, and the runs started here."""

    def __init__(self, target: Target, journal: Journal | None = None) -> None:
        self.target = target
        self.journal = journal or Journal()
        self.own: dict[str, LoadProcess] = {}

    async def prepared(self, kind: Kind) -> Prepared | None:
        """What data of a kind is there, None for none. ConnectError or WorkloadError if nobody can tell."""
        from distdiag_tui.workloads.database import Database  # noqa: PLC0415  needs the driver
        from distdiag_tui.workloads.session import Node  # noqa: PLC0415

        nodes = [Node(e, self.target.user, self.target.password) for e in self.target.endpoints]
        try:
            async with asyncio.timeout(_SURVEY_SECONDS):
                return await Database(kind.database, nodes).prepared()
        except TimeoutError:
            raise WorkloadError(f"{self.target.cluster} does not answer") from None

    async def start(self, wish: Wish, *, insist: bool = False) -> LoadProcess:
        """Begin the steps in a process of their own, which dies with this one unless it is let go.

        RefusedError on a production cluster without `insist`; ConfigError for options; WorkloadError if the
        kind's program is missing, its data is not prepared, or such a run goes on already.
        """
        kind = find_kind(wish.kind)
        self._permit(wish, insist)
        if "run" in wish.steps and (missing := kind.missing()):
            raise WorkloadError(f"{kind.id} needs a program that is not here: {missing}")
        if wish.runner:
            _check_jobs(kind, wish)
        record = self._record(kind, wish, await self._values(kind, wish))
        process = LoadProcess(Order(self.target, record, wish.runner), self.journal)
        await process.start()
        self.own[record.id] = process
        return process

    def manifests(self, wish: Wish) -> list[dict[str, Any]]:
        """The Kubernetes objects that `start` would make, the password hidden; ConfigError as there."""
        from distdiag_tui.workloads.k8s.manifests import make_plan, manifests  # noqa: PLC0415  rarely asked for
        from distdiag_tui.workloads.k8s.settings import Settings  # noqa: PLC0415

        if not wish.runner:
            raise ConfigError("--dry-run shows Kubernetes objects: only with --runner k8s")
        kind = find_kind(wish.kind)
        record = self._record(kind, wish, checked(kind.options, wish.given))
        plan = make_plan(kind, record, Settings.of(wish.runner), self.target.user, self.journal.folder)
        return manifests(plan, str(self.target.password))

    def runs(self) -> list[RunRecord]:
        """Runs against this cluster's servers, whoever started them, the oldest first."""
        servers = {e.address for e in self.target.endpoints}
        found = {r.id: r for r in self.journal.records() if servers & set(r.servers)}
        found |= {name: process.record for name, process in self.own.items()}
        return sorted(found.values(), key=lambda record: record.started)

    async def stop(self, run: str) -> None:
        """End a run, whoever started it. WorkloadError if there is none of that name."""
        if run in self.own:
            await self.own[run].stop()
        else:
            self.journal.stop(self.journal.find(run))

    def active(self) -> list[LoadProcess]:
        """Runs started here that go on."""
        return [process for process in self.own.values() if process.record.active]

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

    def _record(self, kind: Kind, wish: Wish, values: Mapping[str, Value]) -> RunRecord:
        return RunRecord(
            id=new_name(kind.id),
            kind=kind.id,
            cluster=self.target.cluster,
            servers=tuple(e.address for e in self.target.endpoints),
            steps=wish.steps,
            options=values,
            started=time.time(),
            runner="k8s" if wish.runner else "local",
        )

    async def _values(self, kind: Kind, wish: Wish) -> dict[str, Value]:
        """All options. Sizes come from the data that is there, unless it is to be prepared."""
        values = checked(kind.options, wish.given)
        if wish.steps == ("cleanup",):
            return values
        there = await self.prepared(kind)
        given = {name for name, value in wish.given.items() if value is not None}
        if "prepare" in wish.steps:
            return values
        if there is None or not there.ready:
            state = "is not prepared" if there is None else "is only half prepared"
            raise WorkloadError(
                f"{kind.id} {state} on {self.target.cluster}; first: "
                f"distdiag workload prepare {kind.id} {self.target.cluster}"
            )
        wanted = {name: value for name, value in sizes(kind.options, values).items() if name in given}
        if any(there.sizes.get(name) != value for name, value in wanted.items()):
            raise WorkloadError(
                f"{kind.id} is prepared with {worded(there.sizes)}, not {worded(wanted)}; prepare it anew"
            )
        return {**values, **{n: v for n, v in there.sizes.items() if n in values}}


def _check_jobs(kind: Kind, wish: Wish) -> None:
    from distdiag_tui.workloads.k8s.manifests import shares  # noqa: PLC0415  as above
    from distdiag_tui.workloads.k8s.settings import Settings, missing  # noqa: PLC0415

    if what := missing():
        raise WorkloadError(f"load in Kubernetes needs a library that is not here: {what}")
    shares(kind.options, checked(kind.options, wish.given), Settings.of(wish.runner).jobs)

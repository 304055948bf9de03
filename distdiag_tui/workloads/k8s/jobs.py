"""The load as jobs of a cluster: their reports summed, all of them removed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from distdiag_tui.kube.cluster import PATIENCE, Cluster, opened
from distdiag_tui.model.errors import ConfigError, DistdiagError, KubernetesError, WorkloadError
from distdiag_tui.model.target import Secret
from distdiag_tui.workloads.assembly import Assembly
from distdiag_tui.workloads.journal import Journal, RunRecord
from distdiag_tui.workloads.k8s.follow import START, Follower
from distdiag_tui.workloads.k8s.manifests import ORIGIN, RUN, Plan, make_plan, selector
from distdiag_tui.workloads.k8s.objects import Objects, sweep
from distdiag_tui.workloads.k8s.settings import MOST_JOBS, Settings
from distdiag_tui.workloads.options import Values
from distdiag_tui.workloads.protocol import Check, Kind, Progress, Workload
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.session import Node

FAREWELL: Final = 45.0
"""Seconds from `stop` to the end of `run` if the cluster does not answer; else it takes one or two."""

_TOTALS: Final = 15.0  # seconds for the pods to end, and to tell their totals
_REMOVAL: Final = 25.0  # seconds until all must be gone
_LAST_PATIENCE: Final = 10.0  # seconds of a silence of the API server at the end


def unheard(_: str) -> None:
    """For a run that nobody watches."""


class JobsLoad:
    """Runs a plan in a cluster; the data is filled and verified from here, by `local`.

    `active` are the runs of this origin that go on: what others left in the namespace is removed first
    (None: nothing is).
    `tell` hears how many jobs run. `patience` and `start` are seconds, as in Cluster and Follower.
    """

    farewell = FAREWELL

    def __init__(
        self,
        local: Workload,
        plan: Plan,
        settings: Settings,
        password: Secret,
        *,
        rates: Collection[str] = (),
        active: Collection[str] | None = None,
        tell: Callable[[str], None] = unheard,
        patience: float = PATIENCE,
        start: float = START,
    ) -> None:
        self._local, self._plan, self._settings, self._password = local, plan, settings, password
        self._active, self._tell, self._patience, self._start = active, tell, patience, start
        self._waiting: dict[str, str] = {}
        self._interval = float(plan.shares[0].get("interval", 1.0))
        self._assembly = Assembly(self._interval + 0.5, rates)
        self._clock = asyncio.get_running_loop().time
        self._news, self._stopping = asyncio.Event(), asyncio.Event()
        self._failure: DistdiagError | None = None

    async def fill(self, stores: Sequence[Node], before: Values | None, progress: Progress) -> None:
        """As the kind itself."""
        await self._local.fill(stores, before, progress)

    def verify(self, stores: Sequence[Node], progress: Progress) -> AsyncIterator[Check]:
        """As the kind itself."""
        return self._local.verify(stores, progress)

    def set_threads(self, threads: int) -> None:
        """ConfigError."""
        raise ConfigError(f"jobs keep what they were started with: {threads} threads need a new run")

    def set_rate(self, rate: float) -> None:
        """ConfigError."""
        raise ConfigError(f"jobs keep what they were started with: a rate of {rate:g} needs a new run")

    def stop(self) -> None:
        """Remove the jobs; `run` yields the total and ends."""
        self._stopping.set()
        self._news.set()
        self._local.stop()

    async def run(self) -> AsyncIterator[IntervalReport]:
        """The sum of all jobs at each interval, at last the total; WorkloadError if one of them fails."""
        async with opened(self._settings.place, self._patience, MOST_JOBS + 20) as cluster:
            if not await self._unless_stopped(self._sweep(cluster)):
                return
            objects, left = Objects(cluster, self._plan), ""
            try:
                if await self._unless_stopped(objects.create(self._password.reveal())):
                    async with aclosing(self._reports(objects, cluster)) as reports:
                        async for report in reports:
                            yield report
            except DistdiagError as error:
                self._failure = error
            finally:
                left = await self._remove(objects, cluster)
            if words := "; ".join(filter(None, (str(self._failure or ""), left))):
                raise WorkloadError(words)

    async def _unless_stopped(self, doing: Coroutine[Any, Any, None]) -> bool:
        """Do it, and whether it was done: a stop breaks it off, for the cluster may not answer for long."""
        task, stop = asyncio.create_task(doing), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            return task.done()
        finally:
            await _end([task, stop])

    async def _sweep(self, cluster: Cluster) -> None:
        if self._active is None:
            return
        try:
            await sweep(cluster, self._plan.origin, self._active)
        except KubernetesError as error:
            raise WorkloadError(str(error)) from error

    async def _reports(self, objects: Objects, cluster: Cluster) -> AsyncGenerator[IntervalReport, None]:
        tasks = [asyncio.create_task(self._follow(job, cluster)) for job in objects.jobs]
        try:
            while not (self._stopping.is_set() or self._failure or all(task.done() for task in tasks)):
                await self._wait()
                if report := self._assembly.take(self._clock()):
                    yield report
            await self._withdraw(objects, cluster, tasks)
        finally:
            await _end(tasks)
        for last in (self._assembly.take(self._clock()), self._assembly.total()):
            if last:
                yield last

    async def _follow(self, job: str, cluster: Cluster) -> None:
        try:
            follower = Follower(cluster, job, self._interval, self._start, partial(self._waits, job))
            async for report in follower.reports():
                self._assembly.add(job, report, self._clock())
                self._news.set()
        except DistdiagError as error:
            if not self._stopping.is_set():  # the first one has ended the others
                self._failure = self._failure or error
        finally:
            self._assembly.left(job)
            self._news.set()

    def _waits(self, job: str, why: str) -> None:
        """A job's pod waits for something, or with "" no longer."""
        if self._waiting.get(job) == why:
            return
        self._waiting[job] = why
        wanted = len(self._plan.shares)
        running = sum(not each for each in self._waiting.values())
        self._tell(f"{running} of {wanted} jobs running" + (f"; {job}: {why}" if why else ""))

    async def _wait(self) -> None:
        """Until something has changed, or the grace of those that are late is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._assembly.patience(self._clock())):
                await self._news.wait()
        self._news.clear()

    async def _withdraw(self, objects: Objects, cluster: Cluster, tasks: list[asyncio.Task[None]]) -> None:
        """End those that still run, and hear their totals."""
        cluster.patience = min(cluster.patience, _LAST_PATIENCE)
        if not all(task.done() for task in tasks):
            with suppress(KubernetesError):  # told by _remove, which tries again
                await objects.delete()
                await asyncio.wait(tasks, timeout=_TOTALS)

    async def _remove(self, objects: Objects, cluster: Cluster) -> str:
        """Remove everything; in words what may be left, if anything."""
        cluster.patience = min(cluster.patience, _LAST_PATIENCE)
        try:
            async with asyncio.timeout(_REMOVAL):
                await objects.delete()
                if objects.jobs:
                    await objects.gone()
        except TimeoutError:
            reason = "the cluster has not removed them yet"
        except DistdiagError as error:
            reason = str(error)
        else:
            return ""
        return self._left_over(objects.jobs, cluster.namespace, reason) if objects.jobs else ""

    def _left_over(self, jobs: Sequence[str], namespace: str, reason: str) -> str:
        end = datetime.now(UTC) + timedelta(seconds=self._plan.limit)
        query = selector({name: self._plan.labels[name] for name in (RUN, ORIGIN)})
        return (
            f"the load may go on in the cluster, until {end:%H:%M} UTC at the latest, as {', '.join(jobs)} "
            f"({reason}); to end it: kubectl delete jobs -n {namespace} -l {query}"
        )


def create(
    kind: Kind,
    local: Workload,
    nodes: Sequence[Node],
    record: RunRecord,
    runner: Mapping[str, Any],
    journal: Journal | None,
    tell: Callable[[str], None],
) -> JobsLoad:
    """The run of a record as jobs; ConfigError for settings that do not fit. `tell`: see JobsLoad."""
    settings = Settings.of(runner)
    active = {record.id, *(r.id for r in journal.records() if r.active)} if journal else None
    plan = make_plan(kind, record, settings, nodes[0].user, journal.folder if journal else None)
    password = nodes[0].password
    return JobsLoad(local, plan, settings, password, rates=kind.rates, active=active, tell=tell)


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Raises what is no DistdiagError: a bug must not pass unseen."""
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Exception):
            raise found

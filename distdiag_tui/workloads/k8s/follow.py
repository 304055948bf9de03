"""One job from its creation to its end: waits for its pod, reads what it reports, says how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from kubernetes_asyncio.client import V1Pod

from distdiag_tui.kube.cluster import Cluster, MissingError
from distdiag_tui.model.errors import KubernetesError, WorkloadError
from distdiag_tui.workloads.k8s.manifests import CONTAINER
from distdiag_tui.workloads.k8s.objects import JOBS
from distdiag_tui.workloads.k8s.pods import ending, failure, hopeless, obstacle, started
from distdiag_tui.workloads.report import IntervalReport

START: Final = 180.0
"""Seconds a pod may take to start: a place must be found for it, its image pulled."""

_LOOK: Final = 0.5  # seconds between two looks at a pod
_JOB_NAME: Final = "job-name"  # versions before 1.27 set no other


class Follower:
    """Follows one job. `interval` is its seconds between reports; `tell` hears what its pod waits for."""

    def __init__(
        self, cluster: Cluster, job: str, interval: float, start: float, tell: Callable[[str], None]
    ) -> None:
        self._cluster, self._job, self._start, self._tell = cluster, job, start, tell
        self._silence = 3 * interval + 10  # a log that was rotated away may fall silent for good
        self._words = ""  # the last line that was no report

    async def reports(self) -> AsyncIterator[IntervalReport]:
        """As they come; after a cut one may come again. WorkloadError says why the job failed."""
        pod, told = await self._started(), False
        async for line in self._lines(pod):
            report = _report(line)
            if report is not None:
                told = True
                yield report
            else:
                self._words = line.strip() or self._words
        if why := await self._failure(pod):
            raise WorkloadError(f"job {self._job}: {why}")
        if not told:
            words = f": {self._words}" if self._words else ""
            raise WorkloadError(f"job {self._job} ended without any report in its log{words}")

    async def _started(self) -> str:
        """The name of its pod, once the program runs in it."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._start
        while True:
            pod = await self._pod()
            if pod is not None and started(pod):
                self._tell("")
                return str(pod.metadata.name)
            late = clock() > end
            if late or (pod is not None and hopeless(pod)):
                why = (obstacle(pod) if pod is not None else await self._event()) or "no reason is known"
                waited = f" within {self._start:.0f} s" if late else ""
                raise WorkloadError(f"job {self._job} does not start{waited}: {why}")
            if pod is None:
                await self._refuse_ended()
            self._tell((pod is not None and obstacle(pod)) or "no pod yet")
            await asyncio.sleep(_LOOK)

    async def _pod(self) -> V1Pod | None:
        listing, space = self._cluster.core.list_namespaced_pod, self._cluster.namespace
        query = f"{_JOB_NAME}={self._job}"
        pods = await self._cluster.call("list", "pods", listing, space, label_selector=query)
        return pods.items[0] if pods.items else None

    async def _event(self) -> str:
        """Why its pod cannot be made, such as a quota: told in events only, which not everybody may list."""
        listing, space = self._cluster.core.list_namespaced_event, self._cluster.namespace
        query = f"involvedObject.kind=Job,involvedObject.name={self._job},type=Warning"
        try:
            events = await self._cluster.call("list", "events", listing, space, field_selector=query)
        except KubernetesError:
            return ""
        if not events.items:
            return ""
        last = max(events.items, key=lambda event: event.metadata.creation_timestamp)
        return f"{last.reason}: {last.message}"

    async def _refuse_ended(self) -> None:
        if why := await self._job_failure():
            raise WorkloadError(f"job {self._job}: {why}")

    async def _lines(self, pod: str) -> AsyncIterator[str]:
        """The pod's log, from its beginning to the end of the program; what a cut tore away is read again."""
        since, over = "", False
        while True:
            try:
                async for stamp, line in self._cluster.log(pod, CONTAINER, since, self._silence):
                    since = stamp or since
                    yield line
            except MissingError:
                return
            if over:
                return
            over = await self._over(pod)
            if not over:
                await asyncio.sleep(_LOOK)

    async def _over(self, pod: str) -> bool:
        """Whether the program has ended: then one more reading brings all there is."""
        try:
            return ending(await self._read(pod)) is not None
        except MissingError:
            return True

    async def _failure(self, pod: str) -> str:
        """Why it did not end well, "" if it did."""
        try:
            ended = ending(await self._read(pod))
        except MissingError:
            return await self._job_failure() or "its pod was deleted"
        if ended is None or not (ended.code or ended.why):
            return ""
        words = self._words.removeprefix("distdiag: ")
        return ended.why or words or f"it ended with code {ended.code}"

    async def _job_failure(self) -> str:
        read, space = self._cluster.batch.read_namespaced_job, self._cluster.namespace
        try:
            return failure(await self._cluster.call("get", JOBS, read, self._job, space))
        except MissingError:
            return "it was deleted"

    async def _read(self, pod: str) -> V1Pod:
        read, space = self._cluster.core.read_namespaced_pod, self._cluster.namespace
        return await self._cluster.call("get", "pods", read, pod, space)


def _report(line: str) -> IntervalReport | None:
    try:
        return IntervalReport.from_json(line)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None

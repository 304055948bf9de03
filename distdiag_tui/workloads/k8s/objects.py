"""What one run has in the cluster: made, and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final, TypeVar

from kubernetes_asyncio.client import V1DeleteOptions, V1Job, V1ObjectMeta, V1Preconditions, V1Secret

from distdiag_tui.kube.cluster import Cluster, ForbiddenError, MissingError, TakenError
from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.k8s.manifests import MANAGED, ORIGIN, RUN, Manifest, Plan, manifests, selector

JOBS: Final = "jobs.batch"
_LOOK: Final = 0.2  # seconds between two looks whether something has gone

_Object = TypeVar("_Object", V1Job, V1Secret)


class Objects:
    """The secret and the jobs of a plan. They are known by their labels: another's are never touched."""

    def __init__(self, cluster: Cluster, plan: Plan) -> None:
        self._cluster, self._plan = cluster, plan
        self.jobs: list[str] = []
        """Names of the jobs that were made, or may have been."""

    async def create(self, password: str) -> None:
        """Make them all. The jobs own the secret, so that the cluster removes it with the last of them."""
        secret, *jobs = manifests(self._plan, password)
        await self._create_secret(secret)
        owners = []
        for job in jobs:
            name = job["metadata"]["name"]
            self.jobs.append(name)
            uid = await self._create_job(job)
            owners.append({"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid})
        patch, body = self._cluster.core.patch_namespaced_secret, {"metadata": {"ownerReferences": owners}}
        await self._cluster.call("patch", "secrets", patch, self._plan.name, self._cluster.namespace, body)

    async def delete(self) -> None:
        """Tell the cluster to remove them and the pods, whose programs have some seconds to end."""
        for job in await list_jobs(self._cluster, selector(self._plan.labels)):
            await _delete_job(self._cluster, job.metadata)
        if secret := await self._secret():
            await _delete_secret(self._cluster, secret)

    async def gone(self) -> None:
        """Wait until nothing is left of the run, running pods included."""
        while await self._left():  # noqa: ASYNC110 - it happens elsewhere: there is no event here
            await asyncio.sleep(_LOOK)

    async def _left(self) -> bool:
        cluster, query = self._cluster, selector(self._plan.labels)
        if await list_jobs(cluster, query) or await self._secret():
            return True
        pods = await cluster.call(
            "list", "pods", cluster.core.list_namespaced_pod, cluster.namespace, label_selector=query
        )
        return any(pod.status.phase not in ("Succeeded", "Failed") for pod in pods.items)

    async def _secret(self) -> V1ObjectMeta | None:
        """If it is there, and ours."""
        try:
            found = (await self._read_secret()).metadata
        except MissingError:
            return None
        return found if self._is_ours(found) else None

    async def _create_secret(self, body: Manifest) -> str:
        create = self._cluster.core.create_namespaced_secret
        try:
            made: V1Secret = await self._create("secrets", create, body)
        except TakenError:
            made = await self._read_secret()
        return self._ours(made.metadata)

    async def _create_job(self, body: Manifest) -> str:
        cluster = self._cluster
        try:
            made: V1Job = await self._create(JOBS, cluster.batch.create_namespaced_job, body)
        except TakenError:
            read, name = cluster.batch.read_namespaced_job, body["metadata"]["name"]
            made = await cluster.call("get", JOBS, read, name, cluster.namespace)
        return self._ours(made.metadata)

    async def _create(
        self, resource: str, create: Callable[..., Awaitable[_Object]], body: Manifest
    ) -> _Object:
        space = self._cluster.namespace
        return await self._cluster.call("create", resource, create, space, body, field_validation="Strict")

    async def _read_secret(self) -> V1Secret:
        read, space = self._cluster.core.read_namespaced_secret, self._cluster.namespace
        return await self._cluster.call("get", "secrets", read, self._plan.name, space)

    def _ours(self, found: V1ObjectMeta) -> str:
        """Its unique id. One that is there already is ours if the answer to its creation was lost."""
        if self._is_ours(found):
            return str(found.uid)
        raise WorkloadError(
            f"{found.name} in namespace {self._cluster.namespace} belongs to somebody else; start again"
        )

    def _is_ours(self, found: V1ObjectMeta) -> bool:
        return self._plan.labels.items() <= (found.labels or {}).items()


async def list_jobs(cluster: Cluster, query: str) -> list[V1Job]:
    """Those that have the labels of the query."""
    jobs = await cluster.call(
        "list", JOBS, cluster.batch.list_namespaced_job, cluster.namespace, label_selector=query
    )
    return list(jobs.items)


async def sweep(cluster: Cluster, origin: str, active: Collection[str]) -> None:
    """Remove what runs of this origin left that no longer go on: their process was killed.

    An account that may not list secrets leaves them to their jobs' removal.
    """
    query = selector({**MANAGED, ORIGIN: origin})
    for job in await list_jobs(cluster, query):
        if job.metadata.labels[RUN] not in active:
            await _delete_job(cluster, job.metadata)
    try:
        secrets = await cluster.call(
            "list", "secrets", cluster.core.list_namespaced_secret, cluster.namespace, label_selector=query
        )
    except ForbiddenError:
        return
    for secret in secrets.items:
        if secret.metadata.labels[RUN] not in active:
            await _delete_secret(cluster, secret.metadata)


async def _delete_job(cluster: Cluster, meta: V1ObjectMeta) -> None:
    delete = cluster.batch.delete_namespaced_job
    with suppress(MissingError, TakenError):  # it has gone, and what has its name is another
        await cluster.call("delete", JOBS, delete, meta.name, cluster.namespace, body=_options(meta))


async def _delete_secret(cluster: Cluster, meta: V1ObjectMeta) -> None:
    delete = cluster.core.delete_namespaced_secret
    with suppress(MissingError, TakenError):
        await cluster.call("delete", "secrets", delete, meta.name, cluster.namespace, body=_options(meta))


def _options(meta: V1ObjectMeta) -> V1DeleteOptions:
    """The pods go too; only the very object that was meant goes."""
    return V1DeleteOptions(propagation_policy="Background", preconditions=V1Preconditions(uid=meta.uid))

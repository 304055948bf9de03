"""The job controller of the stand-in cluster: one pod for a job, its deadline, its end, its removal.

Only what a job with one pod and no second try needs: parallelism and completions of 1, backoffLimit 0.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any

from apistatus import ApiError
from apistore import Event, Object, Resource, Store, now


class JobController:
    """Makes pods for the jobs of a store. With `quota`, the reason, it can make none."""

    def __init__(self, store: Store, jobs: Resource, pods: Resource, events: Resource) -> None:
        self.quota = ""
        self._store, self._jobs, self._pods, self._events = store, jobs, pods, events
        self._tasks: dict[str, asyncio.Task[None]] = {}
        store.listen(self._hear)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _hear(self, resource: Resource, event: Event) -> None:
        if resource is self._jobs and event.old is None and event.new is not None:
            uid = event.new["metadata"]["uid"]
            self._tasks[uid] = asyncio.create_task(self._control(event.new))
        elif resource is self._jobs and event.new is None and event.old is not None:
            self._tasks[event.old["metadata"]["uid"]].cancel()

    async def _control(self, job: Object) -> None:
        spec, space, name = job["spec"], job["metadata"]["namespace"], job["metadata"]["name"]
        self._status(space, name, startTime=now())
        pod = ""
        try:
            async with asyncio.timeout(spec.get("activeDeadlineSeconds")):
                pod = await self._create_pod(job)
                self._status(space, name, active=1, ready=1)
                phase = await self._ended(space, pod)
        except TimeoutError:
            await self._delete_pod(space, pod)
            self._failed(space, name, "DeadlineExceeded", "Job was active longer than specified deadline")
        else:
            if phase == "Succeeded":
                self._status(space, name, active=0, succeeded=1, completionTime=now(),
                             conditions=[_condition("Complete", "CompletionsReached", "")])  # fmt: skip
            else:
                words = "Job has reached the specified backoff limit"
                self._failed(space, name, "BackoffLimitExceeded", words)
        await asyncio.sleep(spec.get("ttlSecondsAfterFinished", 10**6))
        self._store.remove(self._jobs, space, name)

    async def _create_pod(self, job: Object) -> str:
        meta, template = job["metadata"], job["spec"]["template"]
        while self.quota:
            self._warn(job, "FailedCreate", self.quota)
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.05)
        name = f"{meta['name']}-{secrets.token_hex(3)[:5]}"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"],
                 "controller": True, "blockOwnerDeletion": True}  # fmt: skip
        pod = {
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "generateName": f"{meta['name']}-",
                "ownerReferences": [owner],
                **template.get("metadata", {}),
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        self._store.create(self._pods, pod)
        return name

    async def _ended(self, space: str, pod: str) -> str:
        """The phase of a pod that ended; Failed for one that was deleted."""
        while True:
            try:
                phase = self._store.get(self._pods, space, pod)["status"]["phase"]
            except ApiError:
                return "Failed"
            if phase in ("Succeeded", "Failed"):
                return str(phase)
            await asyncio.sleep(0.05)

    async def _delete_pod(self, space: str, pod: str) -> None:
        try:
            found = self._store.get(self._pods, space, pod)
        except ApiError:
            return
        begin_deletion(self._store, self._pods, found)

    def _failed(self, space: str, name: str, reason: str, message: str) -> None:
        condition = _condition("Failed", reason, message)
        self._status(space, name, active=0, failed=1, conditions=[condition])

    def _status(self, space: str, name: str, **status: object) -> None:
        job = self._store.get(self._jobs, space, name)
        job["status"] = {**job.get("status", {}), **status}
        self._store.update(self._jobs, job)

    def _warn(self, job: Object, reason: str, message: str) -> None:
        meta = job["metadata"]
        about = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": meta["name"],
            "namespace": meta["namespace"],
        }
        event = {
            "metadata": {"name": f"{meta['name']}.{secrets.token_hex(8)}", "namespace": meta["namespace"]},
            "involvedObject": {**about, "uid": meta["uid"]},
            "type": "Warning",
            "reason": reason,
            "message": message,
        }
        self._store.create(self._events, event)


def begin_deletion(store: Store, resource: Resource, item: Object, grace: int | None = None) -> Object:
    """Mark a pod: its node ends it and removes it then."""
    if "deletionTimestamp" in item["metadata"]:
        return item
    own = item["spec"].get("terminationGracePeriodSeconds", 30)
    item["metadata"] |= {
        "deletionTimestamp": now(),
        "deletionGracePeriodSeconds": own if grace is None else grace,
    }
    return store.update(resource, item)


def job_defaults(job: Object) -> None:
    """What the server adds to a new job: the selector and the labels of its pods."""
    meta, spec = job["metadata"], job["spec"]
    marks = {
        "batch.kubernetes.io/controller-uid": meta["uid"],
        "batch.kubernetes.io/job-name": meta["name"],
        "controller-uid": meta["uid"],
        "job-name": meta["name"],
    }
    template = spec["template"].setdefault("metadata", {})
    template["labels"] = {**template.get("labels", {}), **marks}
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}
    for field, value in (("parallelism", 1), ("completions", 1), ("backoffLimit", 6), ("suspend", False)):
        spec.setdefault(field, value)
    spec.setdefault("completionMode", "NonIndexed")
    job["status"] = {}


def _condition(kind: str, reason: str, message: str) -> dict[str, Any]:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = {"type": kind, "status": "True", "reason": reason, "message": message}
    return {**words, "lastProbeTime": moment, "lastTransitionTime": moment}

"""Chaos Mesh for tests: its resources from the real definitions, and controllers that only say they did it.

The controllers speak to an API server over HTTP, so that they serve the stand-in and a real one alike. They
do what Chaos Mesh does to the objects: finalizer, records, conditions, the end of the duration, recovery.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
from apicustom import custom
from apistore import Object, Resource
from chaosrules import webhook
from facts import facts

PLURALS: Final = ("stresschaos", "networkchaos", "iochaos", "podchaos", "timechaos")
GROUP: Final = "chaos-mesh.org"
FINALIZER: Final = "chaos-mesh/records"
_ONCE: Final = ("pod-kill", "container-kill")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def definitions() -> list[Object]:
    """The CustomResourceDefinitions, as they come with Chaos Mesh."""
    return [facts(f"chaosmesh/{GROUP}_{plural}.yaml") for plural in PLURALS]


def resources() -> list[Resource]:
    """With the webhook's rules, for the stand-in."""
    return [custom(definition, webhook) for definition in definitions()]


def servers() -> Object:
    """The CustomResourceDefinition of a server of ob-operator."""
    found: Object = facts("ob-operator/oceanbase.oceanbase.com_observers.yaml")
    return found


def live(kind: str) -> list[Object]:
    """Objects of that kind, as in a cluster of three servers."""
    return [item for item in facts("ob-operator/sample/live_objects.json")["items"] if item["kind"] == kind]


class Controllers:
    """`pods` are those that can be selected (None: any). What goes wrong:

    `asleep`: nothing is done; `fail`: the message of every injection; `stuck`: that of every recovery.
    `killed` hears of pods that are killed. `events`: whether the server has events.
    """

    def __init__(self, session: aiohttp.ClientSession, namespace: str, *, events: bool = True) -> None:
        self.pods: set[str] | None = None
        self.asleep = False
        self.fail = self.stuck = ""
        self.killed: Callable[[str], None] = lambda _: None
        self._session, self._namespace, self._events = session, namespace, events

    async def run(self) -> None:
        """For ever."""
        while True:
            found = await asyncio.gather(*map(self.items, PLURALS))
            for plural, items in zip(PLURALS, found, strict=True):
                for item in items:
                    await self._control(f"{self._path(plural)}/{item['metadata']['name']}", item)
            await asyncio.sleep(0.05)

    async def items(self, plural: str) -> list[Object]:
        """What there is; nothing while the server is down."""
        try:
            async with self._session.get(self._path(plural)) as response:
                return list((await response.json())["items"]) if response.status == 200 else []
        except aiohttp.ClientError:
            return []

    async def names(self) -> list[str]:
        """Of all objects of all kinds."""
        return [item["metadata"]["name"] for plural in PLURALS for item in await self.items(plural)]

    async def create(self, plural: str, item: Object, group: str = GROUP, *, dry_run: bool = False) -> None:
        """Another's object; a dry run only has it checked."""
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        async with self._session.post(self._path(plural, group), json=item, params=query) as response:
            assert response.status == 201, await response.text()

    async def set_status(self, plural: str, item: Object, group: str) -> None:
        """Where it has a path of its own."""
        path = f"{self._path(plural, group)}/{item['metadata']['name']}/status"
        await self._patch(path, {"status": item["status"]})

    async def delete(self, plural: str, name: str) -> None:
        """As another would."""
        async with self._session.delete(f"{self._path(plural)}/{name}") as response:
            assert response.status == 200, await response.text()

    def _path(self, plural: str, group: str = GROUP) -> str:
        return f"/apis/{group}/v1alpha1/namespaces/{self._namespace}/{plural}"

    async def _control(self, path: str, item: Object) -> None:
        """One change at a time, so that each is seen, as long as there is something to do."""
        while not self.asleep and (change := await self._change(item)):
            item = await self._patch(path, change)

    async def _change(self, item: Object) -> Object:
        meta, spec = item["metadata"], item["spec"]
        experiment = (item.get("status") or {}).get("experiment") or {}
        records = experiment.get("containerRecords") or []
        injected = [record for record in records if record["phase"] == "Injected"]
        once = spec.get("action") in _ONCE
        phase = "Stop" if not once and _age(meta) > _seconds(spec.get("duration", "")) else "Run"
        change: Object = {}
        if "deletionTimestamp" in meta and (once or not injected):
            if meta.get("finalizers"):
                change = {"metadata": {"finalizers": None}}
        elif FINALIZER not in (meta.get("finalizers") or ()):
            change = {"metadata": {"finalizers": [FINALIZER]}, "status": _status([], "Run")}
        elif "deletionTimestamp" in meta or phase == "Stop":
            if injected or experiment["desiredPhase"] == "Run":
                change = await self._attempt(item, records, "Recover", phase, self.stuck)
        elif not records:
            if chosen := self._select(spec["selector"]):
                change = {"status": _status([_record(pod) for pod in chosen], "Run")}
        elif len(injected) < len(records):
            change = await self._attempt(item, records, "Apply", phase, self.fail)
        return change

    async def _attempt(
        self, item: Object, records: list[Object], operation: str, phase: str, message: str
    ) -> Object:
        last = (records[0].get("events") or [{}])[-1] if records else {}
        if message and last.get("message") == message:
            return {}
        for record in records:
            happened = {
                "operation": operation,
                "timestamp": _now(),
                "type": "Failed" if message else "Succeeded",
            }
            record["events"] = [
                *(record.get("events") or ()),
                happened | ({"message": message} if message else {}),
            ]
            if not message:
                record["phase"] = "Injected" if operation == "Apply" else "Not Injected"
        if self._events:
            await self._tell(item, operation, message)
        if item["spec"].get("action") == "pod-kill" and operation == "Apply" and not message:
            for record in records:
                self.killed(record["id"].partition("/")[2])
        return {"status": _status(records, phase)}

    def _select(self, selector: dict[str, Any]) -> list[str]:
        named = [f"{space}/{pod}" for space, pods in selector["pods"].items() for pod in pods]
        return [each for each in named if self.pods is None or each.partition("/")[2] in self.pods]

    async def _tell(self, item: Object, operation: str, message: str) -> None:
        meta = item["metadata"]
        about = {"apiVersion": item["apiVersion"], "kind": item["kind"]}
        about |= {key: meta[key] for key in ("name", "namespace", "uid")}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{secrets.token_hex(8)}"},
            "involvedObject": about,
            "type": "Warning" if message else "Normal",
            "reason": "Failed" if message else {"Apply": "Applied", "Recover": "Recovered"}[operation],
            "message": f"Failed to {operation.lower()} chaos: {message}"
            if message
            else f"{operation} succeeded",
        }
        async with self._session.post(
            f"/api/v1/namespaces/{meta['namespace']}/events", json=event
        ) as response:
            assert response.status == 201, await response.text()

    async def _patch(self, path: str, body: Object) -> Object:
        """The object as it is then; it has gone, or there is no answer, if it is one without finalizers."""
        gone: Object = {"metadata": {"deletionTimestamp": _now()}, "spec": {}}
        headers = {"Content-Type": "application/merge-patch+json"}
        try:
            async with self._session.patch(path, json=body, headers=headers) as response:
                assert response.status in (200, 404), await response.text()
                return dict(await response.json()) if response.status == 200 else gone
        except aiohttp.ClientError:
            return gone


@asynccontextmanager
async def controllers(
    url: str, token: str, namespace: str, trust: ssl.SSLContext | None = None, *, events: bool = True
) -> AsyncIterator[Controllers]:
    """They run meanwhile."""
    connector = aiohttp.TCPConnector(ssl=trust if trust is not None else True)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers, connector=connector) as session:
        found = Controllers(session, namespace, events=events)
        task = asyncio.create_task(found.run())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()


def _status(records: list[Object], phase: str) -> Object:
    injected = [record["phase"] == "Injected" for record in records]
    truths = {
        "Selected": bool(records),
        "AllInjected": bool(records) and all(injected),
        "AllRecovered": not any(injected),
        "Paused": False,
    }
    return {
        "conditions": [{"type": name, "status": str(truth)} for name, truth in truths.items()],
        "experiment": {"containerRecords": records, "desiredPhase": phase},
    }


def _record(pod: str) -> Object:
    return {"id": pod, "selectorKey": ".", "phase": "Not Injected", "injectedCount": 0, "recoveredCount": 0}


def _seconds(duration: str) -> float:
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", duration)
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else float("inf")


def _age(meta: Object) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(meta["creationTimestamp"])).total_seconds()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

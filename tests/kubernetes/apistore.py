"""The objects of the stand-in cluster: versions, watches, and removal of what has lost its owners."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apistatus import Cause, already_exists, conflict, gone, not_found

Object = dict[str, Any]
Test = Callable[[Object], bool]
Key = tuple[str, str, str]  # resource, namespace, name


@dataclass(frozen=True)
class Resource:
    """What the server serves: its names, its model (None: no types are checked), its rules.

    `read` is the reading of a custom one: the object without unknown fields, those, and what is wrong.
    With `own_status` the status is written at its own path, and only there.
    `longest` is that of a name, `defaults` completes a new object, `fields` can be selected by.
    """

    group: str
    version: str
    plural: str
    kind: str
    model: str | None = None
    longest: int = 253
    rules: Callable[[Object], Iterable[Cause]] | None = None
    defaults: Callable[[Object], None] | None = None
    namespaced: bool = True
    fields: tuple[str, ...] = ()
    read: Callable[[Object], tuple[Object, list[str], list[Cause]]] | None = None
    own_status: bool = False

    @property
    def id(self) -> str:
        """jobs.batch, pods."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True)
class Event:
    """One change; `old` and `new` are None before the first and after the last."""

    version: int
    old: Object | None
    new: Object | None


Items = Sequence[Object]


class Store:
    """All objects. Changes are made here only, so that every watcher hears of them."""

    def __init__(self) -> None:
        self.version = 100
        self.oldest = 0
        self._objects: dict[Key, Object] = {}
        self._events: defaultdict[str, list[Event]] = defaultdict(list)
        self._changed = asyncio.Condition()
        self._listeners: list[Callable[[Resource, Event], None]] = []

    def listen(self, hear: Callable[[Resource, Event], None]) -> None:
        """Controllers hear of every change at once."""
        self._listeners.append(hear)

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self._objects.get((resource.id, namespace, name))
        if found is None:
            raise not_found(resource.group, resource.plural, name)
        return copy.deepcopy(found)

    def list(self, resource: Resource, namespace: str = "") -> Items:
        """Those of a namespace, or of all, by name."""
        keys = sorted(k for k in self._objects if k[0] == resource.id and namespace in ("", k[1]))
        return [copy.deepcopy(self._objects[key]) for key in keys]

    def create(self, resource: Resource, item: Object) -> Object:
        meta = item["metadata"]
        key = (resource.id, meta.get("namespace", ""), meta["name"])
        if key in self._objects:
            raise already_exists(resource.group, resource.plural, meta["name"])
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 1}
        if resource.defaults:
            resource.defaults(item)
        return self._put(resource, key, None, item)

    def update(self, resource: Resource, item: Object) -> Object:
        """409 if the object was changed since it was read, where its version says when that was."""
        meta = item["metadata"]
        key = (resource.id, meta.get("namespace", ""), meta["name"])
        old = self.get(resource, key[1], key[2])
        if meta.get("resourceVersion") not in (None, "", old["metadata"]["resourceVersion"]):
            why = (
                "the object has been modified; please apply your changes to the latest version and try again"
            )
            raise conflict(resource.group, resource.plural, meta["name"], why)
        for fixed in ("uid", "creationTimestamp", "deletionTimestamp"):
            if fixed in old["metadata"]:
                meta[fixed] = old["metadata"][fixed]
        if (
            "deletionTimestamp" in old["metadata"]
            and old["metadata"].get("finalizers")
            and not meta.get("finalizers")
        ):
            self.remove(resource, key[1], key[2])
            return item
        return self._put(resource, key, old, item)

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """At once. What it owned, and nobody else, goes too: that is the collector's doing."""
        old = self._objects.pop((resource.id, namespace, name), None)
        if old is not None:
            self.version += 1
            self._tell(resource, Event(self.version, old, None))

    def finish(self, resource: Resource, item: Object) -> bool:
        """Whether it waits for its finalizers now, which somebody has to take off; else nothing is done."""
        meta = item["metadata"]
        if not meta.get("finalizers"):
            return False
        if "deletionTimestamp" not in meta:
            key = (resource.id, meta.get("namespace", ""), meta["name"])
            old = self.get(resource, key[1], key[2])
            meta["deletionTimestamp"] = now()
            self._put(resource, key, old, item)
        return True

    def owned(self, uid: str) -> Sequence[tuple[str, Object]]:
        """Objects that name this owner, with their resource's id."""
        return [
            (key[0], copy.deepcopy(item))
            for key, item in self._objects.items()
            if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences") or ())
        ]

    def alive(self, uid: str) -> bool:
        return any(item["metadata"]["uid"] == uid for item in self._objects.values())

    def compact(self) -> None:
        """Forget the past: who watches from there is told 410."""
        self.oldest = self.version
        self._events.clear()

    async def watch(
        self, resource: Resource, namespace: str, since: int, test: Test
    ) -> AsyncIterator[Object]:
        """Changes after a version, for ever; an object that no longer fits the test counts as deleted."""
        while True:
            if since < self.oldest:
                raise gone(since, self.oldest)
            async with self._changed:
                events = [event for event in self._events[resource.id] if event.version > since]
                if not events:
                    await self._changed.wait()
                    continue
            for event in events:
                since = event.version
                if found := _seen(event, namespace, test):
                    yield found

    def _put(self, resource: Resource, key: Key, old: Object | None, item: Object) -> Object:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        item |= {"apiVersion": resource.api_version, "kind": resource.kind}
        self._objects[key] = copy.deepcopy(item)
        self._tell(resource, Event(self.version, old, copy.deepcopy(item)))
        return copy.deepcopy(item)

    def _tell(self, resource: Resource, event: Event) -> None:
        self._events[resource.id].append(event)
        for hear in self._listeners:
            hear(resource, event)
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _seen(event: Event, namespace: str, test: Test) -> Object | None:
    def fits(item: Object | None) -> bool:
        return item is not None and namespace in ("", item["metadata"].get("namespace", "")) and test(item)

    before, after = fits(event.old), fits(event.new)
    if not before and not after:
        return None
    item = copy.deepcopy(event.new if after else event.old) or {}
    item["metadata"]["resourceVersion"] = str(event.version)
    kind = "DELETED" if not after else "MODIFIED" if before else "ADDED"
    return {"type": kind, "object": item}


def now() -> str:
    """As the server writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

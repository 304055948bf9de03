"""The objects of Chaos Mesh in a cluster: made, followed, removed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from kubernetes_asyncio.client import V1DeleteOptions, V1Preconditions

from distdiag_tui.anomalies.chaos.manifests import GROUP, INJECTION, KINDS, OWNER, VERSION, Manifest
from distdiag_tui.anomalies.chaos.status import read_state
from distdiag_tui.kube.cluster import (
    AbsentError,
    Cluster,
    ForbiddenError,
    MissingError,
    TakenError,
    opened,
)
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import KubernetesError

_WATCH: Final = 60  # seconds until a watch is begun anew
_SILENCE: Final = _WATCH + 15.0
_LOOK: Final = 0.5  # seconds between two looks where nothing can be heard
_LATE: Final = 5.0  # seconds that an API server may answer and not know custom kinds yet: it has just started


@dataclass(frozen=True, slots=True)
class Mark:
    """Where an object is, and whose: enough to find it again from another shell, in another context."""

    kind: str
    name: str
    namespace: str
    context: str
    files: str
    host: str
    injection: str
    owner: str

    @classmethod
    def of(cls, cluster: Cluster, manifest: Manifest) -> Mark:
        """That of an object in this cluster."""
        meta = manifest["metadata"]
        labels = meta.get("labels") or {}
        return cls(
            kind=manifest["kind"],
            name=meta["name"],
            namespace=meta["namespace"],
            context=cluster.context,
            files=cluster.files,
            host=cluster.host,
            injection=labels.get(INJECTION, ""),
            owner=labels.get(OWNER, ""),
        )

    @classmethod
    def from_json(cls, text: str) -> Mark:
        """As it was noted."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """To be noted."""
        return json.dumps(asdict(self))

    @property
    def label(self) -> str:
        """For messages."""
        return f"{self.kind} {self.name} in namespace {self.namespace}"

    def is_of(self, found: Manifest) -> bool:
        """Whether an object of that name is the one that was made: another's is never touched."""
        labels = found["metadata"].get("labels") or {}
        return (labels.get(INJECTION), labels.get(OWNER)) == (self.injection, self.owner)


class Objects:
    """Objects of Chaos Mesh, by their marks. Errors are those of Cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._api = cluster, cluster.custom

    async def create(self, manifest: Manifest) -> None:
        """Make it; TakenError if somebody else has one of that name."""
        mark = Mark.of(self._cluster, manifest)
        create = self._api.create_namespaced_custom_object
        try:
            await self._call("create", mark.kind, create, manifest, field_validation="Strict")
        except TakenError:
            found = await self.get(mark)
            if found is None or not mark.is_of(found):  # ours is there if the answer to it was lost
                raise TakenError(f"{mark.label} belongs to somebody else; start again") from None

    async def get(self, mark: Mark) -> Manifest | None:
        """None if there is none; or not even of that kind, for as long as an API server may take to start."""
        clock = asyncio.get_running_loop().time
        end = clock() + _LATE
        while True:
            try:
                found: Manifest = await self._call(
                    "get", mark.kind, self._api.get_namespaced_custom_object, mark.name
                )
            except MissingError:
                return None
            except AbsentError:
                if clock() > end:
                    await self._require_absence(mark.kind)
                    return None
            else:
                return found
            await asyncio.sleep(_LOOK)

    async def listed(self, kind: str, query: str) -> list[Manifest]:
        """Those with the labels of a query; none if Chaos Mesh is not installed."""
        listing = self._api.list_namespaced_custom_object
        try:
            found: Any = await self._call("list", kind, listing, label_selector=query)
        except AbsentError:
            await self._require_absence(kind)
            return []
        return [{**item, "kind": kind} for item in found["items"]]

    async def delete(self, found: Manifest) -> None:
        """Tell Chaos Mesh to recover everything; then the object goes."""
        meta = found["metadata"]
        options = V1DeleteOptions(preconditions=V1Preconditions(uid=meta["uid"]))
        delete = self._api.delete_namespaced_custom_object
        with suppress(MissingError, TakenError):  # it has gone, and what has its name is another
            await self._call("delete", found["kind"], delete, meta["name"], body=options)

    async def gone(self, mark: Mark, seconds: float) -> None:
        """Wait until it is; KubernetesError says what keeps it."""
        words = "no word of it"
        try:
            async with asyncio.timeout(seconds), aclosing(self.follow(mark)) as states:
                async for found in states:
                    if found is None or not mark.is_of(found):
                        return
                    words = read_state(found).words
        except TimeoutError:
            raise KubernetesError(f"{mark.label} is still there: {words}") from None

    async def follow(self, mark: Mark) -> AsyncGenerator[Manifest | None, None]:
        """The object as it is, then whenever it changes, again and again; None at the end if it goes."""
        while True:
            found = await self.get(mark)
            yield found
            if found is None:
                return
            with suppress(ForbiddenError, AbsentError):  # who may not watch looks
                async with aclosing(self._changes(mark, found)) as changes:
                    async for change, item in changes:
                        if change == "DELETED":
                            break
                        yield item
            await asyncio.sleep(_LOOK)

    async def _require_absence(self, kind: str) -> None:
        """KubernetesError unless the API server really has no such kind: nothing is left then."""
        if await self._cluster.serves(GROUP, VERSION, KINDS[kind]):
            raise KubernetesError(f"{self._cluster.where} answers as if it had no {_resource(kind)}")

    async def _changes(self, mark: Mark, found: Manifest) -> AsyncGenerator[tuple[str, Manifest], None]:
        query = {
            "fieldSelector": f"metadata.name={mark.name}",
            "resourceVersion": found["metadata"]["resourceVersion"],
            "timeoutSeconds": str(_WATCH),
        }
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{mark.namespace}/{KINDS[mark.kind]}"
        async for event in self._cluster.watch(_resource(mark.kind), path, query, _SILENCE):
            yield event

    async def events(self, mark: Mark) -> list[str]:
        """What was told about it, in lines, the oldest first; nothing for who may not list events."""
        query = f"involvedObject.kind={mark.kind},involvedObject.name={mark.name}"
        listing, space = self._cluster.core.list_namespaced_event, self._cluster.namespace
        try:
            found = await self._cluster.call("list", "events", listing, space, field_selector=query)
        except (ForbiddenError, AbsentError):
            return []
        items = sorted(found.items, key=lambda each: each.metadata.creation_timestamp)
        return [" ".join(f"{each.type} {each.reason}: {each.message}".split()) for each in items]

    async def _call(self, verb: str, kind: str, function: Any, *args: object, **query: object) -> Any:  # noqa: ANN401  the client's functions for any kind of object have no types
        where = (GROUP, VERSION, self._cluster.namespace, KINDS[kind])
        return await self._cluster.call(verb, _resource(kind), function, *where, *args, **query)


@asynccontextmanager
async def at(mark: Mark, patience: float) -> AsyncIterator[Cluster]:
    """The cluster of a mark; KubernetesError if its context leads to another one now."""
    async with opened(Place(mark.context, mark.namespace, files=mark.files), patience) as cluster:
        if cluster.host != mark.host:
            now = f"context {mark.context} leads to {cluster.host} now"
            raise KubernetesError(f"{mark.label} is in the cluster of {mark.host}, but {now}")
        yield cluster


def _resource(kind: str) -> str:
    return f"{KINDS[kind]}.{GROUP}"

"""What the stand-in API server does with one request."""

from __future__ import annotations

import json
from collections.abc import Sequence

import apirules
from aiohttp import web
from apicall import Call
from apiexec import execute
from apijobs import begin_deletion
from apipatch import patched
from apipods import Node
from apischema import Json, read
from apiselect import field_test, label_test
from apistatus import ApiError, Cause, bad_request, conflict, invalid, not_found, success
from apistore import Event, Object, Resource, Store, Test
from apistreams import Streams

_FORBIDDEN_PATH = "the server could not find the requested resource"


class Handlers:
    """Reads and changes the store as requests ask for; `warnings` are those that were given."""

    def __init__(self, store: Store, node: Node, namespaces: Resource, resources: Sequence[Resource]) -> None:
        self.streams = Streams(store)
        self.warnings: list[str] = []
        self._store, self._node = store, node
        self._namespaces, self._resources = namespaces, resources
        store.listen(self._collect)

    async def answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        """ApiError for anything but success."""
        status = call.part == "status" and call.resource.own_status and call.verb in ("update", "patch")
        if call.part and not status:
            return await self._part(request, call)
        match call.verb:
            case "watch":
                test = self._test(request, call)
                return await self.streams.watch(request, call.resource, call.namespace, test)
            case "list":
                found = self._list(request, call)
            case "get":
                found = self._store.get(call.resource, call.namespace, call.name)
            case "create":
                return await self._create(request, call)
            case "update" | "patch":
                return await self._change(request, call)
            case "delete":
                found = await self._delete(request, call)
            case _:
                raise ApiError(405, "MethodNotAllowed", "the server does not allow this method")
        return web.json_response(found)

    def _test(self, request: web.Request, call: Call) -> Test:
        by_label = label_test(request.query.get("labelSelector", ""))
        by_field = field_test(request.query.get("fieldSelector", ""), call.resource.fields)
        return lambda item: by_label(item) and by_field(item)

    def _list(self, request: web.Request, call: Call) -> Object:
        test = self._test(request, call)
        return {
            "kind": f"{call.resource.kind}List",
            "apiVersion": call.resource.api_version,
            "metadata": {"resourceVersion": str(self._store.version)},
            "items": [item for item in self._store.list(call.resource, call.namespace) if test(item)],
        }

    async def _create(self, request: web.Request, call: Call) -> web.Response:
        body, headers = self._checked(request, call.resource, await _json(request))
        if call.resource.own_status:
            body.pop("status", None)
        if call.resource.namespaced:
            if not any(n["metadata"]["name"] == call.namespace for n in self._store.list(self._namespaces)):
                raise not_found("", "namespaces", call.namespace)
            body["metadata"]["namespace"] = call.namespace
        if request.query.get("dryRun") != "All":
            body = self._store.create(call.resource, body)
        return web.json_response(body, status=201, headers=headers)

    async def _change(self, request: web.Request, call: Call) -> web.Response:
        old, body = self._store.get(call.resource, call.namespace, call.name), await _json(request)
        if call.verb == "patch":
            body = patched(old, request.content_type, body, builtin=call.resource.model is not None)
        if body.get("metadata", {}).get("name") != call.name:
            raise bad_request("the name of the object does not match the name on the URL")
        if call.resource.own_status:
            body = (
                {**old, "status": body.get("status")} if call.part else {**body, "status": old.get("status")}
            )
            body = {key: value for key, value in body.items() if value is not None}
        body, headers = self._checked(request, call.resource, body, old)
        return web.json_response(self._store.update(call.resource, body), headers=headers)

    def _checked(
        self, request: web.Request, resource: Resource, body: Object, old: Object | None = None
    ) -> tuple[Object, dict[str, str]]:
        """The object as it will be kept, and a header that warns of what will not."""
        if (body.get("apiVersion"), body.get("kind")) != (resource.api_version, resource.kind):
            given, right = body.get("apiVersion"), resource.api_version
            words = f"the API version in the data ({given}) does not match the expected API version ({right})"
            raise bad_request(words)
        causes: list[Cause] = []
        headers: dict[str, str] = {}
        if resource.model:
            body, unknown, causes = read(resource.kind, resource.model, body)
            headers = self._unknown(request, unknown)
        elif resource.read:
            body, unknown, causes = resource.read(body)
            headers = self._unknown(request, unknown)
        body.setdefault("metadata", {})
        causes += apirules.metadata(body["metadata"], resource.longest)
        if resource.rules and old is None:
            causes += resource.rules(body)
        if causes:
            raise invalid(resource.group, resource.kind, body["metadata"].get("name", ""), causes)
        return body, headers

    def _unknown(self, request: web.Request, fields: list[str]) -> dict[str, str]:
        how = request.query.get("fieldValidation", "Warn")
        if how not in ("Strict", "Warn", "Ignore"):
            raise bad_request(f"fieldValidation: Unsupported value: {how!r}")
        words = [f'unknown field "{field}"' for field in fields]
        if words and how == "Strict":
            raise bad_request(f"strict decoding error: {', '.join(words)}")
        if not words or how == "Ignore":
            return {}
        self.warnings += words
        return {"Warning": ", ".join(f"299 - {json.dumps(each)}" for each in words)}

    async def _delete(self, request: web.Request, call: Call) -> Object:
        resource, item = call.resource, self._store.get(call.resource, call.namespace, call.name)
        options = await _json(request) if request.can_read_body else {}
        uid = item["metadata"]["uid"]
        wanted = (options.get("preconditions") or {}).get("uid", uid)
        if wanted != uid:
            why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
            raise conflict(resource.group, resource.plural, call.name, why)
        if resource is self._node.pods:
            grace = options.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
            return begin_deletion(self._store, resource, item, None if grace is None else int(grace))
        if self._store.finish(resource, item):
            return item
        self._remove(
            resource, item, options.get("propagationPolicy") or request.query.get("propagationPolicy")
        )
        return success(call.name, resource.group, resource.plural, uid)

    def _remove(self, resource: Resource, item: Object, policy: str | None) -> None:
        """Of a job deleted without a policy the pods stay: so it is with batch/v1."""
        meta, policy = item["metadata"], policy or ("Orphan" if resource.group == "batch" else "Background")
        if policy not in ("Orphan", "Background"):
            raise bad_request(f"propagationPolicy {policy} is not served here")
        if policy == "Orphan":
            for name, owned in self._store.owned(meta["uid"]):
                owners = [o for o in owned["metadata"]["ownerReferences"] if o["uid"] != meta["uid"]]
                owned["metadata"]["ownerReferences"] = owners
                self._store.update(self._by_id(name), owned)
        self._store.remove(resource, meta.get("namespace", ""), meta["name"])

    def _collect(self, _: Resource, event: Event) -> None:
        """Remove what the object that went has owned, unless another owner is left."""
        if event.new is not None or event.old is None:
            return
        for name, item in self._store.owned(event.old["metadata"]["uid"]):
            meta, resource = item["metadata"], self._by_id(name)
            if any(self._store.alive(owner["uid"]) for owner in meta["ownerReferences"]):
                continue
            if resource is self._node.pods:
                begin_deletion(self._store, resource, item)
            else:
                self._store.remove(resource, meta["namespace"], meta["name"])

    def _by_id(self, name: str) -> Resource:
        return next(resource for resource in self._resources if resource.id == name)

    async def _part(self, request: web.Request, call: Call) -> web.StreamResponse:
        """A pod's log, or a command in it."""
        if (call.resource, call.verb) != (self._node.pods, "get") or call.part not in ("log", "exec"):
            raise ApiError(404, "NotFound", _FORBIDDEN_PATH)
        if call.part == "exec":
            self._store.get(call.resource, call.namespace, call.name)
            return await execute(request)
        pod = self._store.get(call.resource, call.namespace, call.name)
        name = pod["spec"]["containers"][0]["name"]
        if request.query.get("container", name) != name:
            raise bad_request(f"container {request.query['container']} is not valid for pod {call.name}")
        statuses = pod["status"].get("containerStatuses")
        state = statuses[0]["state"] if statuses else {"waiting": {}}
        if "waiting" in state:
            why = state["waiting"].get("reason", "Pending")
            raise bad_request(f'container "{name}" in pod "{call.name}" is waiting to start: {why}')
        return await self.streams.log(request, self._node.run(pod["metadata"]["uid"]).log)


async def _json(request: web.Request) -> Json:
    try:
        return await request.json()
    except ValueError:
        raise bad_request("the object provided is unrecognized: couldn't get version/kind") from None

"""A stand-in for a Kubernetes API server, for tests: it stands for the API's behaviour, nothing more.

It is strict where the real one is: unknown fields (warned of, or refused with fieldValidation=Strict), wrong
types (400), rules (422), names in use (409), old versions (409, 410), tokens (401), rights (403), and says so
in the real one's Status objects. It serves discovery, label and field selectors, watches, patches, deletion
with its propagation policies and finalizers, removal of what lost its owners, jobs of one pod, and logs of
pods that really run, as processes of this machine. It has no admission plug-ins, generated names, lists in
pages, TLS; what a pod's security context and resources say is checked, not enforced.

More resources, such as custom ones, are `Resource` rows given to `serve`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import apirules
from aiohttp import web
from apicall import Gate, discovery, read_call
from apihandlers import Handlers
from apijobs import JobController, job_defaults
from apipods import Node
from apireview import PATH, reviewed
from apistatus import ApiError
from apistore import Object, Resource, Store

TOKEN, USER, NAMESPACE = "good-token", "tester", "load"


def _secret_defaults(secret: Object) -> None:
    """stringData is only ever written."""
    plain = secret.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    secret["data"] = {**(secret.get("data") or {}), **encoded}
    secret.setdefault("type", "Opaque")


def _pod_defaults(pod: Object) -> None:
    pod.setdefault("status", {"phase": "Pending"})
    pod["spec"].setdefault("terminationGracePeriodSeconds", 30)


_INVOLVED = ("kind", "name", "namespace", "uid")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", "V1Namespace", namespaced=False, longest=63)
SECRETS = Resource("", "v1", "secrets", "Secret", "V1Secret", 253, apirules.secret, _secret_defaults)
JOBS = Resource("batch", "v1", "jobs", "Job", "V1Job", 63, apirules.job, job_defaults)
PODS = Resource("", "v1", "pods", "Pod", "V1Pod", defaults=_pod_defaults, fields=("status.phase",))
EVENTS = Resource("", "v1", "events", "Event", "CoreV1Event", fields=(
    "reason", "type", *(f"involvedObject.{name}" for name in _INVOLVED)
))  # fmt: skip


class ApiServer:
    """The server, on a port of this machine; to be used through `serve`.

    `gate` has the tokens and rights, `node` and `controller` the cluster's troubles; `lost` names requests,
    by their rights, whose next answer gets lost on the way though they are carried out; those in `stalled`
    are never answered. Paths that begin with `hidden` are not found, as by a gateway in the server's place.
    """

    def __init__(self, resources: Sequence[Resource] = ()) -> None:
        self.resources = [NAMESPACES, SECRETS, JOBS, PODS, EVENTS, *resources]
        self.store = Store()
        self.gate = Gate({TOKEN: USER})
        self.node = Node(self.store, PODS, SECRETS)
        self.controller = JobController(self.store, JOBS, PODS, EVENTS)
        self.handlers = Handlers(self.store, self.node, NAMESPACES, self.resources)
        self.lost: set[tuple[str, str]] = set()
        self.stalled: set[tuple[str, str]] = set()
        self.hidden = "-"
        self.port = 0
        self._runner: web.AppRunner | None = None
        self.store.create(NAMESPACES, {"metadata": {"name": NAMESPACE}, "status": {"phase": "Active"}})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Listen, again on the same port if it had been down."""
        app = web.Application(client_max_size=3 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Vanish: every connection is torn; pods go on, as they would."""
        assert self._runner is not None
        self.handlers.streams.cut()
        await self._runner.cleanup()

    async def close(self) -> None:
        await self.controller.close()
        await self.node.close()
        await self.down()

    def kubeconfig(self, folder: Path, token: str = TOKEN, namespace: str = NAMESPACE) -> Path:
        """A file that leads here."""
        context = {"cluster": "here", "user": USER, "namespace": namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stand-in",
            "contexts": [{"name": "stand-in", "context": context}],
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": USER, "user": {"token": token}}],
        }
        file = folder / "kubeconfig"
        file.write_text(json.dumps(document))
        return file

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(self.hidden):
            return web.Response(status=404, text="404 page not found")
        if (known := discovery(request.path, self.resources)) is not None:
            return web.json_response(known)
        try:
            if request.path == PATH and request.method == "POST":
                review = reviewed(self.gate, self.gate.user(request), await request.json())
                return web.json_response(review, status=201)
            call = read_call(request, self.resources)
            self.gate.admit(request, call)
            if call.right in self.stalled:
                await asyncio.sleep(3600)
            answer = await self.handlers.answer(request, call)
            if call.right in self.lost and request.transport is not None:
                self.lost.discard(call.right)
                request.transport.abort()
        except ApiError as error:
            return web.json_response(error.body, status=error.code)
        return answer


@asynccontextmanager
async def serve(*resources: Resource) -> AsyncIterator[ApiServer]:
    """A server of the built-in resources and these, with one namespace; afterwards nothing of it runs."""
    server = ApiServer(resources)
    await server.up()
    try:
        yield server
    finally:
        await server.close()

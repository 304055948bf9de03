"""The application: routes, guard, errors and documentation put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from distdiag_tui.api import anomalies, health, metrics, models, taskroutes, training, twins, workloads
from distdiag_tui.api.docs import page
from distdiag_tui.api.guard import Guard, Policy
from distdiag_tui.api.problem import MEDIA, Problem, handle_problems
from distdiag_tui.api.station import Station
from distdiag_tui.api.tasks import Tasks
from distdiag_tui.model.snapshot import Snapshot

Exposition = Callable[[Snapshot | None, str], tuple[bytes, str]]
"""From the newest snapshot and what the client accepts to the text of /metrics, and its content type."""

TITLE: Final = "distdiag"
ABOUT: Final = (
    "What the console sees and can do, for programs: the same services, the same safety rules."
    " Errors are application/problem+json.\n"
    "Without a token only this machine may ask; with one every request but /healthz, /readyz, /docs and"
    " /openapi.json needs the header Authorization: Bearer TOKEN.\n"
    "Nothing is injected into a production cluster, and load is put on one only if the request names it"
    ' as "confirm".\n'
)

_ROUTERS: Final = (
    taskroutes.router,
    workloads.router,
    metrics.router,
    anomalies.router,
    models.router,
    training.router,
    training.also,
    health.router,
    twins.router,
)


def make_app(station: Station, policy: Policy, exposition: Exposition | None = None) -> Guard:
    """An ASGI application. `exposition` makes /metrics; without it there is none."""
    app = FastAPI(title=TITLE, version=version("distdiag-tui"), docs_url=None, redoc_url=None)
    app.state.station, app.state.tasks = station, Tasks()
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    for router in _ROUTERS:
        app.include_router(router)
    app.get("/docs", include_in_schema=False, response_class=HTMLResponse)(_docs)
    if exposition is not None:
        _add_metrics(app, exposition)
    handle_problems(app)
    return Guard(app, policy)


def _add_metrics(app: FastAPI, exposition: Exposition) -> None:
    async def metrics(request: Request) -> Response:
        """Everything that was measured last, for Prometheus."""
        station: Station = request.app.state.station
        # of a large cluster it takes longer than a tick should have to wait
        text, media = await asyncio.to_thread(exposition, station.snapshot, request.headers.get("accept", ""))
        return Response(text, headers={"content-type": media})

    app.get("/metrics", tags=["service"], response_class=Response, responses=_TEXT)(metrics)


_TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/plain": {}}}}


async def _docs(request: Request) -> HTMLResponse:
    return HTMLResponse(page(request.app.openapi(), str(request.base_url).rstrip("/")))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """As FastAPI makes it, with every error as what it is."""
    if app.openapi_schema is None:
        about = f"{ABOUT}\n{twins.words()}"
        document = get_openapi(title=app.title, version=app.version, description=about, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        answer = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {"description": "Not done, and why.", "content": answer}
        app.openapi_schema = document
    return app.openapi_schema

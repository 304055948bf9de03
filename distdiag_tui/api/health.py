"""/healthz and /readyz: for whoever restarts the service, or sends requests to it."""

from __future__ import annotations

import time

from fastapi import APIRouter, Response

from distdiag_tui.api.answers import Health
from distdiag_tui.api.seams import Here

router = APIRouter(tags=["service"])

STALE = 5.0
"""Ticks without a snapshot after which something is wrong with us."""


@router.get("/healthz")
async def healthz() -> Health:
    """The service answers."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health}})
async def readyz(here: Here, response: Response) -> Health:
    """Some server of the cluster answers, and what is known of it is fresh; otherwise 503."""
    snapshot = here.snapshot
    health = Health(status="ok")
    if here.leaving.is_set():
        health = Health(status="failing", detail="the service ends")
    elif here.paused:
        health = Health(status="failing", detail="sampling was stopped by a request")
    elif snapshot is None:
        health = Health(status="starting", detail="nothing was measured yet")
    elif time.time() - snapshot.time > STALE * max(1.0, snapshot.interval):
        health = Health(status="failing", detail="nothing was measured of late")
    elif not any(server.status.answers for server in snapshot.servers):
        health = Health(status="failing", detail="no server answers")
    response.status_code = 200 if health.status == "ok" else 503
    return health

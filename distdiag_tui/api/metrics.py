"""/api/metrics: what was measured last, and before."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response

from distdiag_tui.api.answers import Done
from distdiag_tui.api.seams import Here
from distdiag_tui.api.series import FLUCTUATES, Known, by_name, find_server, point, selected
from distdiag_tui.api.station import Station
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.snapshot import Snapshot

router = APIRouter(prefix="/api/metrics", tags=["metrics"])

MOST_CATEGORIES = 50
MOST_LEASTS = 8
"""Thresholds whose answers are kept until the next tick."""

Least = Annotated[float, Query(ge=0, le=50, description="Robust standard deviations that count.")]


@router.get("", include_in_schema=False)
@router.get("/", response_model=dict[str, Any])
async def current(here: Here) -> Response:
    """The newest figures of every server, by address, group and metric."""
    return await _point(here, FLUCTUATES)


@router.get("/fluctuations", response_model=dict[str, Any])
async def fluctuations(here: Here, least: Least = FLUCTUATES) -> Response:
    """The same, with what is not as usual counted by a threshold of one's own."""
    return await _point(here, least)


@router.get("/detailed/selected")
async def detailed(
    here: Here,
    node_ip: Annotated[str, Query(max_length=200, description="Address, host or name of a server.")],
    metrics: Annotated[
        str,
        Query(
            max_length=8000, description='Category and metric as JSON: {"cpu": "cpu usage", "sql": "qps"}.'
        ),
    ],
    seconds: Annotated[float, Query(gt=0, le=3600, description="How far back.")] = 600.0,
) -> dict[str, Any]:
    """One metric for each category of one server, with its past, one point a tick."""
    snapshot = _measured(here)
    return selected(snapshot, find_server(snapshot, node_ip), _wanted(metrics), seconds)


@router.post("/start")
async def start(here: Here) -> Done:
    """Sample, if that was stopped."""
    here.resume()
    return Done(status="started", message="sampling")


@router.post("/stop")
async def stop(here: Here) -> Done:
    """Ask the servers no more, until start; what was measured stays, and nothing is diagnosed."""
    await here.pause()
    return Done(status="stopped", message="sampling was stopped")


async def _point(station: Station, least: float) -> Response:
    """Made once a tick, whoever asks how often."""
    snapshot, memo = _measured(station), station.memo
    if (making := memo.get(least)) is None:
        if len(memo) >= MOST_LEASTS:
            memo.clear()
        diagnoser = station.feed.engine.diagnoser
        known = None if diagnoser is None else diagnoser.deviations()
        # of a large cluster it takes longer than a tick should have to wait
        making = memo[least] = asyncio.create_task(asyncio.to_thread(_text, snapshot, known, least))
    return Response(await asyncio.shield(making), media_type="application/json")


def _text(snapshot: Snapshot, known: Known | None, least: float) -> bytes:
    return json.dumps(point(snapshot, by_name(known) if known else {}, least)).encode()


def _measured(station: Station) -> Snapshot:
    if station.snapshot is None:
        raise HTTPException(503, "nothing was measured yet", {"Retry-After": "1"})
    return station.snapshot


def _wanted(text: str) -> dict[str, str]:
    try:
        wanted = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError('metrics is to be a JSON object, such as {"cpu": "cpu usage"}') from None
    if not isinstance(wanted, dict) or not all(isinstance(each, str) for each in wanted.values()):
        raise ConfigError("metrics is to be a JSON object of category and metric")
    if len(wanted) > MOST_CATEGORIES:
        raise ConfigError(f"at most {MOST_CATEGORIES} metrics at once")
    return wanted

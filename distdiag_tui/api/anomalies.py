"""/api/anomaly: inject, clear, and see what is injected and what is found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import StreamingResponse

from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.api.answers import Done, InjectAnswer, Injected, Node, Nodes, Rank
from distdiag_tui.api.injections import describe_injection, doses_of
from distdiag_tui.api.payloads import AnomalyRequest
from distdiag_tui.api.seams import Here
from distdiag_tui.api.station import Station
from distdiag_tui.diagnosis.causes import find_cause
from distdiag_tui.model.findings import finding_document, iso
from distdiag_tui.model.text import utc

router = APIRouter(prefix="/api/anomaly", tags=["anomaly"])

MOST_STREAMS: Final = 32
KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which a stream says that it lives."""


@router.get("/nodes")
async def nodes(here: Here) -> Nodes:
    """The servers of this cluster."""
    servers = here.snapshot.servers if here.snapshot else ()
    found = {server.address: server for server in servers}
    listed = [
        Node(name=name, address=address, zone=server.zone, status=server.status.value, detail=server.detail)
        for name, address in here.anomalies.servers.items()
        if (server := found.get(address)) is not None
    ]
    return Nodes(nodes=list(here.anomalies.servers), servers=listed)


@router.post("/inject")
async def inject(asked: AnomalyRequest, here: Here) -> InjectAnswer:
    """Make servers sick for a while (60 s): on the lab, or where the profile allows it. All, or none."""
    doses = doses_of(asked.type, asked.nodes, asked)
    records = await here.inject(doses, asked.experiment_name)
    words = f"injected {', '.join(record.label for record in records)}"
    if asked.collect_training_data:
        words += "; " + _collect(here, asked, records)
    return InjectAnswer(message=words, injections=[describe_injection(record) for record in records])


@router.post("/clear")
async def clear(asked: AnomalyRequest, here: Here) -> Done:
    """Undo this anomaly: on the servers that are named, else wherever it is. Answers when it is undone."""
    wanted = [here.address(node) for node in asked.nodes if node]
    going = [
        record.id
        for record in here.anomalies.anomalies.records()
        if record.active and record.anomaly == asked.type and (not wanted or record.address in wanted)
    ]
    if not going:
        return Done(status="warning", message=f"{asked.type} is not injected there")
    await here.anomalies.stop(going)
    if asked.collect_training_data:
        here.collector.end(post=asked.save_post_data)
    return Done(message=f"undone: {', '.join(going)}")


@router.post("/stop-all")
async def stop_all(here: Here) -> Done:
    """Undo all that is injected into this cluster from this machine, whoever did it."""
    here.anomalies.look()
    going = [record.id for record in here.anomalies.board.active]
    more = await here.anomalies.stop_all()
    words = [f"undone: {', '.join(going)}" if going else "nothing was injected", more]
    return Done(message="; ".join(filter(None, words)))


@router.get("/active")
async def active(here: Here) -> list[Injected]:
    """What goes on, whoever made it, as of the last tick: what is wrong first, then what ends first."""
    return [describe_injection(record) for record in _active(here)]


@router.get("/compound")
async def compound(here: Here) -> list[list[Injected]]:
    """What goes on together: injections of one scenario, or at the same time on any servers."""
    groups: dict[str, list[Injection]] = {}
    for record in _active(here):
        groups.setdefault(record.scenario, []).append(record)
    return [[describe_injection(each) for each in group] for group in groups.values() if len(group) > 1]


@router.get("/ranks")
async def ranks(here: Here) -> list[Rank]:
    """What diagnosis finds, the likeliest first."""
    snapshot = here.snapshot
    if snapshot is None or snapshot.diagnosis is None:
        return []
    return [
        Rank(
            rank=finding.rank,
            node=finding.server,
            type=finding.cause,
            title=find_cause(finding.cause).title,
            score=finding.confidence,
            calibrated=finding.calibrated,
            since=iso(finding.since),
            timestamp=utc(snapshot.time),
            said=finding.said,
            metrics=finding_document(finding)["evidence"],
        )
        for finding in snapshot.diagnosis.findings
    ]


@router.get(
    "/stream", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}}
)
async def stream(here: Here) -> StreamingResponse:
    """Server-sent events: `anomaly_update` with what is injected, at once and whenever that changes."""
    if here.streams >= MOST_STREAMS:
        raise HTTPException(429, f"{MOST_STREAMS} streams are open already", {"Retry-After": "5"})
    return StreamingResponse(_events(here), media_type="text/event-stream")


async def _events(station: Station) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    told, said = "", loop.time()
    station.streams += 1
    try:
        while True:
            text = json.dumps([_steady(record) for record in _active(station)])
            if text != told:
                told, said = text, loop.time()
                yield f"event: anomaly_update\nretry: 3000\ndata: {text}\n\n"
            elif loop.time() - said >= KEEP_ALIVE:
                said = loop.time()
                yield ": still here\n\n"
            if not await station.tick():
                return
    finally:
        station.streams -= 1


def _active(station: Station) -> tuple[Injection, ...]:
    if station.paused:  # else every tick looks
        station.anomalies.look()
    return tuple(station.anomalies.board.active)


def _steady(record: Injection) -> dict[str, Any]:
    """Without what counts down."""
    return describe_injection(record).model_dump(exclude={"left"})


def _collect(station: Station, asked: AnomalyRequest, records: list[Injection]) -> str:
    servers = [record.server or record.address for record in records]
    return station.collector.begin_in_words(
        asked.type,
        servers,
        made=[record.id for record in records],
        post=asked.save_post_data,
        experiment=asked.experiment_name,
    )

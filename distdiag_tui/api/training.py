"""/api/training: record what is normal and what is not, and learn from it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter

from distdiag_tui.anomalies.dose import SECONDS, Dose
from distdiag_tui.api.answers import Collecting, Dataset, Done, InjectAnswer, Process, Stats, Training
from distdiag_tui.api.collecting import NORMAL
from distdiag_tui.api.injections import describe_injection
from distdiag_tui.api.payloads import (
    CollectRequest,
    CompoundRequest,
    StopCollecting,
    TrainRequest,
    listed,
)
from distdiag_tui.api.seams import Here
from distdiag_tui.ledger import new_name
from distdiag_tui.recording.reader import recordings_below

BALANCED: Final = 0.3

router = APIRouter(prefix="/api/training", tags=["training"])
also = APIRouter(prefix="/api/anomaly", tags=["training"])
"""The same, where the original had it before."""


async def collect(asked: CollectRequest, here: Here) -> Done:
    """Record an anomaly that is injected by another request, with the calm before. It ends by itself."""
    begun = here.collector.begin(
        asked.type,
        listed(asked.node),
        pre=asked.pre_collect,
        post=asked.post_collect,
        experiment=asked.experiment_name,
    )
    return _begun(begun, asked.type)


async def stop(here: Here, asked: StopCollecting | None = None) -> Done:
    """End the recording: after some rest, or at once."""
    post = asked is None or asked.save_post_data
    if not here.collector.end(post=post):
        return Done(status="warning", message="nothing is being recorded")
    return Done(message="it ends after some rest" if here.collector.current else "it has ended")


async def start_normal(here: Here) -> Done:
    """Record how it is when nothing is wrong."""
    return _begun(here.collector.begin(NORMAL), NORMAL)


async def stop_normal(here: Here) -> Done:
    """End that."""
    return await stop(here, StopCollecting(save_post_data=False))


async def train(here: Here, asked: TrainRequest | None = None) -> Done:
    """Learn from all that was recorded, in the background; training-status tells how far it is."""
    asked = asked or TrainRequest()
    await here.collector.saved()
    folder = here.collector.root
    if not await here.training.start(folder, asked.name, asked.note, activate=asked.activate):
        return Done(status="pending", message="a training goes on already")
    return Done(status="accepted", message=f"learning from {folder}")


async def stats(here: Here) -> Stats:
    """How much was recorded of what."""
    return Stats(stats=await asyncio.to_thread(_dataset, here.collector.root))


async def collection_status(here: Here) -> Collecting:
    """What is being recorded."""
    collector = here.collector
    state, now = collector.state, collector.current
    return Collecting(
        is_collecting_normal=state == "normal",
        is_collecting_anomaly=now is not None and state != "normal",
        current_type=now.what if now else None,
        collection_phase=state,
        recording=str(now.recorder.folder) if now else None,
        message=collector.message,
    )


@router.get("/training-status")
async def training_status(here: Here) -> Training:
    """How far the training is, or what came of the last one."""
    return here.training.state


@router.get("/process-status")
async def process_status(here: Here) -> Process:
    """All that goes on at once."""
    collecting = await collection_status(here)
    return Process(sampling=not here.paused, collection=collecting, training=here.training.state)


@router.post("/compound")
async def compound(asked: CompoundRequest, here: Here) -> InjectAnswer:
    """Inject several anomalies at once, and record them."""
    seconds = SECONDS if asked.duration is None else asked.duration
    servers = listed(asked.node) or [""]
    doses = [
        Dose(each, server, asked.severity, seconds) for each in asked.anomaly_types for server in servers
    ]
    records = await here.inject(doses, new_name("compound"))
    named = [record.server or record.address for record in records]
    words = here.collector.begin_in_words(
        "+".join(asked.anomaly_types), list(dict.fromkeys(named)), made=[record.id for record in records]
    )
    return InjectAnswer(message=words, injections=[describe_injection(record) for record in records])


@router.post("/train_compound_model")
async def train_compound(here: Here, asked: TrainRequest | None = None) -> Done:
    """The same as train: a model names several causes at once."""
    return await train(here, asked)


for _router, _prefix in ((router, ""), (also, "/training")):
    _router.post(f"{_prefix}/collect")(collect)
    _router.post(f"{_prefix}/stop")(stop)
    _router.get(f"{_prefix}/stats")(stats)
for _router in (router, also):
    _router.post("/normal/start")(start_normal)
    _router.post("/normal/stop")(stop_normal)
    _router.post("/train")(train)
    _router.get("/collection-status")(collection_status)


def _begun(begun: bool, what: str) -> Done:
    if not begun:
        return Done(status="pending", message="something is being recorded already")
    return Done(message=f"{what} is recorded")


def _dataset(root: Path) -> Dataset:
    """Frames before a fault and after it are normal, those of a fault are not."""
    normal = anomaly = 0
    kinds: Counter[str] = Counter()
    found = [each.info for each in recordings_below(root) if each.info and each.info.outcome == "done"]
    for info in found:
        kinds.update({label.anomaly for label in info.labels})
        for phase in info.phases:
            frames = round((phase.end - phase.start) / info.interval)
            normal, anomaly = _counted(phase.name, frames, normal, anomaly)
    total = normal + anomaly
    ratio: Any = normal / total if total else 0.0
    return Dataset(
        runs=len(found),
        normal=normal,
        anomaly=anomaly,
        anomaly_types=dict(kinds),
        total_samples=total,
        normal_ratio=round(ratio, 3),
        anomaly_ratio=round(1 - ratio, 3) if total else 0.0,
        is_balanced=bool(total) and abs(2 * ratio - 1) <= BALANCED,
        folder=str(root),
    )


def _counted(phase: str, frames: int, normal: int, anomaly: int) -> tuple[int, int]:
    return (normal, anomaly + frames) if phase == "fault" else (normal + frames, anomaly)

"""/api/models: trained models, and what each would say of what is going on."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Annotated

import numpy as np
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from distdiag_tui.api.answers import Model, Models, Valid
from distdiag_tui.api.payloads import ModelRequest
from distdiag_tui.api.seams import Here
from distdiag_tui.api.series import find_server
from distdiag_tui.api.station import Station
from distdiag_tui.diagnosis import learned
from distdiag_tui.diagnosis.judge import Judge
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.learning.judges import day_one_rules, live_judge
from distdiag_tui.learning.registry import RULES, Registry, misfit, models_folder
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.errors import ModelError
from distdiag_tui.recording.run import catalogue_hash

router = APIRouter(prefix="/api/models", tags=["models"])

MOST = 10
"""Models that are asked at once."""
ALARM = 1.0
"""The score of a server from which on it is asked what it has."""

Name = Annotated[str, Query(max_length=60)]


class ModelRank(BaseModel):
    """A cause on a server, as one model has it."""

    node: str
    type: str
    score: float


class MetricRank(BaseModel):
    """How much a metric says for a model's first cause: of a server, 0 to 1."""

    metric: str
    share: float


class MetricRanks(BaseModel):
    """What a model's first cause of a server rests on; no cause while nothing is unusual there."""

    node: str
    model_name: str
    type: str | None
    metrics: list[MetricRank]


@router.get("/list")
async def list_models() -> Models:
    """The trained ones, and the rules."""
    return await asyncio.to_thread(_models)


@router.get("/ranks")
async def ranks(
    here: Here,
    names: Annotated[list[str], Query(alias="model_names[]", max_length=MOST)] = [RULES],  # noqa: B006
    threshold: Annotated[float, Query(ge=0, le=1)] = learned.LEAST,
) -> dict[str, list[ModelRank]]:
    """What each model says of the servers that are not as usual, the likeliest first."""
    judges = {name: await _judge(name) for name in names}
    rows = _effects(here)
    return {name: _ranked(judge, rows, threshold) for name, judge in judges.items()}


@router.get("/metrics_ranks")
async def metrics_ranks(here: Here, node: Name, model_name: Name = RULES) -> MetricRanks:
    """Which metrics speak for the cause that a model would name first."""
    judge = await _judge(model_name)
    if here.snapshot is None:
        raise HTTPException(503, "nothing was measured yet", {"Retry-After": "1"})
    server = find_server(here.snapshot, node).name
    effects = _effects(here).get(server)
    if effects is None:
        return MetricRanks(node=server, model_name=model_name, type=None, metrics=[])
    cause = int(judge.scores(effects).argmax())
    share = np.maximum(judge.contributions(effects, cause), 0.0)
    total = max(float(share.sum()), 1e-9)
    names = console_metrics().names
    listed = [
        MetricRank(metric=names[k], share=round(float(share[k]) / total, 4))
        for k in np.argsort(-share[: len(names)], kind="stable")
        if share[k] > 0
    ]
    return MetricRanks(node=server, model_name=model_name, type=judge.causes[cause], metrics=listed)


@router.get("/{name}/performance")
async def performance(name: str) -> Model:
    """How good it was on runs that it had not seen; the rules were not measured here."""
    return await asyncio.to_thread(_described, Registry(models_folder()), name)


@router.post("/validate")
async def validate(asked: ModelRequest) -> Valid:
    """Whether a model can be read, and fits the metrics of this version."""
    try:
        trouble = await asyncio.to_thread(_misfit, asked.model_name)
    except ModelError as error:
        return Valid(model_name=asked.model_name, valid=False, message=str(error))
    return Valid(model_name=asked.model_name, valid=True, message=trouble or "it fits")


def _models() -> Models:
    registry = Registry(models_folder())
    names = [RULES, *registry.names()]
    details = []
    for name in names:
        try:
            details.append(_described(registry, name))
        except HTTPException as error:
            details.append(Model(name=name, active=False, note=str(error.detail)))
    return Models(models=names, active=registry.active(), details=details)


def _described(registry: Registry, name: str) -> Model:
    if name == RULES:
        return Model(name=name, active=registry.active() == RULES, causes=list(day_one_rules().causes))
    model = _load(registry, name)
    about = model.about
    return Model(
        name=name,
        active=registry.active() == name,
        created=about.created,
        runs=about.runs,
        examples=about.examples,
        note=about.note,
        causes=list(model.causes),
        scores=dict(about.scores),
    )


def _load(registry: Registry, name: str) -> learned.Model:
    try:
        return registry.load(name)
    except ModelError as error:
        raise HTTPException(404, str(error)) from None


async def _judge(name: str) -> Judge:
    return _rules() if name == RULES else await asyncio.to_thread(_trained, name)


_rules = cache(day_one_rules)


def _trained(name: str) -> Judge:
    return live_judge(_load(Registry(models_folder()), name))


def _misfit(name: str) -> str:
    if name == RULES:
        return ""
    return misfit(Registry(models_folder()).load(name), console_metrics().names, catalogue_hash())


def _effects(station: Station) -> dict[str, Floats]:
    """(F) by server, of those that are not as usual."""
    diagnoser, snapshot = station.feed.engine.diagnoser, station.snapshot
    if diagnoser is None or snapshot is None or snapshot.diagnosis is None:
        return {}
    servers, _, _ = diagnoser.deviations()
    scores = snapshot.diagnosis.scores
    rows = zip(servers, diagnoser.effects(), strict=True)
    return {server: row for server, row in rows if scores.get(server, 0.0) >= ALARM}


def _ranked(judge: Judge, rows: dict[str, Floats], threshold: float) -> list[ModelRank]:
    found = [
        ModelRank(node=server, type=cause, score=round(float(score), 4))
        for server, effects in rows.items()
        for cause, score in zip(judge.causes, judge.scores(effects).tolist(), strict=True)
        if score >= threshold
    ]
    return sorted(found, key=lambda each: -each.score)

"""What the service answers. Times are UTC in ISO 8601, spans in seconds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Done(BaseModel):
    """A request that was done; `message` says what came of it."""

    status: Literal["success", "accepted", "started", "stopped", "pending", "warning"] = "success"
    message: str = ""


class Prepared(Done):
    """The data is there."""

    workload_id: str = Field(description="Of the run that made it.")


class WorkloadAnswer(BaseModel):
    """One run of a workload."""

    workload_id: str
    status: Literal["running", "stopped", "error"]
    message: str
    output: dict[str, Any] | None = Field(
        default=None, description="Its latest figures: distdiag.workload/1."
    )
    task_id: str | None = None


class WorkloadInfo(BaseModel):
    """A run that goes on."""

    id: str
    type: str
    threads: int
    pid: int
    start_time: str
    status: Literal["running"] = "running"
    phase: str
    message: str = Field(description="What it is at.")
    tps: float | None = None


class Injected(BaseModel):
    """An injection, whoever made it."""

    id: str
    type: str
    node: str
    address: str
    severity: str
    status: str = Field(description="waiting, applying, active, reverting, stuck, orphaned, ended or failed.")
    start_time: str | None = Field(description="Since when it is there.")
    end_time: str | None = Field(description="When it was undone.")
    left: float = Field(description="Seconds until it ends, or begins.")
    duration: float
    message: str
    scenario: str


class InjectAnswer(Done):
    """What was injected."""

    injections: list[Injected]


class Task(BaseModel):
    """A workload, and anomalies that belong to it."""

    id: str
    name: str
    type: str
    workload_id: str
    status: Literal["running", "stopped", "error"]
    start_time: str
    end_time: str | None = None
    anomalies: list[Injected]


class Node(BaseModel):
    """A server that something can be injected into."""

    name: str
    address: str
    zone: str
    status: str
    detail: str


class Nodes(BaseModel):
    """All of them, in the order in which they were configured."""

    nodes: list[str] = Field(description="Their names, as inject takes them.")
    servers: list[Node]


class Rank(BaseModel):
    """What is likely wrong, the likeliest first."""

    rank: int
    node: str
    type: str = Field(description="The cause.")
    title: str
    score: float = Field(description="0 to 1; a probability where `calibrated`.")
    calibrated: bool
    since: str | None
    timestamp: str
    said: str
    metrics: list[dict[str, Any]] = Field(description="The evidence, as in distdiag.finding/1.")


class Model(BaseModel):
    """A trained model, or `rules`."""

    name: str
    active: bool
    created: str = ""
    runs: int = 0
    examples: int = 0
    note: str = ""
    causes: list[str] = Field(default_factory=list)
    scores: dict[str, float] = Field(default_factory=dict, description="Of runs that were held out.")


class Models(BaseModel):
    """Which there are, and which one is in use."""

    models: list[str]
    active: str
    details: list[Model]


class Valid(BaseModel):
    """Whether a model can be used here."""

    model_name: str
    valid: bool
    message: str


class Collecting(BaseModel):
    """What is being recorded."""

    is_collecting_normal: bool
    is_collecting_anomaly: bool
    current_type: str | None
    collection_phase: Literal["normal", "pre_anomaly", "anomaly", "post_anomaly", "saving"] | None
    recording: str | None = Field(description="Its folder.")
    message: str = Field(description="What came of the last one, or what is wrong.")


class Dataset(BaseModel):
    """What was recorded, in runs and in frames of one server."""

    runs: int
    normal: int
    anomaly: int
    anomaly_types: dict[str, int] = Field(description="Runs by anomaly.")
    total_samples: int
    normal_ratio: float
    anomaly_ratio: float
    is_balanced: bool = Field(description="The two ratios differ by 0.3 at most.")
    folder: str


class Stats(BaseModel):
    """The same, as it was always wrapped."""

    status: Literal["success"] = "success"
    stats: Dataset


class Training(BaseModel):
    """How far a training is."""

    stage: Literal["idle", "preprocessing", "training", "evaluating", "completed", "failed"]
    progress: int = Field(ge=0, le=100)
    message: str
    error: str | None
    stats: dict[str, float]
    model: str | None


class Process(BaseModel):
    """All that goes on at once."""

    sampling: bool
    collection: Collecting
    training: Training


class Health(BaseModel):
    """Whether the service lives, or can tell something of the cluster."""

    status: Literal["ok", "starting", "failing"]
    detail: str = ""

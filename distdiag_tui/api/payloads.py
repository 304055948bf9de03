"""What is sent to the service. Bounds of options are the kinds' own, checked where they are used."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from distdiag_tui.anomalies.protocol import Severity
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import read_seconds

WorkloadType = Literal["sysbench", "tpcc", "tpch", "oltp"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Confirm = Annotated[
    str, Field(max_length=200, description="On a production cluster: its name, to show that it is meant.")
]


class Payload(BaseModel):
    """Nothing but what is named here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class WorkloadOptions(BaseModel):
    """Besides these every option that `distdiag workload list KIND` shows, by its own name."""

    model_config = ConfigDict(extra="allow", strict=True)

    tables: int | None = None
    tableSize: int | None = Field(default=None, description="Rows in each table.")  # noqa: N815  the original's
    randType: str | None = Field(default=None, description="Which rows: uniform, special, ...")  # noqa: N815
    warehouses: int | None = None
    warmupTime: float | None = Field(default=None, description="No workload here needs it.")  # noqa: N815
    runningTime: float | None = Field(default=None, description="Seconds; 0: until stopped.")  # noqa: N815
    reportInterval: float | None = Field(default=None, description="Seconds between reports.")  # noqa: N815
    prepare_db: bool = Field(default=False, description="Make the data first.")


class WorkloadRequest(Payload):
    """A workload to prepare or to start."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"type": "sysbench", "threads": 4}}
    )

    type: WorkloadType
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="Clients at a time, over all servers."
    )
    task_name: str = Field(default="", max_length=200, description="Makes it a task of that name.")
    options: WorkloadOptions = Field(default_factory=WorkloadOptions)
    confirm: Confirm = ""


class TaskAnomaly(Payload):
    """An anomaly that belongs to a task. `duration` in seconds, or such as 45s."""

    type: Name
    target: str | list[str] | None = Field(
        default=None, description="Name or address of a server; or several."
    )
    severity: Severity = "medium"
    duration: float | str | None = None

    @field_validator("duration")
    @classmethod
    def _seconds(cls, given: float | str | None) -> float | None:
        return seconds_of(given)


class TaskRequest(Payload):
    """A workload, and anomalies that belong to it. Without `workload_id` the workload is started."""

    model_config = ConfigDict(
        extra="forbid", strict=True,
        json_schema_extra={"example": {"type": "sysbench", "task_name": "first",
                                       "anomalies": [{"type": "cpu_stress", "target": "n1"}]}},
    )  # fmt: skip

    type: WorkloadType
    task_name: Name
    workload_id: str | None = Field(default=None, max_length=200)
    threads: int | None = Field(default=None, ge=1, le=1024)
    options: WorkloadOptions = Field(default_factory=WorkloadOptions)
    anomalies: list[TaskAnomaly] = Field(default_factory=list, max_length=50)
    confirm: Confirm = ""


class AnomalyRequest(Payload):
    """An anomaly to inject or to clear. `duration` in seconds, or such as 45s."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {"type": "cpu_stress", "node": "n1", "severity": "low", "duration": 30}
        },
    )

    type: Name
    target_node: str | list[str] | None = Field(default=None, description="The same as node.")
    node: str | list[str] | None = Field(default=None, description="Name or address of a server; or several.")
    severity: Severity = "medium"
    duration: float | str | None = None
    collect_training_data: bool = Field(default=False, description="Record it, to train with.")
    save_post_data: bool = Field(default=True, description="Record some rest after its end as well.")
    experiment_name: str = Field(default="", max_length=60, description="The folder of its recording.")

    @field_validator("duration")
    @classmethod
    def _seconds(cls, given: float | str | None) -> float | None:
        return seconds_of(given)

    @property
    def nodes(self) -> list[str]:
        """Those named, in either place; `[""]` for the only one."""
        return listed(self.target_node) + listed(self.node) or [""]


class CollectRequest(Payload):
    """What is being recorded from now on."""

    type: Name = Field(description="The anomaly, which is injected by another request.")
    node: str | list[str] | None = None
    pre_collect: bool = Field(default=True, description="With the minute before.")
    post_collect: bool = Field(default=True, description="With some rest after its end.")
    experiment_name: str = Field(default="", max_length=60)


class StopCollecting(Payload):
    """How a recording ends."""

    save_post_data: bool = Field(default=True, description="Only after some rest.")


class CompoundRequest(Payload):
    """Several anomalies at once, recorded."""

    anomaly_types: list[Name] = Field(min_length=1, max_length=10)
    node: str | list[str] | None = None
    severity: Severity = "medium"
    duration: float | None = None


class TrainRequest(Payload):
    """All of it may be left out."""

    name: str = Field(default="", max_length=60, description="Of the new model; else one with the date.")
    note: str = Field(default="", max_length=200)
    activate: bool = Field(default=False, description="Use it from now on.")


class ModelRequest(Payload):
    """A model by name."""

    model_name: Name


def listed(given: str | list[str] | None) -> list[str]:
    """One, several or none."""
    return [given] if isinstance(given, str) else list(given or ())


def seconds_of(given: Any) -> float | None:  # noqa: ANN401  out of JSON
    """Of a number or a span as people write it; ValueError for anything else."""
    if given is None or isinstance(given, (int, float)):
        return given
    try:
        return read_seconds(given)
    except ConfigError as error:
        raise ValueError(str(error)) from None

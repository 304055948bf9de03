"""Experiments: a matrix of workloads, anomalies, servers and severities, in a TOML file.

name = "first"
repetitions = 3          # 1
seed = 7                 # 0: decides the order
interval = 1.0           # s between samples
calm = "60s"             # each run: calm, fault, rest; a cell may have its own times
fault = "60s"
rest = "30s"
settle = "10s"           # that a workload runs before anything is recorded

[[workload]]
name = "coupled"
kind = "oltp"
options = { mode = "coupled", rate = 60 }

[[cell]]                 # every anomaly on every target in every severity under every workload
anomaly = ["cpu_stress", "node_hang"]
target = "each"          # or "n2", or ["n1", "n3"]
severity = ["low", "high"]
workload = "coupled"     # all of them; [] for none

[[cell]]                 # several at once
name = "two"
compound = [{ anomaly = "cpu_stress", target = "n1" }, { anomaly = "node_hang", target = "n2", start = "5s" }]

[[cell]]
scenario = "locks.toml"  # the same from a file beside this one

[[cell]]
anomaly = "none"         # nothing happens

[[cell]]
change = { rate = 120 }  # the load changes and changes back, which is no fault
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.protocol import Severity
from distdiag_tui.config.document import read_document
from distdiag_tui.config.scenario import Entry, load_scenario
from distdiag_tui.experiments.plan import Cell, Plan, Setting, in_order, name_of
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import read_seconds
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import RATE, THREADS, Value, checked

NONE: Final = "none"
EACH: Final = "each"


def _seconds(given: object) -> object:
    """A time as people write it."""
    try:
        return read_seconds(str(given))
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=86400)]
Words = Annotated[list[str], BeforeValidator(_listed)]
Severities = Annotated[list[Severity], BeforeValidator(_listed), Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Happening:
    """The middle of a cell, and what the cell's name says of it."""

    what: str
    words: Sequence[str] = ()
    doses: tuple[Dose, ...] = ()
    change: Mapping[str, Value] = field(default_factory=dict)


class Load(BaseModel):
    """One `[[workload]]` table."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    name: str = ""
    options: dict[str, Any] = Field(default_factory=dict)

    def setting(self) -> Setting:
        """ConfigError for an unknown kind or option."""
        kind = find_kind(self.kind)
        if "time" in self.options:
            raise ConfigError("time: how long a workload runs is up to the experiment")
        values = checked(kind.options, self.options)
        return Setting(self.name or kind.id, kind.id, {name: values[name] for name in self.options})


class Table(BaseModel):
    """One `[[cell]]` table."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    anomaly: Words = Field(default_factory=list)
    target: Words = Field(default=[""])
    severity: Severities = Field(default=["medium"])
    injector: str = ""
    compound: list[Entry] = Field(default_factory=list)
    scenario: Path | None = None
    change: dict[Literal["threads", "rate"], float] = Field(default_factory=dict)
    workload: Words | None = None
    repetitions: int | None = Field(default=None, ge=1, le=1000)
    calm: Seconds | None = None
    fault: Seconds | None = None
    rest: Seconds | None = None

    @model_validator(mode="after")
    def _one_event(self) -> Table:
        given = [
            name for name in ("anomaly", "compound", "scenario", "change") if name in self.model_fields_set
        ]
        if len(given) != 1:
            raise ValueError("give one of anomaly, compound, scenario and change")
        return self

    def events(self, folder: Path, servers: Sequence[str], seconds: float) -> Iterator[Happening]:
        """What the cells of this table are: the same under every workload. ConfigError as in scenarios."""
        if self.change:
            words = [f"{name}{value:g}" for name, value in self.change.items()]
            yield Happening(self.name or "change", words, change=_checked_change(self.change))
        elif self.compound:
            doses = [dose for entry in self.compound for dose in self._timed(entry, seconds).doses()]
            yield Happening(self.name or "+".join(dict.fromkeys(d.anomaly for d in doses)), [], tuple(doses))
        elif self.scenario is not None:
            title, doses = load_scenario(folder / self.scenario)
            yield Happening(self.name or title, [], tuple(doses))
        else:
            yield from self._matrix(servers, seconds)

    def _timed(self, entry: Entry, seconds: float) -> Entry:
        """As long as the cell's fault, unless it says otherwise."""
        given = "duration" in entry.model_fields_set
        return entry if given else entry.model_copy(update={"duration": seconds})

    def _matrix(self, servers: Sequence[str], seconds: float) -> Iterator[Happening]:
        targets = servers if self.target == [EACH] else self.target
        for anomaly in self.anomaly:
            if anomaly == NONE:
                yield Happening(self.name or NONE)
                continue
            find_anomaly(anomaly)
            for target, severity in product(targets, self.severity):
                dose = Dose(anomaly, target, severity, seconds, 0.0, self.injector)
                words = [anomaly] if self.name else []
                yield Happening(self.name or anomaly, [*words, target, severity], (dose,))


class Experiment(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", pattern=r"^[A-Za-z0-9_. +-]{0,60}$")
    repetitions: int = Field(default=1, ge=1, le=1000)
    seed: int = 0
    interval: float = Field(default=1.0, ge=0.2, le=60)
    calm: Seconds = 60.0
    fault: Seconds = 60.0
    rest: Seconds = 30.0
    settle: Seconds = 10.0
    workload: list[Load] = Field(default_factory=list)
    cell: list[Table] = Field(min_length=1)

    def plan(self, file: Path, cluster: str, servers: Sequence[str]) -> Plan:
        """Every cell in its order. ConfigError for what does not fit together."""
        settings = tuple(load.setting() for load in self.workload)
        names = [setting.name for setting in settings]
        if len(set(names)) < len(names):
            raise ConfigError("two workloads have the same name: give each one of its own")
        cells = [cell for table in self.cell for cell in self._cells(table, file.parent, names, servers)]
        name = self.name or file.stem
        return Plan(name, cluster, self.interval, self.settle, settings, in_order(cells, self.seed))

    def _cells(
        self, table: Table, folder: Path, known: Sequence[str], servers: Sequence[str]
    ) -> Iterator[Cell]:
        calm, fault, rest = (
            mine if mine is not None else ours
            for mine, ours in ((table.calm, self.calm), (table.fault, self.fault), (table.rest, self.rest))
        )
        workloads = _workloads(table, known)
        for happening in table.events(folder, servers, fault):
            lasts = max((dose.start + dose.seconds for dose in happening.doses), default=fault)
            for workload, number in product(workloads, range(1, (table.repetitions or self.repetitions) + 1)):
                name = name_of(happening.what, happening.words, workload, number)
                yield Cell(name, workload, calm, lasts, rest, number, happening.doses, dict(happening.change))


def load_experiment(file: Path, cluster: str, servers: Sequence[str]) -> Plan:
    """The plan on a cluster with these servers (by name or address); ConfigError names what is wrong."""
    experiment = read_document(file, Experiment)
    try:
        return experiment.plan(file, cluster, servers)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def _workloads(table: Table, known: Sequence[str]) -> Sequence[str]:
    """Those that a table's cells run under; [""] for none."""
    if table.workload is None:
        chosen: Sequence[str] = known
    else:
        chosen = table.workload
        for name in chosen:
            if name not in known:
                raise ConfigError(
                    f"there is no workload {name!r} here; there are: {', '.join(known) or 'none'}"
                )
    if table.change and not chosen:
        raise ConfigError("change: without a workload there is no load to change")
    return chosen or [""]


def _checked_change(given: Mapping[Literal["threads", "rate"], float]) -> dict[str, Value]:
    options = {option.name: option for option in (THREADS, RATE)}
    return {name: options[name].read(f"{value:g}") for name, value in given.items()}

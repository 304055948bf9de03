"""What is known of a recorded run besides its samples: `run.json`, schema distdiag.recording/1.

All times are epoch seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from distdiag_tui.model.errors import RecordingError
from distdiag_tui.model.metrics import COLUMNS, HOST_COLUMNS

SCHEMA: Final = "distdiag.recording/1"

Outcome = Literal["done", "failed"]


@dataclass(frozen=True, slots=True)
class Label:
    """A fault on a server: what diagnosis is to find. `cause` is the name it should give it.

    It was meant to be there from `planned` on for `seconds`, was there from `applied` on, and undone at
    `reverted`; None: it never was. `injection` is its name in the ledger of the machine that made it.
    """

    anomaly: str
    cause: str
    server: str
    address: str
    severity: str
    injector: str
    values: Mapping[str, Any]
    planned: float
    seconds: float
    applied: float | None
    reverted: float | None
    injection: str
    why: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """The load was changed: an event that is no fault. `given`: threads, rate."""

    time: float
    given: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run: calm, fault, change or rest."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Load:
    """The workload under which it was recorded; kind "" for none. `run` is its name in the journal."""

    kind: str = ""
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Versions:
    """What it was made with. `catalogue` changes with the columns that are sampled."""

    distdiag: str
    catalogue: str
    python: str
    kernel: str
    cpus: int
    servers: Mapping[str, str]

    @classmethod
    def here(cls, servers: Mapping[str, str]) -> Versions:
        """Of this machine; `servers` says by name which product each is."""
        from importlib.metadata import version  # noqa: PLC0415  slow to load, and only who records needs it

        return cls(
            distdiag=version("distdiag-tui"),
            catalogue=catalogue_hash(),
            python=platform.python_version(),
            kernel=platform.release(),
            cpus=os.cpu_count() or 0,
            servers=servers,
        )


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run. `name` is that of its folder, `experiment` and `cell` say what it is one of.

    `outcome` "failed": it is not what it was meant to be, and `message` says why.
    """

    name: str
    cluster: str
    interval: float
    started: float
    ended: float
    outcome: Outcome
    message: str
    phases: tuple[Phase, ...]
    labels: tuple[Label, ...]
    changes: tuple[Change, ...]
    load: Load
    versions: Versions
    experiment: str = ""
    cell: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """With an indent: people read it too."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunInfo:
        """The inverse; RecordingError for anything else."""
        try:
            return cls._of(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RecordingError(f"no run of {SCHEMA}: {error}") from None

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> RunInfo:
        if fields.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        return cls(
            **{
                **fields,
                "phases": tuple(Phase(**each) for each in fields["phases"]),
                "labels": tuple(Label(**each) for each in fields["labels"]),
                "changes": tuple(Change(**each) for each in fields["changes"]),
                "load": Load(**fields["load"]),
                "versions": Versions(**fields["versions"]),
            }
        )


def catalogue_hash() -> str:
    """Twelve digits that change with the raw columns that servers have, and their order."""
    of_servers = [column for column in COLUMNS if column not in HOST_COLUMNS]
    return hashlib.sha256(json.dumps(of_servers).encode()).hexdigest()[:12]

"""What was started on this machine, by whichever console or command: one record a run, kept on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from distdiag_tui.ledger import Ledger, state_folder
from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.protocol import FAREWELL
from distdiag_tui.workloads.report import IntervalReport

SCHEMA = "distdiag.run/1"
KEPT = 20  # ended runs
KILLED = "its process was killed"

Phase = Literal["starting", "preparing", "running", "verifying", "cleaning", "done", "stopped", "failed"]
ENDED: tuple[Phase, ...] = ("done", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. Times are epoch seconds; `fraction` is how far its step is, 0..1, `words` what that is at.

    `message` is one line: why it failed, or what came of it. `note` is one more, on what was started instead
    of what was asked for. `farewell` is how many seconds it may take to end when told.
    """

    id: str
    kind: str
    cluster: str
    servers: tuple[str, ...]
    steps: tuple[str, ...]
    options: Mapping[str, Value]
    started: float
    runner: str = "local"
    pid: int = 0
    phase: Phase = "starting"
    fraction: float = 0.0
    words: str = ""
    message: str = ""
    running_since: float | None = None
    ended: float | None = None
    report: IntervalReport | None = field(default=None)
    note: str = ""
    farewell: float = FAREWELL

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.phase not in ENDED

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON, of the schema distdiag.run/1."""
        report = self.report and json.loads(self.report.without_histogram().to_json())
        return {"schema": SCHEMA, **asdict(replace(self, report=None)), "report": report}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> RunRecord:
        """The inverse; ValueError, KeyError, TypeError or AttributeError for anything else."""
        if fields["schema"] != SCHEMA or fields["phase"] not in get_args(Phase):
            raise ValueError(f"not a {SCHEMA} record")
        rest = {name: value for name, value in fields.items() if name != "schema"}
        lists = {name: tuple(fields[name]) for name in ("servers", "steps")}
        report = None if fields["report"] is None else IntervalReport.from_fields(fields["report"])
        return cls(**{**rest, **lists, "report": report})


class Journal(Ledger[RunRecord]):
    """The runs in a folder, by default `runs` in the platform's folder for user state."""

    kept = KEPT
    error = WorkloadError

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder or state_folder("runs"))

    def parse(self, fields: dict[str, Any]) -> RunRecord:
        """See RunRecord.from_fields."""
        return RunRecord.from_fields(fields)

    def died(self, record: RunRecord) -> RunRecord:
        """It has failed."""
        return replace(record, phase="failed", message=record.message or KILLED)

    def find(self, name: str) -> RunRecord:
        """The run of that name; WorkloadError names those that go on."""
        records = self.records()
        for record in records:
            if record.id == name:
                return record
        active = ", ".join(record.id for record in records if record.active) or "none"
        raise WorkloadError(f"there is no run {name!r}; running: {active}")

    def refuse(self, new: RunRecord) -> None:
        """WorkloadError if a run of the same kind goes on against one of its servers."""
        for old in self.records():
            alike = old.kind == new.kind and set(old.servers) & set(new.servers)
            if old.active and (alike or old.id == new.id):
                raise WorkloadError(
                    f"{old.kind} is already {old.phase} on {old.cluster}; stop it first: "
                    f"distdiag workload stop {old.id}"
                )

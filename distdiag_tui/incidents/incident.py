"""An incident: one cause on one server, from its first finding until nothing was found for a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from distdiag_tui.model.findings import Finding

INCIDENT_SCHEMA: Final = "distdiag.incident/1"

State = Literal["open", "resolved", "merged"]


@dataclass(frozen=True, slots=True)
class Event:
    """A line of an incident's timeline. `time` in epoch seconds; `kind` says what happened:

    opened, cause (another one is likelier now), worse, better, acknowledged, note, merged, resolved,
    reopened, facts, obdiag.
    """

    time: float
    kind: str
    words: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """Immutable: every change makes a new one. `finding` is the latest; `worst` the greatest strength.

    `opened`: the onset, not the moment of its finding. `ended` is when it was no longer found. `into` is the
    id of the incident that it was merged into.
    """

    id: str
    cluster: str
    server: str
    zone: str
    cause: str
    state: State
    opened: float
    updated: float
    finding: Finding
    worst: float = 0.0
    ended: float | None = None
    acknowledged: bool = False
    into: str = ""
    timeline: tuple[Event, ...] = field(default=())

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON."""
        raise NotImplementedError

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Incident:
        """The inverse; ValueError, KeyError or TypeError for anything else."""
        raise NotImplementedError

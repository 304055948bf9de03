"""An incident: one cause on one server, from its first finding until nothing was found for a while."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, get_args

from distdiag_tui.model.findings import Evidence, Finding

INCIDENT_SCHEMA: Final = "distdiag.incident/1"

LONGEST_TIMELINE: Final = 200

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

    `opened`: the onset, not the moment of its finding. `updated`: when it was found or changed last, as of
    its being written down; `ended`: when it was found last. `into` is the id of the incident that it was
    merged into. `alone`: its server is no part of a full OceanBase, but a seekdb.
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
    alone: bool = False
    timeline: tuple[Event, ...] = field(default=())

    @property
    def key(self) -> tuple[str, str]:
        """What it is about: server and cause."""
        return self.server, self.cause

    def with_event(self, event: Event) -> Incident:
        """With one more line, once: a line that is there already changes nothing."""
        if event in self.timeline:
            return self
        timeline = sorted((*self.timeline, event), key=lambda each: each.time)
        return replace(self, timeline=tuple(_bounded(timeline)))

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON. NaN, which JSON has not, is None."""
        fields = {name: getattr(self, name) for name in _PLAIN}
        fields["finding"] = _without_nan(asdict(self.finding))
        fields["timeline"] = [asdict(event) for event in self.timeline]
        return fields

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Incident:
        """The inverse; ValueError, KeyError or TypeError for anything else."""
        if fields["state"] not in get_args(State):
            raise ValueError(f"no state of an incident: {fields['state']}")
        return cls(
            **{name: str(fields[name]) for name in ("id", "cluster", "server", "zone", "cause", "into")},
            state=fields["state"],
            opened=float(fields["opened"]),
            updated=float(fields["updated"]),
            finding=_finding(fields["finding"]),
            worst=float(fields["worst"]),
            ended=None if fields["ended"] is None else float(fields["ended"]),
            acknowledged=bool(fields["acknowledged"]),
            alone=bool(fields["alone"]),
            timeline=tuple(
                Event(float(each["time"]), str(each["kind"]), str(each["words"]), str(each["by"]))
                for each in fields["timeline"]
            ),
        )


_PLAIN: Final = ("id", "cluster", "server", "zone", "cause", "state", "opened", "updated", "worst", "ended",
                 "acknowledged", "into", "alone")  # fmt: skip
_SPARED: Final = frozenset({"opened", "note", "acknowledged", "merged"})


def _bounded(timeline: list[Event]) -> list[Event]:
    """Of a restless one the start and the latest stay, and all that people wrote."""
    surplus = len(timeline) - LONGEST_TIMELINE
    for event in timeline[1:]:
        if surplus <= 0:
            break
        if event.kind not in _SPARED:
            timeline = [each for each in timeline if each is not event]
            surplus -= 1
    return timeline


def _finding(fields: dict[str, Any]) -> Finding:
    return Finding(
        server=str(fields["server"]),
        zone=str(fields["zone"]),
        cause=str(fields["cause"]),
        rank=int(fields["rank"]),
        confidence=_float(fields["confidence"]),
        calibrated=bool(fields["calibrated"]),
        since=_float(fields["since"]),
        strength=_float(fields["strength"]),
        evidence=tuple(
            Evidence(str(each["metric"]), *(_float(each[name]) for name in _FIGURES))
            for each in fields["evidence"]
        ),
        also=tuple((str(cause), _float(confidence)) for cause, confidence in fields["also"]),
        said=str(fields["said"]),
    )


_FIGURES: Final = ("before", "now", "deviation", "peers", "share", "since")


def _float(value: Any) -> float:  # noqa: ANN401  out of JSON
    return math.nan if value is None else float(value)


def _without_nan(value: Any) -> Any:  # noqa: ANN401  into JSON
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""What is fetched when something is found: facts from the server, and reports of obdiag."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

ProbeState = Literal["running", "done", "failed", "absent"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A small table as it was at `time`, in epoch seconds. Its texts are inert.

    `says` is the line that matters in it, "" if none does. `missing` is why it cannot be had, in one line.
    No rows and nothing missing: there is nothing of the kind.
    """

    name: str
    title: str
    time: float
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    says: str = ""
    missing: str = ""

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Fact:
        """The inverse; ValueError, KeyError or TypeError for anything else."""
        return cls(
            name=str(fields["name"]),
            title=str(fields["title"]),
            time=float(fields["time"]),
            columns=tuple(map(str, fields["columns"])),
            rows=tuple(tuple(map(str, row)) for row in fields["rows"]),
            says=str(fields["says"]),
            missing=str(fields["missing"]),
        )


@dataclass(frozen=True, slots=True)
class Probe:
    """A run of obdiag. `lines`: its output, inert, the newest last; `trouble` is why it failed, in one line.

    absent: there is no obdiag here, and `command` is to be run elsewhere.
    """

    command: str
    began: float
    state: ProbeState
    lines: tuple[str, ...] = ()
    ended: float | None = None
    trouble: str = ""

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Probe:
        """The inverse; ValueError, KeyError or TypeError for anything else. None runs any more."""
        state = {"done": "done", "absent": "absent"}.get(fields["state"], "failed")
        return cls(
            command=str(fields["command"]),
            began=float(fields["began"]),
            state=state,  # type: ignore[arg-type]
            lines=tuple(map(str, fields["lines"])),
            ended=None if fields["ended"] is None else float(fields["ended"]),
            trouble=str(fields["trouble"]),
        )

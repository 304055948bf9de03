"""The incidents of a cluster as the console shows them: what is wrong, what was, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from distdiag_tui.diagnosis.cause import Cause
from distdiag_tui.incidents.fact import Fact, Probe
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.model.metrics import METRIC_INDEX, metric
from distdiag_tui.model.text import figure


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident. While it is `found`, its finding is this tick's; else it is quiet since it was updated.

    `facts` are in the order of the cause's entry, `probes` have the newest last.
    """

    incident: Incident
    cause: Cause
    found: bool = True
    facts: tuple[Fact, ...] = ()
    fetching: bool = False
    probes: tuple[Probe, ...] = ()

    @property
    def notes(self) -> tuple[Event, ...]:
        """What people wrote down."""
        return tuple(event for event in self.incident.timeline if event.kind == "note")

    @property
    def line(self) -> str:
        """The evidence in one line: what was said of it, else its metrics."""
        finding = self.incident.finding
        moved = [f"{each.metric} {_before_and_now(each.metric, each.before, each.now)}"
                 for each in finding.evidence]  # fmt: skip
        return " · ".join([finding.said] * bool(finding.said) + moved)


@dataclass(frozen=True, slots=True)
class IncidentBoard:
    """All that is to be seen of incidents at `time`, in epoch seconds.

    `open` has the worst first, those that somebody knows of last; `resolved` the newest first. `trouble` is
    one line: why they are not kept, or who else keeps them. `obdiag` is where that program is, "" if nowhere.
    """

    time: float = 0.0
    open: tuple[IncidentView, ...] = ()
    resolved: tuple[IncidentView, ...] = ()
    trouble: str = ""
    obdiag: str = ""

    def find(self, name: str) -> IncidentView | None:
        """The one of that id, open or resolved."""
        return next((view for view in (*self.open, *self.resolved) if view.incident.id == name), None)

    def of(self, server: str) -> tuple[IncidentView, ...]:
        """The open ones of a server, worst first."""
        return tuple(view for view in self.open if view.incident.server == server)


def _before_and_now(name: str, before: float, now: float) -> str:
    unit = metric(name).unit if name in METRIC_INDEX else ""
    return " → ".join(" ".join(figure(value, unit)).strip() for value in (before, now))

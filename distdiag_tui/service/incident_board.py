"""What is to be seen of a cluster's incidents: immutable, for any face."""

from __future__ import annotations

from dataclasses import dataclass

from distdiag_tui.diagnosis.cause import Cause, Look
from distdiag_tui.incidents.fact import Fact, Probe
from distdiag_tui.incidents.incident import Event, Incident
from distdiag_tui.incidents.report import moved
from distdiag_tui.model.text import plain


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident. While it is `found`, its finding is this tick's; else it is quiet since it was updated.

    `looks` are the cause's statements, as its server can be asked. `facts` are in the order of the cause's
    entry, and `fetching` while they are on their way; `probes` have the newest last.
    """

    incident: Incident
    cause: Cause
    found: bool = True
    looks: tuple[Look, ...] = ()
    facts: tuple[Fact, ...] = ()
    fetching: bool = False
    probes: tuple[Probe, ...] = ()

    @property
    def notes(self) -> tuple[Event, ...]:
        """What people wrote down."""
        return tuple(event for event in self.incident.timeline if event.kind == "note")

    @property
    def line(self) -> str:
        """The evidence in one line: what was said of it, and its metrics."""
        finding = self.incident.finding
        said = [plain(finding.said)] if finding.said else []
        return " · ".join(said + [moved(each) for each in finding.evidence])


@dataclass(frozen=True, slots=True)
class IncidentBoard:
    """All that is to be seen of incidents at `time`, in epoch seconds.

    `open` has the worst first, those that somebody knows of last; `resolved` the newest first. `trouble` is
    one line: why they are not kept, or that another console keeps them. `obdiag` is where that program is,
    "" if it is not installed.
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

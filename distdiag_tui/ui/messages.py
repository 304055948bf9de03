"""Messages between panes, screens and the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Subject

if TYPE_CHECKING:
    from distdiag_tui.anomalies.protocol import Severity
    from distdiag_tui.service.desk import KindView
    from distdiag_tui.ui.anomaly_rows import Row


@dataclass
class Ticked(Message):
    """A new snapshot is there. A burst collapses into its last one."""

    snapshot: Snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer snapshot makes a waiting one superfluous."""
        return isinstance(message, Ticked)


@dataclass
class SubjectChosen(Message):
    """The selection in the topology moved."""

    subject: Subject


@dataclass
class KindOrdered(Message):
    """Do something with a workload: "open", "new", "stop", "more", "fewer", "verify" or "cleanup"."""

    order: str
    view: KindView


@dataclass
class AnomalyOrdered(Message):
    """Do something with a row: "open", "add" or "stop"; or with all: "stop_all", "run", "save" or "plan"."""

    order: str
    row: Row
    severity: Severity


@dataclass
class MetricOpened(Message):
    """A metric shall be shown alone, by its index in the catalogue."""

    metric: int


@dataclass
class IncidentOrdered(Message):
    """Do something with an incident by its id ("" for none): "open", "acknowledge", "export",
    "facts", "obdiag" or "statements"; or without one: "heat".
    """

    order: str
    incident: str


@dataclass
class TopologyOrdered(Message):
    """Look further into the topology: "heat", "events" or "inside"."""

    order: str


@dataclass
class SubjectWanted(Message):
    """Leave the screen in front, and select this in the topology."""

    subject: Subject

"""What all panes draw from: the snapshot on show, the time span, and the selection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Server, Status, Subject

if TYPE_CHECKING:
    from distdiag_tui.model.marks import Mark
    from distdiag_tui.service.anomaly_desk import Board
    from distdiag_tui.service.desk import KindView
    from distdiag_tui.service.incident_board import IncidentBoard
    from distdiag_tui.service.prometheus_desk import PrometheusStatus

SPANS = (60.0, 120.0, 300.0, 900.0, 3600.0)  # s that the time axis covers
SPAN_ENOUGH = 300.0

GLYPHS = {
    Status.UP: "●",
    Status.SLOW: "◐",
    Status.VIEW_MISSING: "◒",
    Status.CONNECTING: "○",
    Status.REFUSED: "⊘",
    Status.UNREACHABLE: "✖",
}
STATUS_STYLES = {
    Status.UP: "good",
    Status.SLOW: "warn",
    Status.VIEW_MISSING: "warn",
    Status.CONNECTING: "muted",
    Status.REFUSED: "bad",
    Status.UNREACHABLE: "bad",
}


CLUSTER = Subject()


@dataclass(frozen=True, slots=True)
class Scene:
    """Immutable: a key press makes a new one, and panes redraw from it."""

    snapshot: Snapshot | None = None
    subject: Subject = CLUSTER
    span: float = SPANS[0]
    span_chosen: bool = False
    paused: bool = False
    workloads: tuple[KindView, ...] = ()
    board: Board | None = None  # the anomalies, once there is somebody who knows of them
    incidents: IncidentBoard | None = None  # what diagnosis found, once somebody keeps it
    marks: tuple[Mark, ...] = ()
    trouble: str = ""  # why nobody knows what data the cluster has
    notice: str = ""  # a few words for the person, in the status line for a while
    prometheus: PrometheusStatus | None = None  # where one is configured
    wrong: str = ""  # what went wrong, above the keys for a while

    @property
    def span_ticks(self) -> int:
        """The span in ticks of the snapshot's interval."""
        return max(1, round(self.span / self.snapshot.interval)) if self.snapshot else 1

    def zoomed(self, step: int) -> Scene:
        """A longer (+1) or shorter (-1) time span, within SPANS."""
        index = min(len(SPANS) - 1, max(0, SPANS.index(self.span) + step))
        return replace(self, span=SPANS[index], span_chosen=True)

    def with_snapshot(self, snapshot: Snapshot, watched: float) -> Scene:
        """The newest snapshot, `watched` seconds after the first one.

        Until the user chooses a span it grows with what there is to see, up to SPAN_ENOUGH.
        """
        span = self.span
        if not self.span_chosen:
            span = next((s for s in SPANS if watched <= s or s >= SPAN_ENOUGH), SPAN_ENOUGH)
        return replace(self, snapshot=snapshot, span=span)


def server_of(snapshot: Snapshot, subject: Subject) -> Server | None:
    """The server that a server or tenant subject belongs to."""
    return next((s for s in snapshot.servers if s.name == subject.server and s.zone == subject.zone), None)


def worst_of(snapshot: Snapshot) -> Server:
    """The server that needs attention first."""
    return max(snapshot.servers, key=lambda server: server.status.severity)

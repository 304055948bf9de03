"""How sick each server is, as every pane shows it: a glyph, a style, and since when."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len

from distdiag_tui.model.text import plain
from distdiag_tui.ui.canvas import Run, fit
from distdiag_tui.ui.glyphs import ODD, SICK

if TYPE_CHECKING:
    from distdiag_tui.model.topology import Server
    from distdiag_tui.service.incident_board import IncidentView
    from distdiag_tui.ui.scene import Scene

LEAST_TITLE: Final = 8  # cells from which the name of a cause says something


class Health(NamedTuple):
    """Of a server that is not well. `since` in epoch seconds."""

    glyph: str
    style: str
    since: float


def health_of(scene: Scene, server: Server) -> Health | None:
    """None of one that is well, as far as anybody knows: an open incident, else a score beyond its alarm."""
    views = scene.incidents.of(server.name) if scene.incidents is not None else ()
    if views:
        seen = all(view.incident.acknowledged for view in views)
        return Health(SICK, "warn" if seen else "bad", min(view.incident.opened for view in views))
    diagnosis = scene.snapshot.diagnosis if scene.snapshot is not None else None
    if diagnosis is None or diagnosis.load_change is not None:
        return None
    beyond = diagnosis.scores.get(server.name, 0.0) >= 1
    return Health(ODD, "warn", diagnosis.time) if beyond else None


def sick_zones(scene: Scene) -> dict[str, int]:
    """How many servers of each zone have an open incident; "" for all of them."""
    views = scene.incidents.open if scene.incidents is not None else ()
    found = {(view.incident.zone, view.incident.server) for view in views}
    counts = {"": len(found)} if found else {}
    for zone, _ in found:
        counts[zone] = counts.get(zone, 0) + 1
    return counts


def in_order(views: Iterable[IncidentView]) -> tuple[IncidentView, ...]:
    """As the board has them, but quiet ones after those that go on, and last those that somebody knows of."""
    return tuple(sorted(views, key=lambda view: (view.incident.acknowledged, not view.found)))


def worst_incident(scene: Scene) -> IncidentView | None:
    """The open one that needs attention first."""
    return next(iter(in_order(scene.incidents.open)), None) if scene.incidents is not None else None


def incident_run(scene: Scene, room: int) -> Run | None:
    """The worst incident in at most `room` cells: where, what, since when, and how many more there are."""
    if (view := worst_incident(scene)) is None or scene.incidents is None:
        return None
    incident, more = view.incident, len(scene.incidents.open) - 1
    since = f" since {time.strftime('%H:%M:%S', time.localtime(incident.opened))}"
    others = f" +{more}" if more else ""
    server, title = plain(incident.server, 24), plain(view.cause.title, 40)
    head = f"{SICK} {server} "
    for tail in (f"{since}{others}", others):
        left = room - cell_len(head) - cell_len(tail)
        if left >= min(cell_len(title), LEAST_TITLE):
            text = f"{head}{fit(title, min(left, cell_len(title)))}{tail}"
            return Run(text, "muted" if incident.acknowledged else "bad")
    return Run(fit(f"{head}{title}", room), "muted" if incident.acknowledged else "bad")

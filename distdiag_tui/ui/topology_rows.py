"""Parts of a row of the topology: its sign, its name, its recent past."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.marks import INJECTED
from distdiag_tui.ui.canvas import Line, Run
from distdiag_tui.ui.glyphs import SICK
from distdiag_tui.ui.health import Health
from distdiag_tui.ui.injected import style
from distdiag_tui.ui.scene import GLYPHS, STATUS_STYLES, Scene
from distdiag_tui.ui.spark import TimeAxis, bars, nice_ceiling

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Server
    from distdiag_tui.ui.tree import Node


def injected_run(scene: Scene, server: Server | None) -> Run:
    """The sign of an anomaly, where there is one."""
    board = scene.board
    mine = [r for r in board.active if r.address == server.address] if board and server else []
    mine = [record for record in mine if record.phase != "waiting"]
    worst = next((record for record in mine if record.wrong), mine[0] if mine else None)
    return Run(f"{INJECTED} ", style(worst)) if worst is not None else Run("")


def closed_over(row: Node, sick: Mapping[str, int]) -> Health | None:
    """That a server is sick inside of what is closed."""
    inside = not row.part and not row.subject.server and not row.subject.tenant
    hides = inside and row.open is False and sick.get(row.subject.zone)
    return Health(SICK, "bad", math.nan) if hides else None


def sign(server: Server | None, health: Health | None) -> tuple[str, str]:
    """Glyph and style: how it answers while it does not, else whether it is well."""
    if health is not None and (server is None or server.status.answers):
        return health.glyph, health.style
    return (GLYPHS[server.status], STATUS_STYLES[server.status]) if server is not None else ("", "")


def spark_run(snapshot: Snapshot, past: NDArray[np.float64], axis: TimeAxis, health: Health | None) -> Line:
    """The recent past of a metric, from the onset on in the colour of what is wrong."""
    highest = float(np.max(past, initial=0.0, where=~np.isnan(past)))
    text = bars(past, nice_ceiling(highest))[0]
    if health is None or math.isnan(health.since):
        return (Run(text, "spark"),)
    since = axis.column(int(health.since // snapshot.interval)) or 0
    return (Run(text[:since], "spark"), Run(text[since:], health.style))


def name_style(row: Node, *, chosen: bool, focused: bool) -> str:
    """Of what is selected, and in which pane; else as it is usual."""
    if not chosen:
        return "muted" if row.part else "title"
    return "chosen" if focused else "chosen-muted"

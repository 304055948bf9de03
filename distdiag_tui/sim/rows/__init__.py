"""Rows of views, made of the model when somebody asks. One function a view; a view without one is empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from distdiag_tui.sim.rows import statistics, topology
from distdiag_tui.sim.rows.ask import Ask, Rows

MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {**topology.MAKERS, **statistics.MAKERS}
"""By the name of the view for all servers and tenants: V$ and DBA_ are cut from GV$ and CDB_."""


def rows_of(view: str, ask: Ask) -> Rows:
    """What the view shows to who asks."""
    for name in (view, f"G{view}", view.replace("DBA_", "CDB_", 1)):
        if name in MAKERS:
            return MAKERS[name](ask)
    return {}

"""Rows of views, made of the model when somebody asks. One function a view; a view without one is empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from distdiag_tui.sim.rows import (
    audit,
    history,
    locks,
    memory,
    replicas,
    repository,
    resources,
    schema,
    sessions,
    statistics,
    topology,
)
from distdiag_tui.sim.rows.ask import Ask, Rows

MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    **topology.MAKERS,
    **resources.MAKERS,
    **replicas.MAKERS,
    **statistics.MAKERS,
    **sessions.MAKERS,
    **history.MAKERS,
    **memory.MAKERS,
    **audit.MAKERS,
    **locks.MAKERS,
    **schema.MAKERS,
    **repository.MAKERS,
}
"""By the name of the view for all servers and tenants: V$ and DBA_ are cut from GV$ and CDB_."""


def rows_of(view: str, ask: Ask) -> Rows:
    """What the view shows to who asks."""
    if view in MAKERS:
        return MAKERS[view](ask)
    if view.startswith("V$"):
        return rows_of(f"G{view}", replace(ask, local=True))
    if view.startswith("DBA_"):
        return rows_of(view.replace("DBA_", "CDB_", 1), replace(ask, own=True))
    return {}

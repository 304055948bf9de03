"""The engine of a face that looks at a live cluster."""

from __future__ import annotations

from distdiag_tui.engine.engine import Engine
from distdiag_tui.engine.hours_before import HoursBefore
from distdiag_tui.engine.memory import Memory
from distdiag_tui.model.target import Target
from distdiag_tui.sources.frame import Source


def live_engine(source: Source, target: Target) -> Engine:
    """One that remembers what was usual there, or asks."""
    return Engine(
        source,
        target.cluster,
        production=target.production,
        memory=Memory(target.cluster),
        before=HoursBefore(target),
    )

"""The engine and its incidents, followed for the pager."""

from __future__ import annotations

from contextlib import aclosing

from distdiag_tui.alerting.pager import Pager
from distdiag_tui.engine import Engine
from distdiag_tui.service.incident_desk import IncidentDesk
from distdiag_tui.service.looking_back import LookingBack


async def follow(engine: Engine, past: LookingBack, desk: IncidentDesk, pager: Pager) -> None:
    """Until the source ends, or cancelled; then what is left is sent, and incidents go to another keeper."""
    desk.begin()
    pager.begin()
    try:
        async with aclosing(engine.snapshots()) as snapshots:
            async for snapshot in snapshots:
                past.take(snapshot)
                desk.take(snapshot)
                board = desk.board
                pager.take((view.incident for view in board.open), (view.incident for view in board.resolved))
    finally:
        await pager.close()
        await desk.close()
        await past.close()

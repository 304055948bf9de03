"""The console on a recorded run: looking only, with its faults as marks on the time axes."""

from __future__ import annotations

import asyncio
import signal

from distdiag_tui.engine import Engine
from distdiag_tui.feed import Feed
from distdiag_tui.learning.use import diagnoser_in_use
from distdiag_tui.model.errors import RecordingError
from distdiag_tui.model.marks import BEGAN, INJECTED, REVERTED, Mark
from distdiag_tui.model.text import plain
from distdiag_tui.recording.reader import Recording
from distdiag_tui.recording.replay import Replay
from distdiag_tui.recording.run import RunInfo
from distdiag_tui.service.incident_desk import IncidentDesk
from distdiag_tui.ui.app import ConsoleApp
from distdiag_tui.ui.terminal import leave_with_terminal, require_terminal


async def run_replay(recording: Recording, speed: float, theme: str, *, mouse: bool) -> None:
    """Show it until the user leaves; its last picture stays. DistdiagError without a terminal."""
    require_terminal()
    frames, info = recording.frames(), recording.info
    if not frames:
        raise RecordingError(f"{recording.folder} has no samples")
    cluster = plain(info.cluster if info else recording.folder.name)
    engine = Engine(Replay(frames, speed, stay=True), cluster)
    engine.diagnoser, _ = diagnoser_in_use()
    feed = Feed(engine)
    app = ConsoleApp(feed, theme)
    app.marks = marks_of(info)
    incidents = IncidentDesk(cluster, None, None)
    leave_with_terminal(lambda: None)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.exit)
    feed.start()
    app.attach_incidents(incidents, asks=False)
    try:
        await app.run_async(mouse=mouse)
    finally:
        await asyncio.gather(feed.stop(), incidents.close())


def marks_of(info: RunInfo | None) -> tuple[Mark, ...]:
    """Where each fault began and ended, and where the load changed."""
    marks = []
    for label in info.labels if info else ():
        words = plain(f"{label.anomaly}→{label.server}", 60)
        for moment, glyph in ((label.applied, INJECTED), (label.reverted, REVERTED)):
            if moment is not None:
                marks.append(Mark(moment, glyph, words))
    for change in info.changes if info else ():
        words = ", ".join(f"{name} {value:g}" for name, value in change.given.items())
        marks.append(Mark(change.time, BEGAN, plain(words, 60)))
    return tuple(sorted(marks, key=lambda mark: mark.time))

"""The console on a made-up cluster that ticks every second, for bench_console.py: SERVERS [INTERVAL]."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # as the console itself does
sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))

from staged_cluster import StagedCluster, eventful, sick_cluster

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.engine import Engine
from distdiag_tui.feed import Feed
from distdiag_tui.sources.frame import Frame
from distdiag_tui.ui.app import ConsoleApp

EVENTFUL = 10  # ticks between events


class Ticking:
    """The stage's frames, a second apart; making them is not the console's work, and done elsewhere."""

    def __init__(self, stage: StagedCluster, interval: float) -> None:
        self._stage, self._interval = stage, interval

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """For ever."""
        due = time.monotonic()
        while True:
            yield await asyncio.to_thread(self._frame)
            due += self._interval
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _frame(self) -> Frame:
        if self._stage.clock % EVENTFUL == 0:
            eventful(self._stage)
        frame = self._stage.frame()
        self._stage.clock += 1
        return frame


async def main(servers: int, interval: float) -> None:
    """Until it is ended."""
    stage = sick_cluster(servers) if servers > EVENTFUL * 2 else StagedCluster(servers)
    engine = Engine(Ticking(stage, interval), "bench")
    engine.diagnoser = Diagnoser()
    feed = Feed(engine)
    feed.start()
    try:
        await ConsoleApp(feed).run_async(mouse=False)
    finally:
        await feed.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 1.0))

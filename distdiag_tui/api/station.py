"""The console without a screen: one engine and the desks of its cluster, as long as the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.api.tap import Tap
from distdiag_tui.config import longest_anomaly
from distdiag_tui.engine import Engine
from distdiag_tui.feed import Feed
from distdiag_tui.incidents.store import open_store
from distdiag_tui.learning.use import diagnoser_in_use
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Target
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.service.anomaly_desk import AnomalyDesk
from distdiag_tui.service.incident_desk import IncidentDesk
from distdiag_tui.service.workloads import Workloads
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.workloads.runner import LoadProcess

LOOK_EVERY: Final = 0.5
"""Seconds after which who waits for a run looks again by himself."""

Hear = Callable[[Snapshot], None]


class Station:
    """Opened and closed by whoever serves it. ConfigError if the profiles' file is wrong.

    `trouble` is a line about the diagnosis, "" for none; `leaving` is set as soon as the service ends.
    """

    def __init__(self, target: Target, interval: float) -> None:
        self.target = target
        self.tap = Tap(LiveSource(target, interval))
        self.feed = Feed(Engine(self.tap, target.cluster, production=target.production))
        self.workloads = Workloads(target)
        self.anomalies = AnomalyDesk(Anomalies(target, longest=longest_anomaly()))
        self.incidents = IncidentDesk(target.cluster, target, open_store())
        self.trouble = ""
        self.leaving = asyncio.Event()
        self.paused = False
        self._ticked = asyncio.Event()
        self._ears: list[Hear] = []
        self._sampling: asyncio.Task[None] | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest one, None before the first."""
        return self.feed.latest

    async def open(self) -> asyncio.Task[None]:
        """Begin to sample and to diagnose; gives the task that samples. It ends by a fault of ours only."""
        self.feed.listen(self._take)
        self.incidents.begin()
        self.anomalies.begin()
        self._sampling = self.feed.start()
        self.feed.engine.diagnoser, self.trouble = await asyncio.to_thread(diagnoser_in_use)
        return self._sampling

    def hear(self, ear: Hear) -> None:
        """Call it with every snapshot from now on."""
        self._ears.append(ear)

    async def pause(self) -> None:
        """Ask the servers no more; what was measured stays."""
        self.paused = True
        await self.feed.stop()

    def resume(self) -> None:
        """Sample again."""
        if self.paused:
            self.paused = False
            self._sampling = self.feed.start()

    async def inject(self, doses: Sequence[Dose], scenario: str = "") -> list[Injection]:
        """All of them, or none; errors as `Anomalies.inject`."""
        # the ledger waits for the disk, which a fault may be keeping busy
        records = await asyncio.to_thread(self.anomalies.anomalies.inject, doses, scenario)
        self.anomalies.look()
        return records

    async def tick(self) -> bool:
        """Wait for the next snapshot, a second at most; False once the service ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._ticked.wait()
        return not self.leaving.is_set()

    async def until(self, process: LoadProcess, seen: Callable[[], bool], seconds: float) -> bool:
        """Wait for something about a run, or its end; False if that does not come, or the service ends."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not (seen() or not process.record.active):
            if self.leaving.is_set() or loop.time() >= end:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await process.news()
        return True

    def leave(self) -> None:
        """The service ends: whoever waits for something here waits no more."""
        self.leaving.set()
        self._ticked.set()

    async def close(self, tell: Callable[[str], None]) -> None:
        """Stop what was started here and undo what was injected, as the console does; `tell` hears of it."""
        self.leave()
        if ours := self.anomalies.anomalies.active():
            tell(f"undoing {', '.join(record.label for record in ours)}")
        stops = [process.stop() for process in self.workloads.active()]
        left, *_ = await asyncio.gather(
            self.anomalies.close(), self.feed.stop(), self.incidents.close(), *stops
        )
        if left:
            tell(f"still being undone: {', '.join(left)}; distdiag anomaly list shows when it is over")

    def _take(self, snapshot: Snapshot) -> None:
        self.anomalies.look()
        self.incidents.take(snapshot)
        for ear in self._ears:
            ear(snapshot)
        self._ticked.set()
        if not self.leaving.is_set():
            self._ticked = asyncio.Event()

"""The console without a screen: one engine and the desks of its cluster, as long as the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.api.collecting import Collector
from distdiag_tui.api.tap import Tap
from distdiag_tui.api.trainjob import TrainJob
from distdiag_tui.config import longest_anomaly
from distdiag_tui.engine.live import live_engine
from distdiag_tui.feed import Feed
from distdiag_tui.hosts.opening import open_source
from distdiag_tui.incidents.store import open_store
from distdiag_tui.learning.registry import models_folder
from distdiag_tui.learning.use import diagnoser_in_use
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Target
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.service.anomaly_desk import AnomalyDesk
from distdiag_tui.service.incident_desk import IncidentDesk
from distdiag_tui.service.looking_back import LookingBack
from distdiag_tui.service.workloads import Workloads
from distdiag_tui.workloads.runner import LoadProcess

LOOK_EVERY: Final = 0.5
"""Seconds after which who waits for a run looks again by himself."""


class Station:
    """Opened and closed by whoever serves it. ConfigError if the profiles' file is wrong.

    `trouble` is a line about the diagnosis, "" for none; `leaving` is set as soon as the service ends.
    """

    def __init__(self, target: Target, interval: float) -> None:
        self.target = target
        self.tap = Tap(open_source(target, interval))
        self.feed = Feed(live_engine(self.tap, target))
        self.workloads = Workloads(target)
        self.anomalies = AnomalyDesk(Anomalies(target, longest=longest_anomaly()))
        self.incidents = IncidentDesk(target.cluster, target, open_store())
        self._past = LookingBack(target.prometheus, self.feed.engine)
        self.trouble = ""
        self.leaving = asyncio.Event()
        self.paused = False
        self.streams = 0
        self.memo: dict[float, asyncio.Task[bytes]] = {}  # answers that hold until the next tick
        service = self.anomalies.anomalies
        self.collector = Collector(collected_folder(), self.tap, service.records, self.workloads.runs)
        self.training = TrainJob(models_folder(), self._use_active_model)
        self._ticked = asyncio.Event()
        self._failed: Callable[[], None] = self.leave
        self._sampling: asyncio.Task[None] | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest one, None before the first."""
        return self.feed.latest

    async def open(self, failed: Callable[[], None]) -> None:
        """Begin to sample and to diagnose. `failed` is called if sampling ends by a fault of ours."""
        self._failed = failed
        self.feed.listen(self._take)
        self.incidents.begin()
        self.anomalies.begin()
        self._start()
        self.feed.engine.diagnoser, self.trouble = await asyncio.to_thread(diagnoser_in_use)

    def check(self) -> None:
        """Raise what ended the sampling, if anything did."""
        if self._sampling is not None and self._sampling.done() and not self._sampling.cancelled():
            self._sampling.result()

    def address(self, node: str) -> str:
        """Of a server by name or address; ConfigError if there is none."""
        return self.anomalies.anomalies.endpoint(node).address

    async def pause(self) -> None:
        """Ask the servers no more; what was measured stays."""
        self.paused = True
        await self.feed.stop()

    def resume(self) -> None:
        """Sample again."""
        if self.paused:
            self.paused = False
            self._start()

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
        stops = [process.stop() for process in self.workloads.active()]
        await asyncio.gather(
            self.anomalies.leave(tell),
            self.incidents.close(),
            self.training.close(),
            self._past.close(),
            *stops,
        )
        await self.feed.stop()
        await self.collector.close()

    def _start(self) -> None:
        self._sampling = self.feed.start()
        self._sampling.add_done_callback(lambda task: None if task.cancelled() else self._failed())

    def _use_active_model(self) -> None:
        chosen, self.trouble = diagnoser_in_use()
        if self.feed.engine.diagnoser is None:
            self.feed.engine.diagnoser = chosen
        else:
            self.feed.engine.diagnoser.judge_like(chosen)

    def _take(self, snapshot: Snapshot) -> None:
        self.anomalies.take(snapshot)
        self.incidents.take(snapshot)
        self._past.take(snapshot)
        self.collector.look(snapshot)
        self.memo.clear()
        self._ticked.set()
        if not self.leaving.is_set():
            self._ticked = asyncio.Event()


def collected_folder() -> Path:
    """Of recordings that were made over HTTP, in the user's data folder."""
    from platformdirs import user_data_path  # noqa: PLC0415  costs 20 ms

    return user_data_path("distdiag", appauthor=False) / "experiments"

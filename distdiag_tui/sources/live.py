"""The live source: polls every server once a tick and waits for none of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Final

from distdiag_tui.model.target import Target
from distdiag_tui.sources.frame import Frame, Sample
from distdiag_tui.sources.node import Node

SHORTEST: Final = 0.2
LONGEST: Final = 60.0
WARM_UP: Final = 0.2  # s between the first two samples, so that rates appear at once
PATIENCE: Final = 0.25  # the share of a tick that a frame waits for answers, at most MOST_PATIENCE
MOST_PATIENCE: Final = 0.25  # s


class LiveSource:
    """Frames of a target's servers, one every `interval` seconds (0.2 to 60)."""

    def __init__(self, target: Target, interval: float = 1.0) -> None:
        self.target = target
        self.interval = min(LONGEST, max(SHORTEST, interval))
        self.nodes = [Node(endpoint, target) for endpoint in target.endpoints]
        self._running: dict[str, asyncio.Task[Sample | None]] = {}
        self._epoch = time.time() - time.monotonic()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Two frames as soon as servers answer, WARM_UP apart; from then on one a tick."""
        try:
            yield await self._frame(patience=2 * MOST_PATIENCE)
            await asyncio.sleep(WARM_UP)
            while True:
                yield await self._frame(patience=min(MOST_PATIENCE, PATIENCE * self.interval))
                await self._next_tick()
        finally:
            await self._close()

    def _now(self) -> float:
        """Epoch seconds that never jump: ticks count these, whatever happens to the clock."""
        return self._epoch + time.monotonic()

    async def _next_tick(self) -> None:
        """Sleep to the next multiple of the interval; a tick that was overslept is skipped."""
        await asyncio.sleep(self.interval - self._now() % self.interval)

    async def _frame(self, patience: float) -> Frame:
        started, now = time.monotonic(), self._now()
        awaited = [task for node in self.nodes if (task := self._poll(node)) is not None]
        if awaited:
            await asyncio.wait(awaited, timeout=patience)
        samples = self._collect()
        return Frame(
            tick=round(now / self.interval),
            time=time.time(),
            interval=self.interval,
            servers=tuple(node.server() for node in self.nodes),
            samples=samples,
            latency=time.monotonic() - started,
        )

    def _poll(self, node: Node) -> asyncio.Task[Sample | None] | None:
        """Ask a server that is not being asked already; the task, if it is worth waiting for in this frame.

        A server that has let us wait before, or is down, comes in when it comes.
        """
        if node.name in self._running:
            return None
        prompt = node.prompt
        self._running[node.name] = asyncio.create_task(node.poll(), name=f"poll {node.name}")
        return self._running[node.name] if prompt else None

    def _collect(self) -> dict[str, Sample]:
        """Take what has arrived; an answer that comes later goes into the next frame."""
        done = [name for name, task in self._running.items() if task.done()]
        finished = {name: self._running.pop(name).result() for name in done}
        return {name: sample for name, sample in finished.items() if sample is not None}

    async def _close(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()
        for node in self.nodes:
            node.close()

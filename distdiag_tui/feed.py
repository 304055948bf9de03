"""Drives an engine and hands its newest snapshot to whoever listens: what a face is built around."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing

from distdiag_tui.engine import Engine
from distdiag_tui.model.snapshot import Snapshot

log = logging.getLogger(__name__)


class Feed:
    """Runs as a task from `start` to `stop`, so that sampling begins before there is a screen."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.latest: Snapshot | None = None
        self._listener: Callable[[Snapshot], object] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin to sample. The task ends only by `stop`, with the source, or by a fault of ours."""
        self._task = asyncio.create_task(self._run(), name="feed")
        return self._task

    def listen(self, listener: Callable[[Snapshot], object]) -> None:
        """Call `listener` with every snapshot from now on, and at once with the newest if there is one."""
        self._listener = listener
        if self.latest is not None:
            listener(self.latest)

    async def stop(self) -> None:
        """End sampling and release all connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        async with aclosing(self.engine.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._write_down(snapshot)
                self.latest = snapshot
                if self._listener is not None:
                    self._listener(snapshot)

    def _write_down(self, snapshot: Snapshot) -> None:
        """In the log: servers whose status is another one than before."""
        known = {each.name: each.status for each in self.latest.servers} if self.latest else {}
        for server in snapshot.servers:
            if known.get(server.name) is not server.status:
                log.info("%s (%s) is %s %s", server.name, server.address, server.status.value, server.detail)

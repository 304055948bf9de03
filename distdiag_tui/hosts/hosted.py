"""A source with what the servers' machines tell beside what the database does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from distdiag_tui.hosts.protocol import HostSource
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.topology import Server
from distdiag_tui.sources.frame import Frame, Sample, Source
from distdiag_tui.sources.live import WARM_UP

EARLY: Final = 0.05  # s before the tick, so that figures of this machine are there with its frame

log = logging.getLogger(__name__)


class HostedSource:
    """Frames of `source` with `hosts`. No frame waits for them: what is late comes with the next one."""

    def __init__(self, source: Source, hosts: HostSource, servers: Sequence[Server] = ()) -> None:
        """`servers` are those that are known before the first frame."""
        self._source, self._hosts, self._servers = source, hosts, servers
        self._fresh: dict[str, Sample] = {}
        self._interval = 1.0
        self._begun = asyncio.Event()
        self._epoch = time.time() - elapsed()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """As the source gives them."""
        reading = asyncio.create_task(self._read(), name="hosts")
        try:
            async with aclosing(self._source.frames()) as frames:
                async for frame in frames:
                    self._servers, self._interval = frame.servers, frame.interval
                    self._begun.set()
                    fresh, self._fresh = self._fresh, {}
                    yield replace(frame, hosts=fresh, machines=self._hosts.machines)
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            await self._hosts.close()

    async def _read(self) -> None:
        """Twice at once, so that rates appear soon, and then once a tick, just before the source's."""
        await self._once()
        await self._begun.wait()
        await asyncio.sleep(WARM_UP / 2)
        while True:
            await self._once()
            now = self._epoch + elapsed() + EARLY
            await asyncio.sleep(self._interval - now % self._interval)

    async def _once(self) -> None:
        try:
            self._fresh.update(await self._hosts.read(self._servers))
        except Exception:  # the database's figures are worth more than the machine's
            log.exception("hosts")

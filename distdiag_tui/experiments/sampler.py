"""Samples the cluster for the whole experiment, and hands every frame to the run that is being recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.sources.frame import Frame, Source

WELL: Final = 3
"""Frames in a row in which every server answers: then all is well again."""


class Sampler:
    """Frames of one source; `recorder` takes those that come while it is set."""

    def __init__(self, source: Source) -> None:
        self.recorder: Recorder | None = None
        self.latest: Frame | None = None
        self._source = source
        self._well = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sample; afterwards all connections are closed."""
        self._task = asyncio.create_task(self._run(), name="sampler")
        try:
            yield
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def next(self) -> Frame:
        """The next frame; raises what ended the sampling, such as a full disk."""
        assert self._task is not None
        self._news.clear()
        waiting = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._task.done():
            self._task.result()
        assert self.latest is not None
        return self.latest

    @property
    def well(self) -> bool:
        """Whether every server has answered for some time."""
        return self._well >= WELL

    def complaint(self) -> str:
        """One line on the servers that do not answer."""
        servers = self.latest.servers if self.latest else ()
        sick = [s for s in servers if self.latest and s.name not in self.latest.samples]
        return "; ".join(f"{s.name} is {s.status.value}: {s.detail or 'no sample'}" for s in sick)

    async def _run(self) -> None:
        async with aclosing(self._source.frames()) as frames:
            async for frame in frames:
                self.latest = frame
                self._well = self._well + 1 if len(frame.samples) == len(frame.servers) else 0
                if self.recorder is not None:
                    self.recorder.add(frame)
                self._news.set()

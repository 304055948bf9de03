"""Hears every frame on its way to the engine: keeps the last minute, and hands on to a recording."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from distdiag_tui.model.errors import RecordingError
from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.sources.frame import Frame, Source

KEPT: Final = 60.0
"""Seconds of frames: the calm before a fault that is to be recorded."""


class Tap:
    """A source that is another one, heard. `recorder` takes frames while it is set, `trouble` is its end."""

    def __init__(self, source: Source) -> None:
        self.recorder: Recorder | None = None
        self.trouble = ""
        self.recent: deque[Frame] = deque()
        self._source = source

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """See Source."""
        async with aclosing(self._source.frames()) as frames:
            async for frame in frames:
                self._hear(frame)
                yield frame

    def _hear(self, frame: Frame) -> None:
        self.recent.append(frame)
        while frame.time - self.recent[0].time > KEPT:
            self.recent.popleft()
        if self.recorder is None:
            return
        try:
            self.recorder.add(frame)
        except RecordingError as error:  # a full disk ends the recording, not the sampling
            self.recorder, self.trouble = None, str(error)

"""A recording as a source: what was sampled once goes through the engine again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from distdiag_tui.sources.frame import Frame


class Replay:
    """The frames again, `speed` times as fast as they came; 0: at once. With `stay` it does not end."""

    def __init__(self, frames: Sequence[Frame], speed: float = 0.0, *, stay: bool = False) -> None:
        self._frames, self._speed, self._stay = frames, speed, stay

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """In order."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for frame in self._frames:
            if self._speed:
                due = began + (frame.time - self._frames[0].time) / self._speed
                await asyncio.sleep(due - loop.time())
            yield frame
        if self._stay:
            await asyncio.Event().wait()

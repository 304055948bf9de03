"""The near end of a training: starts its process, and knows how far it is."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

from distdiag_tui.api.answers import Training
from distdiag_tui.workloads.children import dies_with_us, environment

_IDLE = Training(stage="idle", progress=0, message="", error=None, stats={}, model=None)


class TrainJob:
    """One training at a time; `done` is called after one that went well, whose model is to be used."""

    def __init__(self, models: Path, done: Callable[[], None]) -> None:
        self.state = _IDLE
        self._models, self._done = models, done
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._starting = False

    @property
    def active(self) -> bool:
        """Whether one goes on."""
        return self._starting or (self._listening is not None and not self._listening.done())

    async def start(self, folder: Path, name: str, note: str, *, activate: bool) -> bool:
        """False if one goes on already."""
        if self.active:
            return False
        self.state = _IDLE.model_copy(update={"stage": "preprocessing", "message": "starting"})
        self._starting = True
        try:
            process = await _trainer()
        finally:
            self._starting = False
        asked = {
            "folder": str(folder),
            "models": str(self._models),
            "name": name or time.strftime("model-%Y%m%d-%H%M%S"),
            "note": note,
            "activate": activate,
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.close()
        self._process = process
        self._listening = asyncio.create_task(self._listen(process, activate=activate))
        return True

    async def close(self) -> None:
        """Give up the one that goes on: there is no model then."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._listening is not None:
            await asyncio.wait({self._listening})

    async def _listen(self, process: Process, *, activate: bool) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.state = _IDLE.model_copy(update=json.loads(line))
        await process.wait()
        if self.state.stage == "completed":
            if activate:
                self._done()
        elif self.state.stage != "failed":
            words = "the training was ended before it was done"
            self.state = _IDLE.model_copy(update={"stage": "failed", "message": words, "error": words})


async def _trainer() -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "distdiag_tui.api.trainer"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(login=False),
        start_new_session=True,
        preexec_fn=dies_with_us(),
    )

"""Whose turn it is to write: of several consoles of one user on one machine, one writes what all of them see.

Their series would be the same ones, and each sample of the later console out of order. A lock on a file tells
who came first; it goes with its process, however that ends, and the next one takes over.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Final

from distdiag_tui.ledger import file_stem, state_folder, try_lock
from distdiag_tui.model.prometheus import PrometheusServer

log = logging.getLogger(__name__)

AGAIN: Final = 3.0
"""Seconds after which one who waits looks again."""


class Turn:
    """`held`: whether it is ours, None until that is known. Released by `release`."""

    def __init__(self, server: PrometheusServer, cluster: str) -> None:
        self.held: bool | None = None
        self._file = _file(server, cluster)
        self._lock: int | None = None

    async def come(self) -> bool:
        """Take it if nobody has it. Where no lock can be had at all, it is ours."""
        self.held = await self._try()
        return self.held

    def release(self) -> None:
        """Let the next one write."""
        self.held = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _try(self) -> bool:
        """In a thread: a disk may be busy."""
        trying = asyncio.get_running_loop().run_in_executor(None, _locked, self._file)
        try:
            self._lock = await asyncio.shield(trying)
        except asyncio.CancelledError:
            trying.add_done_callback(_forgotten)
            raise
        except BlockingIOError:
            return False
        except OSError as error:
            log.info("remote write without a lock: %s", error)
        return True


def _file(server: PrometheusServer, cluster: str) -> Path:
    """One for each place and cluster that is written."""
    what = json.dumps([server.receiver, cluster, sorted(server.labels.items()), os.uname().nodename])
    return state_folder("prometheus") / f"{file_stem(what)}.lock"


def _locked(file: Path) -> int:
    """A descriptor that holds the lock; BlockingIOError if another process has it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return try_lock(file)


def _forgotten(trying: asyncio.Future[int]) -> None:
    """Nobody waits for it any more."""
    if not trying.cancelled() and trying.exception() is None:
        os.close(trying.result())

"""Connections that bring no request are cut: a few hundred silent ones would keep everybody else out."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 10.0
"""That a connection may take until the head of a request is there."""


class Impatient(H11Protocol):
    """Uvicorn's own waits for ever for the first request, and for one that has begun."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """From now on a request is awaited."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """The head may be whole now."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._stop()
        super().connection_lost(exc)

    def _look(self) -> None:
        if not getattr(self.cycle, "response_complete", True):  # there is no cycle before the first one
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

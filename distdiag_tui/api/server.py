"""Runs the service until it is told to end; then all that it started ends with it."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from distdiag_tui.api.app import Exposition, make_app
from distdiag_tui.api.ending import EXIT, on_end
from distdiag_tui.api.guard import Policy
from distdiag_tui.api.listening import Listening, bind, shown
from distdiag_tui.api.patience import Impatient
from distdiag_tui.api.station import Station
from distdiag_tui.model.target import Target

MOST_CONNECTIONS: Final = 256
GOODBYE_SECONDS: Final = 3
"""For requests that are being answered when the service ends."""


async def serve(
    target: Target,
    interval: float,
    listening: Listening,
    tell: Callable[[str], None],
    exposition: Exposition | None = None,
) -> int:
    """The exit code. ConfigError if it may not or cannot listen there; `tell` hears where it does."""
    sock = bind(listening)
    station = Station(target, interval)
    app = make_app(station, Policy(listening.token), exposition)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=Impatient,
        ws="none",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
    )
    server = _Server(config, station)
    try:
        await station.open(lambda: server.end(None))
        gc.freeze()
        tell(f"listening on http://{shown(sock)}{'' if listening.token else ', for this machine only'}")
        if station.trouble:
            tell(station.trouble)
        await server.serve([sock])
        station.check()
    finally:
        sock.close()
        await station.close(tell)
    return EXIT.get(server.caught, 0) if server.caught else 0


class _Server(uvicorn.Server):
    """Ends on Ctrl-C, TERM, and the end of its terminal; a second time it waits for nobody."""

    def __init__(self, config: uvicorn.Config, station: Station) -> None:
        super().__init__(config)
        self.caught: signal.Signals | None = None
        self._station = station

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own would kill us before our workloads and injections have ended."""
        on_end(self.end)
        yield  # they stay until all has ended

    def end(self, number: signal.Signals | None) -> None:
        """Answer what is being answered, and no more."""
        self.force_exit = self.should_exit
        self.caught = self.caught or number
        self.should_exit = True
        self._station.leave()

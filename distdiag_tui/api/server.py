"""Runs the service until it is told to end; then all that it started ends with it."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn

from distdiag_tui.api.access import is_loopback, require_token
from distdiag_tui.api.app import Exposition, make_app
from distdiag_tui.api.guard import Policy
from distdiag_tui.api.station import Station
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Secret, Target

MOST_CONNECTIONS: Final = 256
GOODBYE_SECONDS: Final = 3
"""For requests that are being answered when the service ends."""

_EXIT: Final = {signal.SIGINT: 130, signal.SIGTERM: 0, signal.SIGHUP: 129}


@dataclass(frozen=True, slots=True)
class Listening:
    """Where, and who may ask. Port 0: any that is free."""

    host: str
    port: int
    token: Secret


async def serve(
    target: Target,
    interval: float,
    listening: Listening,
    tell: Callable[[str], None],
    exposition: Exposition | None = None,
) -> int:
    """The exit code. ConfigError if it may not or cannot listen there; `tell` hears where it does."""
    require_token(listening.host, listening.token)
    sock = _bind(listening)
    station = Station(target, interval)
    app = make_app(station, Policy(listening.token), exposition)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
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
        tell(f"listening on http://{_shown(sock)}{'' if listening.token else ', for this machine only'}")
        if station.trouble:
            tell(station.trouble)
        await server.serve([sock])
        station.check()
    finally:
        sock.close()
        await station.close(tell)
    return _EXIT.get(server.caught, 0) if server.caught else 0


class _Server(uvicorn.Server):
    """Ends on Ctrl-C, TERM, and the end of its terminal; a second time it waits for nobody."""

    def __init__(self, config: uvicorn.Config, station: Station) -> None:
        super().__init__(config)
        self.caught: signal.Signals | None = None
        self._station = station

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own would kill us before our workloads and injections have ended."""
        loop = asyncio.get_running_loop()
        ours = [number for number in _EXIT if signal.getsignal(number) is not signal.SIG_IGN]  # nohup
        for number in ours:
            loop.add_signal_handler(number, self.end, number)
        yield  # they stay until all has ended

    def end(self, number: signal.Signals | None) -> None:
        """Answer what is being answered, and no more."""
        self.force_exit = self.should_exit
        self.caught = self.caught or number
        self.should_exit = True
        self._station.leave()


def _bind(listening: Listening) -> socket.socket:
    """ConfigError if that cannot be."""
    try:
        family, *_, address = socket.getaddrinfo(
            listening.host, listening.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # named, for else asyncio does not see that it is TCP, and answers in two parts wait for each other
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            if not is_loopback(str(sock.getsockname()[0])):
                require_token(str(sock.getsockname()[0]), listening.token)
            sock.listen(128)  # whoever reads where we listen may ask at once
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise ConfigError(f"cannot listen on {listening.host}:{listening.port}: {error.strerror}") from None
    return sock


def _shown(sock: socket.socket) -> str:
    host, port, *_ = sock.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""The socket of a service."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from distdiag_tui.api.access import is_loopback, require_token
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Secret


@dataclass(frozen=True, slots=True)
class Listening:
    """Where, and who may ask. Port 0: any that is free."""

    host: str
    port: int
    token: Secret


def bind(listening: Listening) -> socket.socket:
    """A socket that listens. ConfigError if it may not, or cannot."""
    require_token(listening.host, listening.token)
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


def shown(sock: socket.socket) -> str:
    """Its address."""
    host, port, *_ = sock.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""One POST to the receiver, that never takes longer than it may: down, slow, or never ending."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Secret

SECONDS: Final = 10.0


class DeliveryError(Exception):
    """It did not arrive. `final`: it never will, whatever we do."""

    def __init__(self, words: str, *, final: bool = False) -> None:
        super().__init__(words)
        self.final = final


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to. `token` is sent as a bearer's; `secure`: by TLS."""

    host: str
    port: int
    path: str
    secure: bool
    token: Secret = field(default_factory=Secret)
    seconds: float = SECONDS

    @classmethod
    def of(cls, url: str, token: Secret) -> Webhook:
        """ConfigError unless it is a URL of http or https, without an account in it."""
        try:
            parts = urlsplit(url)
            port, _ = parts.port, (parts.hostname or "").encode("idna")
        except ValueError:
            raise ConfigError("--webhook is a URL such as http://localhost:9093") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("--webhook is a URL such as http://localhost:9093")
        if parts.username or parts.password:
            raise ConfigError("a password in a URL shows in every process list; use --token-file")
        if not f"{parts.path}{parts.query}".isascii():
            raise ConfigError("--webhook is a URL: other characters than ASCII are written as %XX there")
        secure = parts.scheme == "https"
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return cls(parts.hostname, port or (443 if secure else 80), path, secure, token)

    async def post(self, path: str, body: bytes) -> None:
        """DeliveryError unless it is taken. Redirections are not followed: they would get the token too."""
        connection = self._connection()
        sending = asyncio.create_task(asyncio.to_thread(self._send, connection, path, body))
        try:
            async with asyncio.timeout(self.seconds):
                status = await asyncio.shield(sending)
        except TimeoutError:
            raise DeliveryError(f"no answer within {self.seconds:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(_words(error)) from None
        except ValueError as error:  # such as a token that no header can hold
            raise DeliveryError(str(error), final=True) from None
        finally:
            _cut(connection)
        if not 200 <= status < 300:
            again = status >= 500 or status in (408, 429)
            raise DeliveryError(f"it answers {status}", final=not again)

    def _connection(self) -> http.client.HTTPConnection:
        if self.secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, self.port, timeout=self.seconds, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=self.seconds)

    def _send(self, connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
        """On a thread: the status; the rest of the answer is nobody's business."""
        headers = {"Content-Type": "application/json", "User-Agent": "distdiag", "Connection": "close"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token.reveal()}"
        connection.request("POST", path, body, headers)
        return connection.getresponse().status


def _cut(connection: http.client.HTTPConnection) -> None:
    """Also one that a thread still waits for."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()


def _words(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or getattr(error, "verify_message", None)
    return str(reason or error or type(error).__name__).lower()

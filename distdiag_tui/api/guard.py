"""What a request must pass before anything is done for it: who asks, from where, how much, how often."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distdiag_tui.api.access import host_name, is_foreign, is_loopback, matches
from distdiag_tui.api.problem import problem
from distdiag_tui.model.target import Secret

LARGEST: Final = 64 << 10
"""Bytes of a body."""
BODY_SECONDS: Final = 10.0
READS: Final = 500.0
"""A second, of one client; twice as many at once."""
CHANGES: Final = 50.0
CLIENTS: Final = 1024
"""Whose pace is remembered."""
PUBLIC: Final = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
"""They tell nothing of the cluster."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """Without a token only this machine may ask, and only by a name that is its own."""

    token: Secret
    reads: float = READS
    changes: float = CHANGES


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, policy: Policy, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._policy = app, policy
        self._reads = Pace(policy.reads, clock)
        self._changes = Pace(policy.changes, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what may pass, else say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        body = b""
        refusal = self._refusal(scope)
        if refusal is None and scope["method"] not in _READING:
            refusal, body = await _read(Headers(scope=scope), receive)
        if refusal is not None:
            await refusal(scope, receive, send)
        else:
            await self._app(scope, _replayed(body, receive), send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else ""
        pace = self._reads if scope["method"] in _READING else self._changes
        if wait := pace.wait(client):
            return problem(429, "too many requests: slow down", {"Retry-After": f"{wait:.0f}"})
        if not self._policy.token and not is_loopback(host_name(headers.get("host", ""))):
            return problem(403, "this service is for its own machine: ask it by localhost or 127.0.0.1")
        if is_foreign(headers.get("origin"), headers.get("host")):
            return problem(403, "requests of other sites' pages are not answered")
        return self._stranger(scope, headers)

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._policy.token or scope["path"] in PUBLIC:
            return None
        if matches(self._policy.token, headers.get("authorization", "")):
            return None
        words = "a token is needed: Authorization: Bearer TOKEN"
        return problem(401, words, {"WWW-Authenticate": "Bearer"})


class Pace:
    """How often each client may come: `rate` a second, twice as many at once."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """0 if it may, else whole seconds until it may again."""
        now = self._clock()
        left, then = self._left.pop(client, (2 * self._rate, now))
        left = min(2 * self._rate, left + (now - then) * self._rate)
        self._left[client] = (max(left - 1, 0.0) if left >= 1 else left, now)
        while len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else max(1.0, (1 - left) / self._rate)


async def _read(headers: Headers, receive: Receive) -> tuple[Response | None, bytes]:
    """The body, or why it is not taken."""
    too_large = problem(413, f"a request may have {LARGEST >> 10} KiB", {"Connection": "close"})
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > LARGEST:
        return too_large, b""
    parts, size, more = [], 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return problem(400, "the request was cut off"), b""
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                if size > LARGEST:
                    return too_large, b""
                more = message.get("more_body", False)
    except TimeoutError:
        return problem(408, "the request did not come to its end", {"Connection": "close"}), b""
    return None, b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """As if it had not been read yet."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def sending(message: Any) -> None:  # noqa: ANN401  ASGI
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_HEADERS]}
        await send(message)

    return sending

"""`distdiag serve --web`: the console in a browser, through textual-serve, for those who may."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

from aiohttp import web
from textual_serve.server import Server

from distdiag_tui.api.access import host_name, is_foreign, is_loopback, matches
from distdiag_tui.api.ending import EXIT, on_end
from distdiag_tui.api.listening import shown
from distdiag_tui.model.target import Secret

GOODBYE_SECONDS: Final = 5.0
"""For consoles to end what was started in them."""

_POLICY: Final = (  # nothing from elsewhere, such as fonts; the page has scripts of its own within
    "default-src 'self' data: 'unsafe-inline'; connect-src 'self' ws: wss:; frame-ancestors 'none'"
)

_ELSEWHERE: Final = re.compile(r'<link\b[^>]*\bhref="https?://fonts\.[^>]*>')
"""The page's font, from a stranger."""
_OURS: Final = (  # the same from the package, there before the terminal measures it; and keys without a click
    '<link rel="icon" href="data:,">'
    '<link rel="preload" as="font" crossorigin href="{0}">'
    "<style>@font-face {{font-family: 'Roboto Mono'; font-weight: 100 700; src: url(\"{0}\")}}</style>"
    "<script>addEventListener('load', () => setTimeout(() => "
    "document.querySelector('.xterm-helper-textarea')?.focus()))</script>"
)
_FONT: Final = "/static/fonts/RobotoMono-VariableFont_wght.ttf"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Browser(Server):
    """One console for each page that is opened. A page of another site cannot open one."""

    def __init__(self, words: Sequence[str], token: Secret) -> None:
        command = shlex.join([sys.executable, "-m", "distdiag_tui", "connect", *words])
        super().__init__(command, title="distdiag")
        self._token = token

    async def on_startup(self, app: web.Application) -> None:
        """Nothing: where it listens is told by us."""

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page, which finds its way back however it was reached, be it through a tunnel.

        It asks for nothing from elsewhere, and the console has the keys at once.
        """
        told = request.headers.get("X-Forwarded-Proto", "")  # by a proxy that speaks TLS for us
        self.public_url = f"{'https' if told == 'https' else request.scheme}://{request.host}"
        response = cast("web.Response", await super().handle_index(request))
        response.text = _ELSEWHERE.sub(_OURS.format(self.public_url + _FONT), response.text or "")
        return response

    async def application(self) -> web.Application:
        """Theirs, behind our guard."""
        app = await self._make_app()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._check(request)
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _check(self, request: web.Request) -> None:
        if not self._token and not is_loopback(host_name(request.host)):
            raise web.HTTPForbidden(text="this is for its own machine: ask for localhost or 127.0.0.1")
        if is_foreign(request.headers.get("Origin"), request.host):
            raise web.HTTPForbidden(text="requests of other sites' pages are not answered")
        if self._token and not _knows(self._token, request.headers.get("Authorization", "")):
            ask = {"WWW-Authenticate": 'Basic realm="distdiag: any name, and the token", charset="UTF-8"'}
            raise web.HTTPUnauthorized(text="a token is needed", headers=ask)


def _knows(token: Secret, authorization: str) -> bool:
    """As a bearer's token, or as the password that a browser asks for."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return matches(token, authorization)
    try:
        password = base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return False
    return matches(token, f"Bearer {password}")


async def show(words: Sequence[str], sock: socket.socket, token: Secret, tell: Callable[[str], None]) -> int:
    """Until told to end; the exit code. `words` are those of `distdiag connect`."""
    runner = web.AppRunner(
        await Browser(words, token).application(), access_log=None, shutdown_timeout=GOODBYE_SECONDS
    )
    ending = asyncio.Event()
    caught: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        caught.append(number)
        ending.set()

    on_end(end)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        tell(f"the console is at http://{shown(sock)}{'' if token else ', for this machine only'}")
        await ending.wait()
    finally:
        await runner.cleanup()
    return EXIT[caught[0]] if caught else 0

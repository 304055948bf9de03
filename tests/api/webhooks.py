"""A real HTTP receiver that keeps what it gets, and can be told to misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """`answers`: statuses of the next requests, then 200; 0: none at all until `release`."""

    url: str = ""
    got: list[Any] = field(default_factory=list)
    refused: int = 0
    tokens: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    answers: list[int] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving(*answers: int, port: int = 0) -> Iterator[Receiver]:
    """On loopback, while it lasts."""
    state = Receiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.tokens.add(self.headers.get("Authorization", ""))
            state.paths.add(self.path)
            status = state.answers.pop(0) if state.answers else 200
            if status == 0:
                state.release.wait(30)
            if status == 200:
                state.got.append(json.loads(body))
            else:
                state.refused += 1
            if status:
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield state
        finally:
            state.release.set()
            server.shutdown()

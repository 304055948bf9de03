"""Snapshots of servers whose totals rise steadily, and what is listening to them."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from distdiag_tui.engine import Engine
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, LEVELS, Column
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Server, Status, Tenant
from distdiag_tui.sources.frame import Frame, Sample

SYS, SHOP = Tenant(1, "sys"), Tenant(1002, "shop")
RISING = [index for index, column in enumerate(COLUMNS) if column not in LEVELS]


def up(name: str, *tenants: Tenant, status: Status = Status.UP) -> Server:
    return Server(name, f"{name}:2881", "z1", status, tenants=tenants or (SYS, SHOP), age=0.1, latency=0.01)


class Unread:
    """A source that nobody reads."""

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Never."""
        raise NotImplementedError
        yield


class Ticks:
    """An engine without a source: each `next` is a tick, now. Every total rises by 10 a second and tenant."""

    def __init__(self, *servers: Server, cluster: str = "told", start: float | None = None) -> None:
        self.servers = list(servers or (up("n1"), up("n2")))
        self.engine = Engine(Unread(), cluster)
        self._zero = time.time() - elapsed()
        self._time = start  # None: now
        self.raw: dict[Column, float] = {}

    def next(self, step: float = 1.0, *, answering: tuple[str, ...] | None = None) -> Snapshot:
        """A tick later by `step` seconds, where time is not the real one."""
        now = time.time() if self._time is None else self._time
        if self._time is not None:
            self._time += step
        samples = {
            server.name: self._sample(server, now)
            for server in self.servers
            if (server.name in answering if answering is not None else server.status.answers)
        }
        tick = round(now / step)
        return self.engine.take(Frame(tick, now, step, tuple(self.servers), samples, 0.01))

    def _sample(self, server: Server, now: float) -> Sample:
        columns = np.full((len(server.tenants), len(COLUMNS)), 4e6)
        columns[:, RISING] = 10 * (now - 1.7e9)
        for column, value in self.raw.items():
            columns[:, COLUMN_INDEX[column]] = value
        return Sample(tuple(tenant.id for tenant in server.tenants), columns, now - self._zero, 1)


def promtool(body: bytes) -> None:
    """Fails with what promtool finds fault with."""
    try:
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=body, capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("needs promtool: Debian's package prometheus")
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, b"", b"")


class _Quiet(BaseHTTPRequestHandler):
    """Logs nothing."""

    def finish_with(self, body: bytes) -> None:
        """The end of the headers, and the body."""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _serving(handler: type[_Quiet]) -> Iterator[str]:
    """`host:port` of a server on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def served(answer: Callable[[str], tuple[bytes, str]]) -> Iterator[str]:
    """`host:port` of a server that answers every GET with body and content type for an Accept header."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            body, kind = answer(self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.finish_with(body)

    with _serving(Handler) as address:
        yield address


def until(check: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it holds."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


@contextmanager
def canned(status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """The address of a server that answers every request alike."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            self.send_response_only(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.finish_with(body)

    with _serving(Handler) as address:
        yield f"http://{address}"

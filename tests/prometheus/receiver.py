"""A strict remote-write receiver that answers as a test wants, and keeps what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import cramjam
from aiohttp import web

from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.prometheus.wire import Labels, Point, message_class
from distdiag_tui.prometheus.writer import Writer

Answer = Callable[[], web.StreamResponse | Awaitable[web.StreamResponse]]


def decoded(body: bytes) -> dict[Labels, list[Point]]:
    """What a request says."""
    request = message_class("WriteRequest").FromString(bytes(cramjam.snappy.decompress_raw(body)))
    return {
        tuple((label.name, label.value) for label in row.labels): [
            (sample.timestamp, sample.value) for sample in row.samples
        ]
        for row in request.timeseries
    }


@dataclass
class Receiver:
    """`answers` are given in turn to requests with samples, then 204; `always` to every request instead."""

    server: PrometheusServer
    answers: list[Answer] = field(default_factory=list)
    always: Answer | None = None
    taken: dict[Labels, list[Point]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)  # ticks in each request with samples
    headers: list[dict[str, str]] = field(default_factory=list)

    def points(self, name: str, **labels: str) -> list[Point]:
        """What was taken of one series."""
        wanted = {"__name__": name, **labels}.items()
        found = [points for key, points in self.taken.items() if wanted <= dict(key).items()]
        assert len(found) <= 1
        return found[0] if found else []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Check the request by the protocol, answer, and keep what was taken."""
        assert request.headers["Content-Type"] == "application/x-protobuf"
        assert request.headers["Content-Encoding"] == "snappy"
        assert request.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
        self.headers.append(dict(request.headers))
        series = decoded(await request.read())
        for key, points in series.items():
            names = [name for name, _ in key]
            assert names == sorted(set(names))
            assert "__name__" in names
            assert all(text for _, text in key)
            assert [moment for moment, _ in points] == sorted({moment for moment, _ in points})
        answer = self.always or (self.answers.pop(0) if self.answers and series else None)
        if series:
            self.sizes.append(max(map(len, series.values())))
        response = web.Response(status=204) if answer is None else answer()
        if not isinstance(response, web.StreamResponse):
            response = await response
        if response.status < 300:
            for key, points in series.items():
                self.taken.setdefault(key, []).extend(points)
        return response


def answer(status: int, text: str = "", **headers: str) -> Answer:
    """An answer; underscores in header names stand for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(status=status, text=text, headers=named)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """One on loopback."""
    app = web.Application(client_max_size=2**26)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    found = Receiver(PrometheusServer(""))

    async def handle(request: web.Request) -> web.StreamResponse:
        return await found.handle(request)

    app.router.add_post("/api/v1/write", handle)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    found.server = PrometheusServer(f"http://127.0.0.1:{port}")
    try:
        yield found
    finally:
        await runner.cleanup()


async def becomes(check: Callable[[], bool], seconds: float = 15.0) -> None:
    """Poll until it holds."""
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110  what it waits for has no event
            await asyncio.sleep(0.01)


async def sent(writer: Writer) -> None:
    """Let it send what waits, and end."""
    task = asyncio.create_task(writer.run())
    await becomes(lambda: writer.status.sent + writer.status.late > 0 and not writer.status.queued)
    task.cancel()
    await asyncio.wait({task})

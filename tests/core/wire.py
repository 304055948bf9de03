"""What lies between the console and a server: a proxy that breaks things, and ports that are no server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from distdiag_tui.model.target import Endpoint

LOOPBACK = "127.0.0.1"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """A port on which `handler` gets every connection; afterwards all of them are cut."""
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the other side went, or the test is over
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(accepted, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def saying(greeting: bytes, *, then_close: bool) -> Handler:
    """A handler that sends `greeting`, whatever the client says, and then hangs up or waits."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        while not then_close and await reader.read(4096):
            pass

    return handler


class Proxy:
    """Forwards to a real server until it is told to spoil an answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.connections = 0
        self.cut_after: int | None = None  # bytes of the server's next answer, then both sides are cut
        self._flows = asyncio.Event()
        self._flows.set()

    def stall(self) -> None:
        """Let nothing of the server's answers through any more; connections stay open."""
        self._flows.clear()

    def resume(self) -> None:
        """Let through what was held back, and all else."""
        self._flows.set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        self.connections += 1
        server_reader, server_writer = await asyncio.open_connection(self._endpoint.host, self._endpoint.port)
        pumps = {
            asyncio.create_task(self._requests(reader, server_writer)),
            asyncio.create_task(self._answers(server_reader, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            server_writer.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            with suppress(OSError):
                await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flows.wait()
            if self.cut_after is not None and len(data) > self.cut_after:
                writer.write(data[: self.cut_after])
                await writer.drain()
                self.cut_after = None
                return
            writer.write(data)
            await writer.drain()

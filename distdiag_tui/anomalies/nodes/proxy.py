"""A bad network to a lab node: a proxy that takes its place on the loopback address.

A lab node listens on all addresses of the machine. A socket that listens on 127.0.0.1 alone, with the same
port, gets every new connection to there (SO_REUSEPORT, same user), and reaches the node by 127.0.0.2. So
there is no proxy, and nothing is slower, as long as nothing is injected. Connections that exist are ended
when it begins and when it ends: clients come back through it, and come back without it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import suppress
from typing import Final

from distdiag_tui.anomalies.nodes.node import Node
from distdiag_tui.anomalies.nodes.sessions import end_sessions
from distdiag_tui.anomalies.nodes.weather import Weather
from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.lab import state
from distdiag_tui.model.errors import AnomalyError

BACK_DOOR: Final = "127.0.0.2"
_CONNECT_SECONDS: Final = 10.0
_CHUNK: Final = 16 << 10
_BUFFERED: Final = 64  # chunks a direction, after which the sender has to wait


class Network:
    """Delay, jitter, bandwidth, stalls as lost packets cause them, and resets."""

    def __init__(self, site: Site) -> None:
        self._site, self._node = site, Node(site)
        self._port = site.endpoint.port
        self._listener: asyncio.Server | None = None
        self._links: set[Link] = set()
        self._weather = Weather(site.values)

    async def plan(self) -> list[str]:
        """Where it listens, what it does, what it ends."""
        self._node.require()
        here = f"{state.HOST}:{self._port}"
        return [
            f"listen on {here} in place of {self._node.label}, pass on to {BACK_DOOR}:{self._port}: "
            f"{self._weather.words}",
            f"KILL every session of {self._node.name}, so that it comes back through the proxy",
            "undo: close the proxy and all its connections",
        ]

    async def apply(self, note: Note) -> None:
        """Listen, then have everybody come back; AnomalyError if the place is taken."""
        self._node.require()
        note("port", str(self._port))
        try:
            self._listener = await asyncio.start_server(self._serve, sock=_listener(self._port))
        except OSError as error:
            raise AnomalyError(f"cannot listen in place of {self._node.label}: {error.strerror}") from error
        await end_sessions(self._site, BACK_DOOR)

    async def hold(self) -> str:
        """Reset connections now and then; the rest happens by itself."""
        while True:
            await asyncio.sleep(self._weather.reset_pause())
            if self._links:
                random.choice(list(self._links)).reset()  # noqa: S311 - weather

    async def revert(self, notes: Notes) -> None:
        """Close everything."""
        if self._listener is not None:
            self._listener.close()
        for link in list(self._links):
            link.reset()

    async def remains(self, notes: Notes) -> str:
        """Whether anybody but the node listens there."""
        return await asyncio.to_thread(self._intruder) if notes else ""

    def _intruder(self) -> str:
        import psutil  # noqa: PLC0415

        process = self._node.process()
        own = process.pid if process else None
        for connection in psutil.net_connections("tcp4"):
            here = connection.laddr and connection.laddr[:2] == (state.HOST, self._port)
            if here and connection.status == psutil.CONN_LISTEN and connection.pid != own:
                return f"process {connection.pid} listens in place of {self._node.label}"
        return ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                far = await asyncio.open_connection(
                    BACK_DOOR, self._port, local_addr=(state.HOST, 0), limit=_CHUNK
                )
        except (OSError, TimeoutError):
            _reset(writer)
            return
        link = Link((reader, writer), far, self._weather)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


class Link:
    """One connection, both ways."""

    def __init__(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        weather: Weather,
    ) -> None:
        self._near, self._far, self._weather = near, far, weather

    async def run(self) -> None:
        """Until either side ends, or a reset."""
        ways = (
            (self._near[0], self._far[1], "in"),
            (self._far[0], self._near[1], "out"),
        )
        try:
            async with asyncio.TaskGroup() as group:
                for reader, writer, way in ways:
                    chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_BUFFERED)
                    group.create_task(self._receive(reader, chunks, way))
                    group.create_task(_deliver(chunks, writer))
        except* (OSError, _Over):
            pass
        finally:
            self.reset()

    def reset(self) -> None:
        """End it at once, as a broken line does."""
        for writer in (self._near[1], self._far[1]):
            _reset(writer)

    async def _receive(
        self, reader: asyncio.StreamReader, chunks: asyncio.Queue[tuple[float, bytes]], way: str
    ) -> None:
        clock, due = asyncio.get_running_loop().time, 0.0
        while chunk := await reader.read(_CHUNK):
            due = max(due, self._weather.arrival(way, clock(), len(chunk)))  # TCP keeps the order
            await chunks.put((due, chunk))
        await chunks.put((due, b""))


class _Over(Exception):  # noqa: N818  it is no error
    """One side has ended, and all that it sent has arrived."""


async def _deliver(chunks: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due, chunk = await chunks.get()
        await asyncio.sleep(due - clock())
        if not chunk:
            raise _Over
        writer.write(chunk)
        await writer.drain()


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((state.HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

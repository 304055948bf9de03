"""Where clients come in: a listener for every server, one for OBProxy, and the connections behind them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import secrets
from typing import Final

from distdiag_tui.model.errors import LabError
from distdiag_tui.sim.cluster import Cluster
from distdiag_tui.sim.session import Session
from distdiag_tui.sim.world import Server, Tenant

PROXY: Final = "127.0.0.1"
_TRIES: Final = 20  # ports that are tried when any will do
_HIGHEST_PORT: Final = 65535
_FIRST_SESSION: Final = 3221225472


class Doors:
    """Opened once, closed once; a single server's can be opened and closed in between."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._listeners: dict[int, asyncio.Server] = {}
        self._proxy: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: dict[asyncio.StreamWriter, Session | None] = {}
        self._numbers = _FIRST_SESSION
        self._closing = False

    @property
    def proxy_port(self) -> int | None:
        """OBProxy's port, if it is there."""
        return None if self._proxy is None else int(self._proxy.sockets[0].getsockname()[1])

    async def open_all(self, port: int) -> None:
        """Listen for every server on this port, or on any (0); LabError if it cannot be had."""
        world = self._cluster.world
        _allow_files(4 * len(world.servers) + 200)
        for attempt in range(_TRIES):
            try:
                world.use_port(port or 20000 + secrets.randbelow(max(1, 20000 - 5 * len(world.servers))))
                for server in world.servers:
                    await self.open(server)
            except OSError as error:
                for listener in self._listeners.values():
                    listener.close()
                self._listeners.clear()
                if port or attempt == _TRIES - 1:
                    raise LabError(f"cannot listen on port {world.sql_port}: {error.strerror}") from error
            else:
                return

    async def open(self, server: Server) -> None:
        """Listen for a server; OSError, or LabError if there is no such port."""
        if server.sql_port > _HIGHEST_PORT:
            raise LabError(f"there is no port {server.sql_port} for {server.name}: begin with a lower one")

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(server, reader, writer)

        self._listeners[server.index] = await asyncio.start_server(accept, server.ip, server.sql_port)

    async def open_proxy(self, port: int) -> None:
        """Listen as OBProxy does; LabError if the port cannot be had."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(None, reader, writer)

        try:
            self._proxy = await asyncio.start_server(accept, PROXY, port)
        except OSError as error:
            raise LabError(f"cannot listen on {PROXY}:{port}: {error.strerror}") from error

    def shut(self, server: Server) -> None:
        """No more connections to a server, and an end to those that there are."""
        if listener := self._listeners.pop(server.index, None):
            listener.close()
        for writer, session in list(self._writers.items()):
            if session is not None and session.server is server:
                writer.transport.abort()

    async def close(self) -> None:
        """Close everything."""
        self._closing = True
        for listener in (*self._listeners.values(), *([self._proxy] if self._proxy else [])):
            listener.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listeners.clear()

    async def _serve(
        self, server: Server | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers[writer] = None
        session: Session | None = None
        try:
            if server is not None and server.index in self._cluster.faults.garbled:
                writer.write(os.urandom(200))
                return
            host, port = writer.get_extra_info("peername")[:2]
            self._numbers += 1
            pick = None if server is not None else self._picked
            session = Session(
                self._cluster, self._numbers, f"{host}:{port}", server or self._cluster.world.servers[0], pick
            )
            self._writers[writer] = session
            self._cluster.sessions.add(session)
            await session.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            if session is not None:
                self._cluster.sessions.discard(session)
            self._tasks.discard(task)
            del self._writers[writer]
            writer.close()

    def _picked(self, tenant: Tenant) -> Server:
        """Where OBProxy sends a login; ConnectionAbortedError if nobody is there."""
        chosen = self._cluster.route or next(
            (
                each
                for each in self._cluster.world.servers
                if each.counted and self._cluster.hosts(each, tenant)
            ),
            None,
        )
        if chosen is None or not chosen.counted:
            raise ConnectionAbortedError
        return chosen


def _allow_files(count: int) -> None:
    """Every server has a socket: raise the limit of open files as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))

"""The stand-in itself: listeners for every server, and what can be done to them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import secrets
import time
from typing import Final, Self

from distdiag_tui.model.errors import ConfigError, LabError
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.sim import changes, wire
from distdiag_tui.sim.accounts import Accounts
from distdiag_tui.sim.cluster import Cluster
from distdiag_tui.sim.load import SYMPTOMS, Load, Symptom
from distdiag_tui.sim.rows.statistics import SPOILT
from distdiag_tui.sim.session import Session
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.world import Server, Tenant, World

_TRIES: Final = 20  # ports that are tried when any will do
_STEP: Final = 1.0  # s
_PROXY: Final = "127.0.0.1"


class Sim:
    """Use as `async with Sim(Shape(...)) as sim`. Port 0 takes any that is free on all addresses.

    `begin` (epoch s) is the time at which the model begins, if not now: the shape of the day depends on it.
    """

    def __init__(
        self,
        shape: Shape | None = None,
        *,
        seed: int = 0,
        port: int = 0,
        obproxy: int | None = None,
        password: Secret | None = None,
    ) -> None:
        self.shape = shape or Shape()
        self.password = password or Secret(secrets.token_urlsafe(24))
        self._port = port
        self._proxy_port = obproxy
        self._seed = seed
        self._listeners: dict[int, asyncio.Server] = {}
        self._proxy: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: dict[asyncio.StreamWriter, Session | None] = {}
        self._numbers = 3221225472
        self.world = World(self.shape, time.time())
        self._cluster = Cluster(
            self.world, Load(self.world, seed), Accounts(wire.stage_two(self.password.reveal()))
        )
        self._clock: asyncio.Task[None] | None = None
        self._stopping = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The SQL port of the first server, which is every server's unless they share one address."""
        return self.world.sql_port

    @property
    def servers(self) -> list[str]:
        """Names of the servers that belong to the cluster."""
        return [each.name for each in self.world.members]

    @property
    def zones(self) -> list[str]:
        """Names of the zones."""
        return [each.name for each in self.world.zones]

    @property
    def tenants(self) -> list[str]:
        """Names of the tenants that one can log in to, sys first."""
        return [each.name for each in self.world.tenants if each.kind != "META"]

    @property
    def refused(self) -> list[tuple[str, int, str]]:
        """Statements that got an error, the last thousand: text, number and words."""
        return [(sql, trouble.number, trouble.words) for sql, trouble in self._cluster.refused]

    def endpoint(self, server: str) -> Endpoint:
        """Where a server is reached; ConfigError if there is none of that name or address."""
        found = self.world.server(server)
        return Endpoint(found.ip, found.sql_port)

    @property
    def proxy(self) -> Endpoint | None:
        """Where the OBProxy-like front is, if there is one."""
        return None if self._proxy is None or self._proxy_port is None else Endpoint(_PROXY, self._proxy_port)

    def target(self, user: str = "root@sys", server: str | None = None, *, obproxy: bool = False) -> Target:
        """How to connect: to one server (the first that belongs to the cluster), or through OBProxy."""
        if obproxy:
            assert self.proxy is not None
            endpoint = self.proxy
            user = f"{user}#{self.shape.cluster}"
        else:
            endpoint = self.endpoint(server or self.servers[0])
        return Target(self.shape.cluster, (endpoint,), user, self.password)

    async def start(self) -> None:
        """Listen on all addresses; LabError if one cannot be had."""
        _allow_files(4 * len(self.world.servers) + 200)
        try:
            await self._listen_everywhere()
        except BaseException:
            await self.stop()
            raise
        self._clock = asyncio.create_task(self._tick(), name="stand-in clock")

    async def stop(self) -> None:
        """Close everything; nothing is left running."""
        self._stopping = True
        if self._clock is not None:
            self._clock.cancel()
        for listener in (*self._listeners.values(), *([self._proxy] if self._proxy else [])):
            listener.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *([self._clock] if self._clock else []), return_exceptions=True)
        self._listeners.clear()
        self._cluster.close()

    async def stop_server(self, server: str) -> None:
        """As if it crashed: its port refuses, connections break, its rows vanish, its leaders move."""
        found = self.world.server(server)
        if found.alive:
            with self._cluster.lock:
                changes.lose(self.world, found, time.time())
        await self._hang_up(found)

    async def start_server(self, server: str) -> None:
        """It is back at the same address; its totals begin at 0."""
        found = self.world.server(server)
        if found.alive:
            return
        await self._listen(found)
        with self._cluster.lock:
            changes.regain(self.world, found, time.time())
            self._cluster.load.restart(found.index)

    async def add_server(self, zone: str) -> str:
        """A new server of a zone, without units; its name."""
        with self._cluster.lock:
            server = changes.add(self.world, self.world.zone(zone), time.time())
            self._cluster.load.grow()
        await self._listen(server)
        return server.name

    def delete_server(self, server: str, seconds: float = 5.0) -> None:
        """DELETING while its units move away; gone when none is left, if there is room for them."""
        found = self.world.server(server)
        with self._cluster.lock:
            changes.delete(self.world, found, time.time(), seconds)

    def migrate_unit(self, tenant: str, source: str, target: str, seconds: float = 5.0) -> None:
        """Move a tenant's unit from a server to another of its zone that has none."""
        owner, old, new = self.world.tenant(tenant), self.world.server(source), self.world.server(target)
        unit = next((each for each in self.world.units_on(old) if each.tenant is owner), None)
        if unit is None:
            raise ConfigError(f"{source} has no unit of tenant {tenant}")
        with self._cluster.lock:
            changes.migrate(self.world, unit, new, time.time(), seconds)

    def move_leaders(self, source: str, target: str = "") -> int:
        """Leaders go to the target where it has a replica, or without one to any; how many did."""
        old, new = self.world.server(source), self.world.server(target) if target else None
        with self._cluster.lock:
            return changes.move_leaders(self.world, old, new, time.time())

    def stop_zone(self, zone: str) -> None:
        """It becomes INACTIVE, and its leaders move; its servers go on answering."""
        with self._cluster.lock:
            changes.stop_zone(self.world, self.world.zone(zone), time.time())

    def start_zone(self, zone: str) -> None:
        """It is ACTIVE again; leaders stay where they are."""
        with self._cluster.lock:
            changes.start_zone(self.world, self.world.zone(zone), time.time())

    def slow_server(self, server: str, seconds: float) -> None:
        """Let it wait so long before each answer; 0: no longer."""
        self._cluster.faults.delays[self.world.server(server).index] = seconds

    def garble_server(self, server: str) -> None:
        """Let connections get bytes that make no sense, new and old ones."""
        self._cluster.faults.garbled.add(self.world.server(server).index)

    def skew_clock(self, server: str, seconds: float) -> None:
        """Let its clock be ahead by so much, or behind."""
        self.world.server(server).skew = seconds

    def spoil(self, server: str, how: str) -> None:
        """Rows of GV$SYSSTAT about it have no value, come twice, are negative, or overflow: see SPOILT."""
        if how not in SPOILT:
            raise ConfigError(f"values are spoilt as {', '.join(SPOILT)}, not {how!r}")
        self._cluster.faults.spoilt[self.world.server(server).index] = how

    def symptom(self, server: str, kind: str, strength: float, seconds: float = math.inf) -> None:
        """Let a server suffer: see `load.SYMPTOMS` for kinds and what `strength` counts."""
        if kind not in SYMPTOMS:
            raise ConfigError(f"there is no symptom {kind!r}; there is {', '.join(SYMPTOMS)}")
        load = self._cluster.load
        load.add(Symptom(kind, self.world.server(server).index, strength, load.seconds + seconds))

    def heal_server(self, server: str) -> None:
        """End what is wrong with a server that runs."""
        found, faults = self.world.server(server), self._cluster.faults
        found.skew = 0.0
        faults.delays.pop(found.index, None)
        faults.garbled.discard(found.index)
        faults.spoilt.pop(found.index, None)
        self._cluster.load.clear(found.index)

    def route(self, server: str = "") -> None:
        """Let OBProxy send every login to that server, though it may be down; without a name to any."""
        self._cluster.route = self.world.server(server) if server else None

    def deny(self, account: str, view: str) -> None:
        """Let an account (user@tenant) get error 1142 for a view."""
        self._cluster.accounts.denied.add((account, view.upper()))

    def expire_password(self, account: str) -> None:
        """Let an account get error 1862 when it logs in."""
        self._cluster.accounts.expired.add(account)

    async def _listen_everywhere(self) -> None:
        for attempt in range(_TRIES):
            try:
                self._use_port(self._port or 20000 + secrets.randbelow(20000))
                for server in self.world.servers:
                    await self._listen(server)
                break
            except OSError as error:
                for listener in self._listeners.values():
                    listener.close()
                self._listeners.clear()
                if self._port or attempt == _TRIES - 1:
                    raise LabError(
                        f"cannot listen on port {self.world.sql_port}: {error.strerror}"
                    ) from error
        if self._proxy_port is not None:
            await self._listen_as_proxy(self._proxy_port)

    def _use_port(self, port: int) -> None:
        self.world.sql_port = port
        for server in self.world.servers:
            server.sql_port = port + 10 * server.index if self.shape.alone else port

    async def _listen(self, server: Server) -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(server, reader, writer)

        self._listeners[server.index] = await asyncio.start_server(accept, server.ip, server.sql_port)

    async def _listen_as_proxy(self, port: int) -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(None, reader, writer)

        try:
            self._proxy = await asyncio.start_server(accept, _PROXY, port)
        except OSError as error:
            raise LabError(f"cannot listen on {_PROXY}:{port}: {error.strerror}") from error
        self._proxy_port = int(self._proxy.sockets[0].getsockname()[1])

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
                self._cluster, self._numbers, f"{host}:{port}", server or self.world.servers[0], pick
            )
            self._writers[writer] = session
            self._cluster.sessions.add(session)
            await session.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            if not self._stopping:
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
            (each for each in self.world.servers if each.counted and self._cluster.hosts(each, tenant)), None
        )
        if chosen is None or not chosen.counted:
            raise ConnectionAbortedError
        return chosen

    async def _hang_up(self, server: Server) -> None:
        if listener := self._listeners.pop(server.index, None):
            listener.close()
        for writer, session in list(self._writers.items()):
            if session is not None and session.server is server:
                writer.transport.abort()

    async def _tick(self) -> None:
        """Keep the model close to the time, so that nobody has to wait for it."""
        while True:
            self._cluster.advance(time.time())
            for server in self.world.servers:
                if server.gone and server.index in self._listeners:
                    await self._hang_up(server)
            await asyncio.sleep(_STEP)


def _allow_files(count: int) -> None:
    """Every server has a socket: raise the limit of open files as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))

"""The stand-in itself: listeners for every server, and what can be done to them."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from typing import Final, Self

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.sim import changes, wire
from distdiag_tui.sim.accounts import Accounts
from distdiag_tui.sim.cluster import Cluster
from distdiag_tui.sim.doors import PROXY, Doors
from distdiag_tui.sim.load import SYMPTOMS, Load, Symptom
from distdiag_tui.sim.rows.statistics import SPOILT
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.world import World

_STEP: Final = 1.0  # s


class Sim:
    """Use as `async with Sim(Shape(...)) as sim`. Port 0 takes any that is free on all addresses.

    The same seed gives the same figures in the same second after the start,
    as long as the same is done to it.
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
        self.world = World(self.shape, time.time())
        self._cluster = Cluster(
            self.world, Load(self.world, seed), Accounts(wire.stage_two(self.password.reveal()))
        )
        self._doors = Doors(self._cluster)
        self._clock: asyncio.Task[None] | None = None

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
    def asked(self) -> frozenset[str]:
        """Views that somebody asked for rows of, LIMIT 0 apart."""
        return frozenset(self._cluster.asked)

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
        port = self._doors.proxy_port
        return None if port is None else Endpoint(PROXY, port)

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
        try:
            await self._doors.open_all(self._port)
            if self._proxy_port is not None:
                await self._doors.open_proxy(self._proxy_port)
        except BaseException:
            await self.stop()
            raise
        self._clock = asyncio.create_task(self._tick(), name="stand-in clock")

    async def stop(self) -> None:
        """Close everything; nothing is left running."""
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        await self._doors.close()
        self._cluster.close()

    async def stop_server(self, server: str) -> None:
        """As if it crashed: its port refuses, connections break, its rows vanish, its leaders move."""
        found = self.world.server(server)
        if found.alive:
            with self._cluster.lock:
                changes.lose(self.world, found, time.time())
        self._doors.shut(found)

    async def start_server(self, server: str) -> None:
        """It is back at the same address; its totals begin at 0."""
        found = self.world.server(server)
        if found.alive:
            return
        await self._doors.open(found)
        with self._cluster.lock:
            changes.regain(self.world, found, time.time())
            self._cluster.load.restart(found.index)

    async def add_server(self, zone: str) -> str:
        """A new server of a zone, without units; its name."""
        with self._cluster.lock:
            server = changes.add(self.world, self.world.zone(zone), time.time())
            self._cluster.load.grow()
        await self._doors.open(server)
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

    def hang_server(self, server: str) -> None:
        """Let it accept connections and answer nobody: GV$ views of the others wait for its rows in vain."""
        self._cluster.faults.hung.add(self.world.server(server).index)

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
        faults.hung.discard(found.index)
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

    async def _tick(self) -> None:
        """Keep the model close to the time, so that nobody has to wait for it."""
        while True:
            self._cluster.advance(time.time())
            for server in self.world.servers:
                if server.gone:
                    self._doors.shut(server)
            await asyncio.sleep(_STEP)

"""The cluster that the stand-in tells of: zones, servers, tenants, units, log streams, and what befell them.

Times are epoch seconds. Servers keep their place in `servers` for ever: arrays have a row for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.sim.shape import Shape

GB: Final = 1 << 30
SYS: Final = 1
RPC_PORT: Final = 2882
_AGE: Final = 40 * 86400.0  # of the cluster when the stand-in begins
_WIDE: Final = 2  # user tenants that have a unit on every server; the others on every second


@dataclass(slots=True)
class Server:
    """`status` is the cluster's view: ACTIVE, INACTIVE or DELETING. `gone`: it was deleted."""

    name: str
    index: int
    zone: str
    ip: str
    rpc_port: int
    sql_port: int
    created: float
    started: float
    status: str = "ACTIVE"
    alive: bool = True
    gone: bool = False
    offline_since: float | None = None
    skew: float = 0.0
    cpus: int = 16
    memory: int = 64 * GB
    log_disk: int = 192 * GB
    data_disk: int = 2048 * GB

    @property
    def counted(self) -> bool:
        """Whether it answers, so that its rows are in the cluster's views."""
        return self.alive and not self.gone


@dataclass(slots=True)
class Zone:
    """`status` is ACTIVE or INACTIVE."""

    name: str
    region: str
    created: float
    changed: float
    status: str = "ACTIVE"


@dataclass(slots=True)
class Tenant:
    """`index` is its place in arrays; a user tenant's meta tenant is the one before it."""

    id: int
    name: str
    kind: str
    index: int
    created: float
    cpus: float
    memory: int
    units_per_zone: int = 1


@dataclass(slots=True)
class Unit:
    """What a tenant has on a server; `source` while it moves from there."""

    id: int
    tenant: Tenant
    group: int
    zone: str
    server: Server
    created: float
    source: Server | None = None
    moved: float = 0.0  # when it will have moved


@dataclass(slots=True)
class LogStream:
    """Replicas by zone; the leader is one of them."""

    tenant: Tenant
    id: int
    group: int
    replicas: dict[str, Server]
    leader: Server
    created: float
    changed: float
    proposal: int = 1


@dataclass(frozen=True, slots=True)
class Happening:
    """A row of the event history of the root service, or of the server that it names."""

    time: float
    module: str
    event: str
    facts: tuple[tuple[str, str], ...] = ()
    server: Server | None = None


@dataclass(slots=True)
class World:
    """All of it. How it changes is in `changes`."""

    shape: Shape
    now: float
    sql_port: int = 2881
    zones: list[Zone] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    tenants: list[Tenant] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    streams: list[LogStream] = field(default_factory=list)
    history: list[Happening] = field(default_factory=list)
    unsettled: bool = False  # something is under way

    def __post_init__(self) -> None:
        born = self.now - _AGE
        self.zones = [
            Zone(f"zone{number}", f"region{(number + 1) // 2}", born, born)
            for number in range(1, self.shape.zones + 1)
        ]
        for number in range(self.shape.servers):
            self.new_server(self.zones[number % len(self.zones)], born)
        self._found_tenants(born)

    def server(self, name: str) -> Server:
        """The server of that name, or with that address; ConfigError if there is none."""
        for each in self.servers:
            if not each.gone and name in (each.name, each.ip, f"{each.ip}:{each.sql_port}"):
                return each
        raise ConfigError(f"the stand-in has no server {name!r}; the first is {self.servers[0].name}")

    def zone(self, name: str) -> Zone:
        """The zone of that name; ConfigError if there is none."""
        for each in self.zones:
            if each.name == name:
                return each
        raise ConfigError(f"the stand-in has no zone {name!r}")

    def tenant(self, name: str) -> Tenant:
        """The tenant of that name; ConfigError if there is none."""
        for each in self.tenants:
            if each.name == name:
                return each
        raise ConfigError(f"the stand-in has no tenant {name!r}")

    @property
    def members(self) -> list[Server]:
        """Servers that are part of the cluster, whether they answer or not."""
        return [each for each in self.servers if not each.gone]

    @property
    def root(self) -> Server | None:
        """Where the root service is: the leader of log stream 1 of sys."""
        stream = next(each for each in self.streams if each.tenant.id == SYS)
        return stream.leader if stream.leader.counted else None

    def units_on(self, server: Server) -> Iterator[Unit]:
        """The units of a server."""
        return (unit for unit in self.units if unit.server is server)

    def use_port(self, port: int) -> None:
        """Let every server have this SQL port or, where they share an address, one from this on."""
        self.sql_port = port
        for server in self.servers:
            server.sql_port = port + 10 * server.index if self.shape.alone else port

    def new_server(self, zone: Zone, created: float) -> Server:
        place = sum(each.zone == zone.name for each in self.servers)
        number = self.zones.index(zone) + 1
        index = len(self.servers)
        if self.shape.alone:
            ip, rpc, sql = self.shape.alone, RPC_PORT + 10 * index, self.sql_port + 10 * index
        else:
            ip, rpc, sql = f"127.{number}.{place // 250}.{place % 250 + 1}", RPC_PORT, self.sql_port
        server = Server(
            f"z{number}s{place + 1}", index, zone.name, ip, rpc, sql, created, created + 3600.0 * index
        )
        server.started = min(server.started, max(created, self.now - 600.0))
        self.servers.append(server)
        return server

    def _found_tenants(self, born: float) -> None:
        self.tenants.append(Tenant(SYS, "sys", "SYS", 0, born, 2.0, 4 * GB))
        self._place(self.tenants[0], every=len(self.servers))
        for number in range(1, self.shape.tenants + 1):
            created, name = born + 3600.0 * number, f"t{number}"
            meta, user = 999 + 2 * number, 1000 + 2 * number
            self.tenants.append(Tenant(meta, f"META${user}", "META", 2 * number - 1, created, 0.5, GB))
            cpus = max(1.0, 12.0 / self.shape.tenants)
            memory = max(2, 48 // self.shape.tenants) * GB
            self.tenants.append(Tenant(user, name, "USER", 2 * number, created, cpus, memory))
            self._place(self.tenants[-1], every=1 if number <= _WIDE else 2)

    def _place(self, tenant: Tenant, every: int) -> None:
        """Units on every so-many-th server of each zone, log streams over them, leaders in turn."""
        by_zone = {
            zone.name: [each for each in self.servers if each.zone == zone.name] for zone in self.zones
        }
        number = min(-(-len(hosts) // every) for hosts in by_zone.values())
        tenant.units_per_zone = number
        for place in range(number):
            hosts = {zone: servers[place * every] for zone, servers in by_zone.items()}
            group = 0 if tenant.id == SYS else 1000 + place + 1
            for zone, server in hosts.items():
                self.units.append(Unit(len(self.units) + 1, tenant, group, zone, server, tenant.created))
            self._found_streams(tenant, place, group, hosts)

    def _found_streams(self, tenant: Tenant, place: int, group: int, hosts: dict[str, Server]) -> None:
        first = list(hosts.values())[tenant.index % len(hosts)]
        if place == 0:
            self.streams.append(
                LogStream(tenant, 1, group, dict(hosts), first, tenant.created, tenant.created)
            )
            if tenant.kind == "USER":
                meta = self.tenants[tenant.index - 1]
                self.streams.append(LogStream(meta, 1, group, dict(hosts), first, meta.created, meta.created))
        if tenant.kind != "USER":
            return
        for turn, leader in enumerate(hosts.values()):
            number = 1001 + place * len(hosts) + turn
            self.streams.append(
                LogStream(tenant, number, group, dict(hosts), leader, tenant.created, tenant.created)
            )

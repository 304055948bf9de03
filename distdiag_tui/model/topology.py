"""What a cluster is made of, and how each server is doing. Names are OceanBase's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """How a server answers the console. The value is the word shown and put in JSON."""

    CONNECTING = "connecting"
    UP = "up"
    SLOW = "slow"
    VIEW_MISSING = "view missing"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"

    @property
    def answers(self) -> bool:
        """Whether figures of this server are current."""
        return self in (Status.UP, Status.SLOW, Status.VIEW_MISSING)

    @property
    def severity(self) -> int:
        """0 is well; the larger, the worse."""
        return _SEVERITY[self]


_SEVERITY = {
    Status.UP: 0,
    Status.CONNECTING: 1,
    Status.VIEW_MISSING: 2,
    Status.SLOW: 3,
    Status.REFUSED: 4,
    Status.UNREACHABLE: 5,
}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as seen on one server."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Server:
    """One server at one moment.

    `age` is seconds since its newest sample (None: never sampled), `latency` what that sample took (s),
    `uptime` seconds since it began to serve. `detail` is one clear line on what is wrong, or "".
    """

    name: str
    address: str
    zone: str
    status: Status
    detail: str = ""
    product: str = ""
    role: str = ""
    uptime: float | None = None
    latency: float | None = None
    age: float | None = None
    tenants: tuple[Tenant, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Host:
    """The machine of a server, as far as it is known.

    `way` says how its figures come in, "" without any; `trouble` in a line why none come. Servers whose hosts
    have one `name` (not "") share a machine.
    """

    name: str = ""
    way: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Something that has metrics: the cluster, a zone, a server, or a tenant on a server.

    Empty fields widen it: `Subject()` is the cluster, `Subject("zone1")` a zone.
    """

    zone: str = ""
    server: str = ""
    tenant: str = ""

    @property
    def title(self) -> str:
        """A short name for a pane's title."""
        parts = (self.server or self.zone, self.tenant)
        return " / ".join(part for part in parts if part) or "cluster"


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone as the cluster keeps it: `status` is ACTIVE or INACTIVE."""

    name: str
    status: str = ""
    region: str = ""
    idc: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """Of a resource of a server or unit: what is used, what is promised to units, and what there is.

    Cores for CPU, bytes for all else; None where the cluster does not tell.
    """

    used: float | None = None
    assigned: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """A major compaction: `state` is IDLE, COMPACTING, VERIFYING, SUSPENDED or ERROR ("": not told).

    `since`: epoch seconds at which the one that is not over began, None without one.
    """

    state: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A server as its cluster keeps it, which may differ from how it answers us.

    `state` is ACTIVE, INACTIVE or DELETING, `stopped` whether it was taken out of service on purpose;
    `started` epoch seconds; `rpc` the address by which the cluster knows it; `clock_offset` seconds that its
    clock is ahead of the console's (None: not known); `shares` by "cpu", "memory", "log_disk", "data_disk".
    `oldest_transaction`: epoch seconds at which the oldest one that is open began, None without an old one.
    `merge` is told by servers that are a whole database each.
    """

    server: str
    zone: str
    state: str = ""
    version: str = ""
    started: float | None = None
    stopped: bool = False
    rootserver: bool = False
    leaders: int | None = None
    clock_offset: float | None = None
    rpc: str = ""
    shares: Mapping[str, Share] = field(default_factory=dict)
    oldest_transaction: float | None = None
    merge: Merge = Merge()


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """A tenant of the cluster: `kind` SYS, USER or META; `role` PRIMARY, STANDBY, ...

    `leaders` counts its log stream leaders by server.
    """

    id: int
    name: str
    kind: str = ""
    role: str = ""
    status: str = ""
    primary_zone: str = ""
    locality: str = ""
    merge: Merge = Merge()
    leaders: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a tenant has of a server. `tenant` is empty while a unit belongs to none.

    `source` is the server it is migrating from, "" when it is not; `pool` its resource pool.
    """

    id: int
    tenant: str
    zone: str
    server: str
    status: str = ""
    source: str = ""
    pool: str = ""
    shares: Mapping[str, Share] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the cluster says of itself, apart from figures. Servers by name, as in `Server.name`.

    `tenant` is the one that the account is confined to, "" if it sees all. `sampling` says how figures come:
    "direct" (a connection a server), "cluster" (one for all), or "mixed". `missing` holds a line for each
    part that this account or version cannot see.
    """

    zones: tuple[Zone, ...] = ()
    members: Mapping[str, Member] = field(default_factory=dict)
    tenants: tuple[TenantFacts, ...] = ()
    units: tuple[Unit, ...] = ()
    tenant: str = ""
    sampling: str = ""
    missing: tuple[str, ...] = ()


class Happening(StrEnum):
    """What kind of change an event is. The value is the word shown and put in JSON."""

    SERVER_ADDED = "server added"
    SERVER_LEFT = "server left"
    SERVER_STATE = "server state"
    SERVER_RESTARTED = "server restarted"
    ZONE_STATE = "zone state"
    LEADER_MOVED = "leader moved"
    UNIT_MIGRATED = "unit migrated"
    UNIT_CHANGED = "unit changed"
    TENANT_CHANGED = "tenant changed"
    TENANT_ROLE = "tenant role"
    COMPACTION = "compaction"
    HISTORY = "history"  # a row of the cluster's own event history of any other kind


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed in a cluster, at `time` (epoch s): a leader moved, a zone was stopped, ...

    `source` is "seen" for what the console noticed itself, else the view that told it. `serious` events are
    worth a look at once: a server that went, a zone that was stopped.
    """

    time: float
    subject: Subject
    kind: Happening
    text: str
    source: str = "seen"
    serious: bool = False

"""What a cluster is made of, and how each server is doing. Names are OceanBase's own."""

from __future__ import annotations

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

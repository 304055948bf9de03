"""What to connect to: a cluster's servers and the account, as configured by a person or by the lab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from distdiag_tui.model.hostaccess import HostAccess
    from distdiag_tui.model.prometheus import PrometheusServer


@final
class Secret:
    """Holds a password so that no repr, log line or error can show it.

    >>> print(Secret("tiger"), [Secret("tiger")], Secret("tiger").reveal())
    ****** [******] tiger
    """

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """The password itself: only for the call that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "******"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is never pickled")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server's SQL address; `name` and `zone` where the person or the lab knows them better."""

    host: str
    port: int
    name: str = ""
    zone: str = ""

    @property
    def address(self) -> str:
        """`host:port`, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def at(cls, address: str, name: str = "", zone: str = "") -> Endpoint:
        """The endpoint whose `address` this is.

        >>> Endpoint.at("[::1]:2881").host, Endpoint.at("ob1:2881").address
        ('::1', 'ob1:2881')
        """
        host, _, port = address.rpartition(":")
        return cls(host.strip("[]"), int(port), name, zone)

    @property
    def label(self) -> str:
        """For messages: the name with the address, or the address alone."""
        return f"{self.name} ({self.address})" if self.name else self.address


class Sampling(StrEnum):
    """How figures are got: over a connection a server, over one for the whole cluster, or as it goes."""

    AUTO = "auto"
    DIRECT = "direct"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster as one connects to it: some of its servers or OBProxies, and the account used on each.

    `user` may name a tenant, and for an OBProxy the cluster: `monitor@sys#cluster`. `home` is the lab's
    folder if it is one. `kube` says how to reach the Kubernetes cluster it runs in, where that is known:
    context, namespace and the name of its OBCluster, each if need be. `hosts` is the way to the servers'
    machines, if there is one; that to the lab's is known. `prometheus` has the cluster's history.
    """

    cluster: str
    endpoints: tuple[Endpoint, ...]
    user: str = "root"
    password: Secret = field(default_factory=Secret)
    production: bool = False
    allow_anomalies: bool = False
    home: Path | None = None
    kube: Mapping[str, str] | None = None
    hosts: HostAccess | None = None
    prometheus: PrometheusServer | None = None
    sampling: Sampling = Sampling.AUTO

    @property
    def proxied(self) -> bool:
        """Whether the account's name can only be meant for an OBProxy."""
        return "#" in self.user

    def user_at(self, endpoint: Endpoint) -> str:
        """The account's name there: a server that was discovered is no OBProxy and wants no cluster."""
        given = any(endpoint.address == each.address for each in self.endpoints)
        return self.user if given else self.user.partition("#")[0]

    def at(self, endpoint: Endpoint) -> Target:
        """This one server of it, named or discovered."""
        return replace(self, endpoints=(endpoint,), user=self.user_at(endpoint))

"""What is known of a cluster after one look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from distdiag_tui.model.target import Endpoint
from distdiag_tui.model.topology import Layout, Tenant

Key = tuple[str, int]
"""A server's address as its cluster knows it: SVR_IP and SVR_PORT."""

Table = list[dict[str, object]]
"""Rows by name of column, as they came."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a cluster answered: rows by part, the views they came from, and a line for what is missing.

    `here` is the server that was asked (None where it does not say), `offset` seconds that its clock is ahead
    of ours, `tenant` the account's tenant, `at` the moment (s, monotonic).
    """

    parts: Mapping[str, Table]
    views: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    here: Key | None = None
    offset: float | None = None
    tenant: int = 1
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Given:
    """Endpoints that a person named: of servers that were met there, and by address and SQL port."""

    met: Mapping[Key, Endpoint] = field(default_factory=dict)
    addresses: Mapping[Key, Endpoint] = field(default_factory=dict)

    def of(self, key: Key, sql_port: int) -> Endpoint | None:
        """The endpoint of a server, if one was named."""
        return self.met.get(key) or self.addresses.get((key[0], sql_port))


@dataclass(frozen=True, slots=True)
class Place:
    """A server of the cluster. `direct`: whether it is known at which SQL port to reach it."""

    key: Key
    endpoint: Endpoint
    started: float | None = None
    direct: bool = True

    @property
    def name(self) -> str:
        """As in `Server.name`."""
        return self.endpoint.name or self.endpoint.address


@dataclass(frozen=True, slots=True)
class Known:
    """Servers by key, the layout, leaders by tenant and log stream, and what the answers were.

    `cpu` holds microseconds used by tenant id and server.
    """

    places: Mapping[Key, Place]
    layout: Layout
    answers: Answers
    leaders: Mapping[tuple[int, int], str] = field(default_factory=dict)
    cpu: Mapping[tuple[int, Key], float] = field(default_factory=dict)
    tenants: tuple[Tenant, ...] = ()

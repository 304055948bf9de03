"""Who asks for rows, and for which of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.sim.arrays import Arrays
from distdiag_tui.sim.load import Load
from distdiag_tui.sim.world import Server, Tenant, World

Rows = Mapping[str, Any]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as GV$OB_PROCESSLIST shows it. `since` is when its state began (epoch s)."""

    id: int
    user: str
    tenant: Tenant
    server: Server
    client: str
    database: str
    since: float
    statement: str = ""
    proxy: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """`tenant` sees itself alone unless it is sys. `local`: of one server only, as V$ views are; `own`: of
    one tenant only, as DBA_ views are.

    `wanted` holds literals that columns must equal: rows that do not may be left out.
    """

    world: World
    load: Load
    version: str
    now: float
    tenant: Tenant
    server: Server
    local: bool = False
    own: bool = False
    wanted: Mapping[str, Collection[str | int]] = field(default_factory=dict)
    connections: Sequence[Connection] = ()
    spoilt: Mapping[int, str] = field(default_factory=dict)

    @property
    def servers(self) -> list[Server]:
        """Servers whose rows are asked for: those that answer."""
        ips, ports = self.wanted.get("SVR_IP"), self.wanted.get("SVR_PORT")
        here = self.local or (
            ports is not None and "rpc_port()" in ports and ips is not None and "host_ip()" in ips
        )
        return [
            each
            for each in ([self.server] if here else self.world.servers)
            if each.counted
            and (ips is None or each.ip in ips or "host_ip()" in ips)
            and (ports is None or each.rpc_port in ports or "rpc_port()" in ports)
        ]

    @property
    def tenants(self) -> list[Tenant]:
        """Tenants that may be seen, and are asked for."""
        ids = self.wanted.get("TENANT_ID", self.wanted.get("CON_ID"))
        seen = self.world.tenants if self.tenant.kind == "SYS" and not self.own else [self.tenant]
        return [each for each in seen if ids is None or each.id in ids]

    @property
    def arrays(self) -> Arrays:
        """The cluster as arrays."""
        return self.load.index.arrays

    def pairs(self) -> Pairs:
        """Indices of the servers and tenants of which there are units, server by server."""
        rows = np.array([each.index for each in self.servers], np.int64)
        columns = np.array([each.index for each in self.tenants], np.int64)
        found = np.nonzero(self.arrays.present[np.ix_(rows, columns)])
        return rows[found[0]], columns[found[1]]

    def addresses(self, servers: NDArray[np.int64]) -> dict[str, Any]:
        """SVR_IP and SVR_PORT of servers by index."""
        arrays = self.arrays
        return {"SVR_IP": lambda: arrays.ips[servers], "SVR_PORT": lambda: arrays.ports[servers]}

    def tenant_ids(self, tenants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of tenants by index."""
        return self.arrays.tenant_ids[tenants]


def table(rows: Iterator[Mapping[str, Any]] | Sequence[Mapping[str, Any]]) -> Rows:
    """Rows that were made one by one, all with the same columns."""
    listed = list(rows)
    return {name: [row[name] for row in listed] for name in listed[0]} if listed else {}

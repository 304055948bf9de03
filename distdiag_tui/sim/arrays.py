"""The cluster as arrays, servers x tenants, made anew only when it has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.sim.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Arrays:
    """`present` is 1 where a tenant has a unit on a server that answers (sys has one everywhere, for logins).

    `leads` counts the log streams that a server leads; `ips`, `ports` and `sql_ports` are by server.
    """

    present: Floats
    leads: Floats
    ips: NDArray[Any]
    ports: Ints
    sql_ports: Ints
    zones: NDArray[Any]
    tenant_ids: Ints
    tenant_names: NDArray[Any]
    user: NDArray[np.bool_]


class Index:
    """Keeps them. Whatever changes in a world is written down in its history."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at = -1
        self._arrays: Arrays | None = None

    @property
    def arrays(self) -> Arrays:
        """As of now."""
        at = len(self._world.history)
        if self._arrays is None or at != self._at:
            self._arrays, self._at = _made(self._world), at
        return self._arrays


def _made(world: World) -> Arrays:
    servers, tenants = world.servers, world.tenants
    present, leads = np.zeros((len(servers), len(tenants))), np.zeros((len(servers), len(tenants)))
    present[:, 0] = 1.0
    for unit in world.units:
        present[unit.server.index, unit.tenant.index] = 1.0
        if unit.tenant.kind == "USER":
            present[unit.server.index, unit.tenant.index - 1] = 1.0
    present *= np.array([[server.counted] for server in servers], np.float64)
    for stream in world.streams:
        if stream.leader.counted:
            leads[stream.leader.index, stream.tenant.index] += 1.0
    return Arrays(
        present, leads, np.array([each.ip for each in servers], dtype=object),
        np.array([each.rpc_port for each in servers], np.int64),
        np.array([each.sql_port for each in servers], np.int64),
        np.array([each.zone for each in servers], dtype=object), np.array([each.id for each in tenants],
        np.int64),
        np.array([each.name for each in tenants], dtype=object),
        np.array([each.kind == "USER" for each in tenants]),
    )  # fmt: skip

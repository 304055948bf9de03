"""The workload repository: what every server wrote down of itself at each full hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from distdiag_tui.sim.definitions import wait_events
from distdiag_tui.sim.rows.ask import Ask, Rows, table
from distdiag_tui.sim.rows.statistics import WAITS, chosen, values_of
from distdiag_tui.sim.world import Server, Tenant

_HOUR: Final = 3600.0
_KEPT: Final = 8
_CLUSTER: Final = 1


def _taken(ask: Ask) -> Iterator[tuple[Mapping[str, Any], float, Server, Tenant]]:
    """The columns that all views have, the hour, and of whom."""
    last = ask.now // _HOUR
    rows, columns = ask.pairs()
    servers = {each.index: each for each in ask.servers}
    tenants = {each.index: each for each in ask.tenants}
    for ago in reversed(range(_KEPT)):
        hour = (last - ago) * _HOUR
        for server, tenant in zip(rows.tolist(), columns.tolist(), strict=True):
            if servers[server].started <= hour:
                who, of = servers[server], tenants[tenant]
                row = {
                    "CLUSTER_ID": _CLUSTER, "TENANT_ID": of.id, "SNAP_ID": int(last) - ago,
                    "SVR_IP": who.ip, "SVR_PORT": who.rpc_port,
                }  # fmt: skip
                yield row, hour, who, of


def _share(ask: Ask, hour: float, server: Server) -> float:
    """Of its totals of now: as if it had always been like this."""
    return (hour - server.started) / max(1.0, ask.now - server.started)


def _snapshots(ask: Ask) -> Iterator[dict[str, Any]]:
    for row, hour, server, _ in _taken(ask):
        yield {
            **row, "BEGIN_INTERVAL_TIME": hour - _HOUR, "END_INTERVAL_TIME": hour, "SNAP_FLAG": 2,
            "STARTUP_TIME": server.started,
        }  # fmt: skip


def _sysstat(ask: Ask) -> Iterator[dict[str, Any]]:
    wanted = chosen(ask)
    for row, hour, server, tenant in _taken(ask):
        place = np.array([server.index]), np.array([tenant.index])
        for statistic in wanted:
            value = int(values_of(ask, statistic, place)[0])
            grown = value * _share(ask, hour, server) if statistic.adds else value
            yield {**row, "STAT_ID": statistic.id, "VALUE": int(grown)}


def _system_event(ask: Ask) -> Iterator[dict[str, Any]]:
    events = [each for each in wait_events(ask.version) if each.name in WAITS]
    for row, hour, server, tenant in _taken(ask):
        place = np.array([server.index]), np.array([tenant.index])
        for event in events:
            source, share, once = WAITS[event.name]
            micros = ask.load.total(source, ask.now, place)[0] * share * _share(ask, hour, server)
            yield {
                **row, "EVENT_ID": event.id, "EVENT_NAME": event.name, "WAIT_CLASS_ID": event.class_id,
                "WAIT_CLASS": event.wait_class, "TOTAL_WAITS": int(micros / once), "TOTAL_TIMEOUTS": 0,
                "TIME_WAITED_MICRO": int(micros),
            }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "CDB_WR_SNAPSHOT": lambda ask: table(_snapshots(ask)),
    "CDB_WR_SYSSTAT": lambda ask: table(_sysstat(ask)),
    "CDB_WR_SYSTEM_EVENT": lambda ask: table(_system_event(ask)),
}

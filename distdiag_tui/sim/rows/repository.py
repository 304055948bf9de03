"""The workload repository: what every server wrote down of itself at each full hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from distdiag_tui.sim.definitions import wait_events
from distdiag_tui.sim.rows.ask import Ask, Rows, table
from distdiag_tui.sim.rows.statistics import WAITS, chosen, values_of
from distdiag_tui.sim.world import Server

_HOUR: Final = 3600.0
_KEPT: Final = 8
_CLUSTER: Final = 1


class Written(NamedTuple):
    """What a server wrote down of a tenant, the `place`th of `Ask.pairs`: the columns that all views have."""

    row: Mapping[str, Any]
    hour: float
    server: Server
    place: int

    def share(self, now: float) -> float:
        """Of its totals of now: as if it had always been like this."""
        return (self.hour - self.server.started) / max(1.0, now - self.server.started)


def _written(ask: Ask) -> Iterator[Written]:
    last = ask.now // _HOUR
    rows, columns = ask.pairs()
    ids = ask.tenant_ids(columns).tolist()
    for ago in reversed(range(_KEPT)):
        hour = (last - ago) * _HOUR
        for place, index in enumerate(rows.tolist()):
            server = ask.world.servers[index]
            if server.started <= hour:
                row = {
                    "CLUSTER_ID": _CLUSTER, "TENANT_ID": ids[place], "SNAP_ID": int(last) - ago,
                    "SVR_IP": server.ip, "SVR_PORT": server.rpc_port,
                }  # fmt: skip
                yield Written(row, hour, server, place)


def _snapshots(ask: Ask) -> Iterator[dict[str, Any]]:
    for row, hour, server, _ in _written(ask):
        yield {
            **row, "BEGIN_INTERVAL_TIME": hour - _HOUR, "END_INTERVAL_TIME": hour, "SNAP_FLAG": 2,
            "STARTUP_TIME": server.started,
        }  # fmt: skip


def _sysstat(ask: Ask) -> Iterator[dict[str, Any]]:
    pairs = ask.pairs()
    now = [(each, values_of(ask, each, pairs).tolist()) for each in chosen(ask)]
    for written in _written(ask):
        share = written.share(ask.now)
        for statistic, values in now:
            value = values[written.place]
            grown = int(value * share) if statistic.adds else value
            yield {**written.row, "STAT_ID": statistic.id, "VALUE": grown}


def _system_event(ask: Ask) -> Iterator[dict[str, Any]]:
    events = [(each, *WAITS[each.name]) for each in wait_events(ask.version) if each.name in WAITS]
    pairs = ask.pairs()
    now = {source: ask.load.total(source, ask.now, pairs).tolist() for _, source, _, _ in events}
    for written in _written(ask):
        for event, source, share, once in events:
            micros = now[source][written.place] * share * written.share(ask.now)
            yield {
                **written.row, "EVENT_ID": event.id, "EVENT_NAME": event.name,
                "WAIT_CLASS_ID": event.class_id, "WAIT_CLASS": event.wait_class,
                "TOTAL_WAITS": int(micros / once), "TOTAL_TIMEOUTS": 0, "TIME_WAITED_MICRO": int(micros),
            }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "CDB_WR_SNAPSHOT": lambda ask: table(_snapshots(ask)),
    "CDB_WR_SYSSTAT": lambda ask: table(_sysstat(ask)),
    "CDB_WR_SYSTEM_EVENT": lambda ask: table(_system_event(ask)),
}

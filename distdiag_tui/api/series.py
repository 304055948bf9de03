"""Metrics as the original's clients ask for them: by address and category, or by a statistic's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.metrics import CATALOGUE, METRIC_INDEX, Metric, metric
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import MOST_NAMED, plain, rounded, several, utc
from distdiag_tui.model.topology import Server, Subject

FLUCTUATES: Final = 4.0
"""Robust standard deviations, unless a request says otherwise."""

STATISTICS: Final[Mapping[str, str]] = {
    "cpu usage": "cpu_percent", "cpu time": "cpu_time", "worker time": "worker_time",
    "memory usage": "memory_used", "total memstore used": "memstore_used", "kvcache hold": "kvcache_used",
    "memstore wait write lock time": "lock_wait_time", "memstore write lock succ count": "lock_rate",
    "memstore write lock fail count": "lock_fail_rate",
    "io read count": "io_read_rate", "io read delay": "io_read_rt", "io read bytes": "io_read_bytes",
    "io write count": "io_write_rate", "io write delay": "io_write_rt", "io write bytes": "io_write_bytes",
    "palf write io count to disk": "log_write_rate", "palf write size to disk": "log_write_bytes",
    "rpc packet in": "rpc_in_rate", "rpc packet in bytes": "rpc_in_bytes", "rpc packet out": "rpc_out_rate",
    "rpc packet out bytes": "rpc_out_bytes", "rpc deliver fail": "rpc_fail_rate",
    "mysql packet in bytes": "sql_in_bytes", "mysql packet out bytes": "sql_out_bytes",
    "request queue time": "queue_rt", "active sessions": "sessions_active",
    "sql select count": "select_rate", "sql select time": "select_rt", "sql insert count": "insert_rate",
    "sql insert time": "insert_rt", "sql update count": "update_rate", "sql update time": "update_rt",
    "sql delete count": "delete_rate", "sql delete time": "delete_rt", "sql fail count": "sql_fail_rate",
    "trans commit count": "commit_rate", "trans commit time": "commit_rt",
    "trans rollback count": "rollback_rate", "trans timeout count": "tx_timeout_rate",
    "row cache hit": "row_cache_hit", "block cache hit": "block_cache_hit",
}  # fmt: skip
"""Our metric for a statistic of GV$SYSSTAT, as which the original showed it."""

_TITLES: Final = {row.title.lower(): row.id for row in CATALOGUE}

Known = tuple[tuple[str, ...], tuple[str, ...], Floats]
"""As `Diagnoser.deviations` tells them."""
Deviations = Mapping[tuple[str, str], float]
"""By server and metric: how far from its usual, in robust standard deviations."""


def find_metric(name: str) -> Metric:
    """By id, title, or statistic; ConfigError for none."""
    known = name.strip().lower()
    found = known if known in METRIC_INDEX else _TITLES.get(known) or STATISTICS.get(known)
    if found is None:
        raise ConfigError(f"there is no metric {plain(name, 80)!r}; distdiag metrics lists all of them")
    return metric(found)


def find_server(snapshot: Snapshot, name: str) -> Server:
    """By name, address, or host if no other server has it; ConfigError for none."""
    for server in snapshot.servers:
        if name in (server.name, server.address):
            return server
    on_host = [server for server in snapshot.servers if server.address.rpartition(":")[0].strip("[]") == name]
    if len(on_host) == 1:
        return on_host[0]
    there = several([server.address for server in snapshot.servers], MOST_NAMED)
    raise ConfigError(f"there is no server {plain(name, 80)!r}; there are: {there}")


def by_name(known: Known) -> Deviations:
    """The same, to be looked up."""
    servers, metrics, rows = known
    return {
        (server, name): value
        for server, row in zip(servers, rows.tolist(), strict=True)
        for name, value in zip(metrics, row, strict=True)
    }


def point(snapshot: Snapshot, deviations: Deviations, least: float) -> dict[str, Any]:
    """The newest figures of every server: by address, group and metric."""
    nodes = {server.address: _groups(snapshot, server, deviations, least) for server in snapshot.servers}
    each = [row for groups in nodes.values() for group in groups.values() for row in group.values()]
    moved = sum(row["has_fluctuation"] for row in each)
    return {
        "timestamp": utc(snapshot.time),
        "cluster": snapshot.cluster,
        "nodes": {server.address: {"name": server.name, "zone": server.zone, "status": server.status.value,
                                   "detail": plain(server.detail)} for server in snapshot.servers},
        "metrics": nodes,
        "summary": {"total_metrics": len(each), "fluctuating_metrics": moved, "has_fluctuations": moved > 0},
    }  # fmt: skip


def selected(snapshot: Snapshot, server: Server, wanted: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """One metric for each category, with its past."""
    subject = Subject(server.zone, server.name)
    count = max(1, round(seconds / snapshot.interval))
    window = snapshot.history.window(subject, count, snapshot.tick)
    return {
        "node_ip": server.address,
        "timestamp": utc(snapshot.time),
        "metrics": {
            category: {name: _past(snapshot, find_metric(name), subject, window)}
            for category, name in wanted.items()
        },
    }


def _groups(
    snapshot: Snapshot, server: Server, deviations: Deviations, least: float
) -> dict[str, dict[str, Any]]:
    values = snapshot.values.get(Subject(server.zone, server.name))
    groups: dict[str, dict[str, Any]] = {}
    for index, row in enumerate(CATALOGUE):
        away = deviations.get((server.name, row.id), 0.0)
        groups.setdefault(row.group, {})[row.id] = {
            "value": None if values is None else rounded(float(values[index])),
            "unit": row.unit,
            "deviation": round(away, 2),
            "has_fluctuation": abs(away) >= least,
        }
    return groups


def _past(snapshot: Snapshot, row: Metric, subject: Subject, window: Any) -> dict[str, Any]:  # noqa: ANN401  (M, n)
    values = window[METRIC_INDEX[row.id]].tolist()
    begin = snapshot.time - snapshot.interval * (len(values) - 1)
    return {
        "id": row.id,
        "title": row.title,
        "unit": row.unit,
        "latest": rounded(snapshot.value(subject, row.id)),
        "data": [
            {"timestamp": utc(begin + snapshot.interval * number), "value": rounded(value)}
            for number, value in enumerate(values)
        ],
    }

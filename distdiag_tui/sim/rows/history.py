"""Events that the cluster wrote down, and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from distdiag_tui.sim.rows.ask import Ask, Rows, table
from distdiag_tui.sim.world import Happening

_MOST_FACTS: Final = 6

# Name, type, value, edit level, section. `tenant` ones have a row for each tenant.
_CLUSTER: Final = (
    ("cluster", "STRING", "{cluster}", "DYNAMIC_EFFECTIVE", "OBSERVER"),
    ("zone", "STRING", "{zone}", "DYNAMIC_EFFECTIVE", "OBSERVER"),
    ("mysql_port", "INT", "{port}", "DYNAMIC_EFFECTIVE", "OBSERVER"),
    ("memory_limit", "CAPACITY", "64G", "DYNAMIC_EFFECTIVE", "OBSERVER"),
    ("cpu_count", "INT", "16", "DYNAMIC_EFFECTIVE", "OBSERVER"),
    ("data_disk_usage_limit_percentage", "INT", "90", "DYNAMIC_EFFECTIVE", "OBSERVER"),
    ("server_permanent_offline_time", "TIME", "3600s", "DYNAMIC_EFFECTIVE", "ROOT_SERVICE"),
    ("lease_time", "TIME", "10s", "DYNAMIC_EFFECTIVE", "ROOT_SERVICE"),
    ("enable_sql_audit", "BOOL", "True", "DYNAMIC_EFFECTIVE", "OBSERVER"),
    ("syslog_level", "STRING", "WDIAG", "DYNAMIC_EFFECTIVE", "OBSERVER"),
)
_TENANT: Final = (
    ("freeze_trigger_percentage", "INT", "20", "DYNAMIC_EFFECTIVE", "TENANT"),
    ("writing_throttling_trigger_percentage", "INT", "60", "DYNAMIC_EFFECTIVE", "TRANS"),
    ("memstore_limit_percentage", "INT", "50", "DYNAMIC_EFFECTIVE", "TENANT"),
    ("log_disk_utilization_limit_threshold", "INT", "95", "DYNAMIC_EFFECTIVE", "LOGSERVICE"),
    ("ob_compaction_schedule_interval", "TIME", "120s", "DYNAMIC_EFFECTIVE", "TENANT"),
    ("cpu_quota_concurrency", "DOUBLE", "4", "DYNAMIC_EFFECTIVE", "TENANT"),
)


def _facts(happening: Happening) -> dict[str, Any]:
    pairs = (*happening.facts, *[("", "")] * _MOST_FACTS)[:_MOST_FACTS]
    named = {f"NAME{number}": name for number, (name, _) in enumerate(pairs, 1)}
    return named | {f"VALUE{number}": value for number, (_, value) in enumerate(pairs, 1)}


def _by_servers(ask: Ask) -> Iterator[dict[str, Any]]:
    for each in ask.world.history:
        if each.server is not None:
            yield {
                "TIMESTAMP": each.time, "SVR_IP": each.server.ip, "SVR_PORT": each.server.rpc_port,
                "MODULE": each.module, "EVENT": each.event, "EXTRA_INFO": "",
            } | _facts(each)  # fmt: skip


def _by_root(ask: Ask) -> Iterator[dict[str, Any]]:
    root = ask.world.root or ask.server
    for each in ask.world.history:
        if each.server is None:
            yield {
                "TIMESTAMP": each.time, "MODULE": each.module, "EVENT": each.event, "EXTRA_INFO": "",
                "RS_SVR_IP": root.ip, "RS_SVR_PORT": root.rpc_port,
            } | _facts(each)  # fmt: skip


def _parameters(ask: Ask) -> Rows:
    """Of every server: those of the cluster, and those of each tenant that may be seen."""
    servers = ask.servers
    tenants = [each.id for each in ask.tenants if each.kind != "META"]
    listed = [(row, None) for row in _CLUSTER] if ask.tenant.kind == "SYS" else []
    rows = [*listed, *((row, tenant) for row in _TENANT for tenant in tenants)]
    names = ask.wanted.get("NAME")
    rows = [row for row in rows if names is None or row[0][0] in names]
    own = {
        each.index: {"cluster": ask.world.shape.cluster, "zone": each.zone, "port": each.sql_port}
        for each in servers
    }
    where = np.repeat(np.array([each.index for each in servers], np.int64), len(rows))

    def tiled(values: list[Any]) -> Callable[[], Any]:
        return lambda: np.tile(np.array(values, dtype=object), len(servers))

    return ask.addresses(where) | {
        "ZONE": lambda: ask.arrays.zones[where],
        "SCOPE": tiled(["CLUSTER" if tenant is None else "TENANT" for _, tenant in rows]),
        "TENANT_ID": [tenant for _ in servers for _, tenant in rows],
        "NAME": tiled([row[0] for row, _ in rows]), "DATA_TYPE": tiled([row[1] for row, _ in rows]),
        "VALUE": lambda: [row[2].format(**own[each.index]) for each in servers for row, _ in rows],
        "INFO": tiled([row[0].replace("_", " ") for row, _ in rows]),
        "SECTION": tiled([row[4] for row, _ in rows]), "EDIT_LEVEL": tiled([row[3] for row, _ in rows]),
        "DEFAULT_VALUE": tiled([row[2] if "{" not in row[2] else "" for row, _ in rows]),
        "ISDEFAULT": tiled(["NO" if "{" in row[2] else "YES" for row, _ in rows]),
    }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "DBA_OB_SERVER_EVENT_HISTORY": lambda ask: table(_by_servers(ask)),
    "DBA_OB_ROOTSERVICE_EVENT_HISTORY": lambda ask: table(_by_root(ask)),
    "GV$OB_PARAMETERS": _parameters,
}

"""Whose series hold a server's past: our own, or those of OceanBase's exporter (obagent, OCP)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from distdiag_tui.model.metrics import COLUMN_INDEX, Column
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.topology import Server
from distdiag_tui.prometheus.families import label
from distdiag_tui.prometheus.names import BY_NAME, PREFIX, SERIES

Read = Callable[[Mapping[str, str]], tuple[str, int, float] | None]
"""From labels to tenant, index of the raw column, and what a value is to be divided by."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`select` is the selector of all series of one server."""

    select: str
    read: Read
    known: frozenset[str]
    """Labels that belong to a figure; all others tell who took it."""


def selector(names: str, labels: Mapping[str, str], more: Sequence[str] = ()) -> str:
    """A PromQL selector: names by regular expression, labels by value."""
    parts = [f"__name__=~{_quoted(names)}", *(f"{name}={_quoted(text)}" for name, text in labels.items())]
    return f"{{{','.join((*parts, *more))}}}"


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """A PromQL selector of one name."""
    return f"{name}{{{','.join(f'{label}={_quoted(text)}' for label, text in labels.items())}}}"


def _quoted(text: str) -> str:
    """As PromQL writes strings: Go's escapes, of which JSON's are a part."""
    return json.dumps(text, ensure_ascii=False)


def own(server: Server, cluster: str, prometheus: PrometheusServer) -> Dialect:
    """Series that distdiag has written or was scraped for."""
    labels = {**prometheus.labels, "cluster": label(cluster), "server": label(server.name)}
    derived = '__name__!~".+_(ratio|mean_seconds|per_second)"'
    known = frozenset({"__name__", "tenant", "zone", *labels})
    return Dialect(selector(f"{PREFIX}.+", labels, (derived,)), _read_own, known)


def _read_own(labels: Mapping[str, str]) -> tuple[str, int, float] | None:
    index = BY_NAME.get(labels.get("__name__", ""))
    return None if index is None else (labels.get("tenant", ""), index, SERIES[index].scale)


_EXPORTER: Final[dict[str, Column]] = {
    "ob_active_session_num": "session.active",
    "ob_all_session_num": "session.all",
    "ob_plan_cache_hit_total": "plan.hits",
    "ob_plan_cache_access_total": "plan.accesses",
    "ob_plan_cache_memory_bytes": "plan.memory",
}
STATISTICS: Final = "ob_sysstat"


def obagent(server: Server, peers: Sequence[Server], prometheus: PrometheusServer) -> Dialect | None:
    """Series of OceanBase's own exporter, which names a server by its address alone.

    None where several servers share it: nobody could say whose they are.
    """
    host = host_of(server)
    if sum(host_of(peer) == host for peer in peers) > 1:
        return None
    labels = {"svr_ip": host, **prometheus.obagent}
    known = frozenset({"__name__", "tenant_name", "stat_id", "obzone", *labels})
    return Dialect(selector("|".join((STATISTICS, *_EXPORTER)), labels), _read_obagent, known)


def _read_obagent(labels: Mapping[str, str]) -> tuple[str, int, float] | None:
    name, statistic = labels.get("__name__", ""), labels.get("stat_id", "")
    is_number = name == STATISTICS and statistic.isascii() and statistic.isdigit()
    column = int(statistic) if is_number else _EXPORTER.get(name, "")
    index = COLUMN_INDEX.get(column)
    return None if index is None else (labels.get("tenant_name", ""), index, 1.0)


def exporter_name(column: Column) -> tuple[str, dict[str, str]] | None:
    """Name and labels of a raw column there; None where that exporter has no such thing."""
    if isinstance(column, int):
        return STATISTICS, {"stat_id": str(column)}
    name = next((name for name, known in _EXPORTER.items() if known == column), None)
    return None if name is None else (name, {})


def host_of(server: Server) -> str:
    """Its address without the port."""
    return server.address.rpartition(":")[0].strip("[]")

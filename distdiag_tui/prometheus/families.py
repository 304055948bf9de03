"""A snapshot as families of series, the same for those who scrape and for those who are written to.

What adds up is told in parts: a family of raw columns has a series for each tenant on each server, and one
without a tenant for what belongs to the server itself, so that a sum counts nothing twice. A tenant without a
name goes by its id: added up with others it would be missing from their total once it gets one, or is gone.
Means, shares and the like do not add up: those have a series for each tenant with a name, and one without a
tenant for the whole server.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats, add_rows
from distdiag_tui.model.metrics import CATALOGUE, COLUMN_INDEX, COLUMNS, Kind, Metric
from distdiag_tui.model.snapshot import Snapshot, Totals
from distdiag_tui.model.text import plain
from distdiag_tui.model.topology import Server, Status, Subject
from distdiag_tui.prometheus.names import BY_COLUMN, PREFIX, SERIES, UNNAMED

LABELS: Final = ("cluster", "zone", "server", "tenant")
LONGEST_NAME: Final = 64  # characters of a label's value
OWN: Final = "distdiag_"
_SERVER_WIDE: Final = 0  # tenant id of figures that belong to the server as a whole

Row = tuple[tuple[str, ...], float]  # label values, value


@dataclass(frozen=True, slots=True)
class Limits:
    """How many servers have series, and tenants of each, with and without a name; the rest is counted."""

    servers: int = 300
    tenants: int = 20


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Family:
    """Series of one name. Counters' names end in `_total`."""

    name: str
    counter: bool
    about: str
    labels: tuple[str, ...]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Rows of raw columns (R, C), with cluster, zone, server and tenant of each."""

    labels: list[tuple[str, ...]]
    columns: Floats


def families(snapshot: Snapshot, limits: Limits = LIMITS, *, fresh: bool = False) -> list[Family]:
    """All series of a snapshot; with `fresh` only figures of servers that it has a new sample of."""
    servers = snapshot.servers[: limits.servers]
    told = [server for server in servers if _has_figures(snapshot, server, fresh=fresh)]
    parts = _parts(snapshot, told, limits)
    found = [*_raw(parts), *_sums(parts), *_derived(snapshot, told, limits), *_of_servers(snapshot, servers)]
    found += _of_diagnosis(snapshot, {server.name for server in servers})
    found += [*_of_ourselves(snapshot), _left_out(snapshot, servers, limits)]
    return [family for family in found if family.rows]


def _has_figures(snapshot: Snapshot, server: Server, *, fresh: bool) -> bool:
    if fresh:
        return Subject(server.zone, server.name) in snapshot.values
    return server.status.answers


def label(text: str) -> str:
    """A name as the value of a label."""
    return plain(text, LONGEST_NAME)


def _told(snapshot: Snapshot, server: Server) -> list[Totals]:
    """What it counts, and what its machine does."""
    return [kind[server.name] for kind in (snapshot.totals, snapshot.hosts) if server.name in kind]


def _tenants(snapshot: Snapshot, server: Server) -> tuple[dict[int, str], dict[int, str]]:
    """What tenants are called in labels, by id: those with a name, and those without."""
    named = {tenant.id: label(tenant.name) for tenant in server.tenants if tenant.name}
    ids = {tenant for told in _told(snapshot, server) for tenant in told.tenants}
    return named, {each: f"{UNNAMED}{each}" for each in sorted(ids - named.keys() - {_SERVER_WIDE})}


def _parts(snapshot: Snapshot, servers: Sequence[Server], limits: Limits) -> _Parts:
    labels: list[tuple[str, ...]] = []
    rows: list[Floats] = []
    for server in servers:
        names = {_SERVER_WIDE: ""}
        for some in _tenants(snapshot, server):
            names.update(islice(some.items(), limits.tenants))
        of_tenants: dict[str, list[Floats]] = {}
        for told in _told(snapshot, server):
            for tenant, row in zip(told.tenants, told.columns, strict=True):
                if tenant in names:
                    of_tenants.setdefault(names[tenant], []).append(row)
        for tenant_name, several in of_tenants.items():
            labels.append((label(snapshot.cluster), label(server.zone), label(server.name), tenant_name))
            rows.append(add_rows(np.stack(several)))
    return _Parts(labels, np.stack(rows) if rows else np.empty((0, len(COLUMNS))))


def _rows(parts: _Parts, values: Floats) -> list[Row]:
    return [
        (labels, value)
        for labels, value in zip(parts.labels, values.tolist(), strict=True)
        if not math.isnan(value)
    ]


def _raw(parts: _Parts) -> Iterator[Family]:
    for index, series in enumerate(SERIES):
        rows = _rows(parts, parts.columns[:, index] * series.scale)
        yield Family(series.name, series.counter, series.about, LABELS, rows)


def sum_name(metric: Metric) -> str | None:
    """The counter of a metric that is the rate of several raw columns together; None for all others."""
    if metric.under or len(metric.over) < 2:
        return None
    stem = {"qps": "statements", "tps": "transactions"}.get(metric.id, metric.id.removesuffix("_rate"))
    unit = "_seconds" if metric.unit == "s/s" else ""
    return f"{PREFIX}{stem.removesuffix('_time')}{unit}_total"


def _sums(parts: _Parts) -> Iterator[Family]:
    for metric in CATALOGUE:
        if name := sum_name(metric):
            columns = [COLUMN_INDEX[column] for column in metric.over]
            scale = BY_COLUMN[metric.over[0]].scale if metric.unit == "s/s" else 1.0
            about = f"Of {metric.title}: {metric.about.removesuffix('.').replace(' a second', '')}, in all."
            yield Family(
                name, True, about, LABELS, _rows(parts, parts.columns[:, columns].sum(axis=1) * scale)
            )


def derived_name(metric: Metric) -> str | None:
    """The gauge of a metric with a denominator; None for all others."""
    if not metric.under:
        return None
    if metric.unit == "%":
        return f"{PREFIX}{metric.id.removesuffix('_percent')}_ratio"
    if metric.unit == "s":
        return f"{PREFIX}{metric.id.removesuffix('_rt')}_mean_seconds"
    endings = {"/s": "_per_second", "B/s": "_per_second", "B": "_bytes"}
    return f"{PREFIX}{metric.id}{endings.get(metric.unit, '')}"


def _derived(snapshot: Snapshot, servers: Sequence[Server], limits: Limits) -> Iterator[Family]:
    subjects = []
    for server in servers:
        for tenant in ("", *dict.fromkeys(tenant.name for tenant in server.tenants[: limits.tenants])):
            values = snapshot.values.get(Subject(server.zone, server.name, tenant))
            if values is not None:
                whole = (label(snapshot.cluster), label(server.zone), label(server.name), label(tenant))
                subjects.append((whole, values))
    for index, metric in enumerate(CATALOGUE):
        if name := derived_name(metric):
            scale = 0.01 if metric.unit == "%" else 1.0
            rows = {labels: float(values[index]) * scale for labels, values in subjects}
            when = "over the last tick" if metric.kind is Kind.RATIO else "now"
            about = f"{metric.about.removesuffix('.')} ({when}; without tenant: the whole server)."
            yield Family(name, False, about, LABELS, [row for row in rows.items() if not math.isnan(row[1])])


def _of_servers(snapshot: Snapshot, servers: Sequence[Server]) -> Iterator[Family]:
    labels = LABELS[:3]
    keys = [(label(snapshot.cluster), label(server.zone), label(server.name)) for server in servers]
    states = [
        ((*key, status.value), float(server.status is status))
        for key, server in zip(keys, servers, strict=True)
        for status in Status
    ]
    yield Family(
        f"{OWN}server_up", False, "Whether the server answers.", labels,
        [(key, float(server.status.answers)) for key, server in zip(keys, servers, strict=True)],
    )  # fmt: skip
    yield Family(f"{OWN}server_status", False, "1 for how the server answers.", (*labels, "status"), states)
    for name, about, values in (
        ("uptime_seconds", "Time since the server began to serve.", [s.uptime for s in servers]),
        ("answer_seconds", "What the last sample of the server took.", [s.latency for s in servers]),
        ("sample_age_seconds", "Time since the last sample of the server.", [s.age for s in servers]),
    ):
        known = [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
        yield Family(f"{OWN}server_{name}", False, about, labels, known)


def _of_diagnosis(snapshot: Snapshot, servers: set[str]) -> Iterator[Family]:
    found = snapshot.diagnosis
    if found is None:
        return
    cluster = label(snapshot.cluster)
    findings = [finding for finding in found.findings if finding.server in servers]
    keys = [(cluster, label(each.zone), label(each.server), label(each.cause)) for each in findings]
    labels = (*LABELS[:3], "cause")
    yield Family(
        f"{OWN}finding", False,
        "What diagnosis found: its confidence (0 to 1; without a trained model it only orders).", labels,
        [(key, each.confidence) for key, each in zip(keys, findings, strict=True)],
    )  # fmt: skip
    yield Family(
        f"{OWN}finding_onset_timestamp_seconds", False, "When what was found began.", labels,
        [(k, e.since) for k, e in zip(keys, findings, strict=True) if math.isfinite(e.since)],
    )  # fmt: skip
    zones = {server.name: server.zone for server in snapshot.servers}
    yield Family(
        f"{OWN}server_score", False, "How unusual the server is; 1 is the alarm threshold.", LABELS[:3],
        [
            ((cluster, label(zones[name]), label(name)), score)
            for name, score in found.scores.items()
            if name in servers and math.isfinite(score)
        ],
    )  # fmt: skip
    about = 'What names causes: a trained model, or "rules".'
    judge = label(found.model) or "rules"
    yield Family(f"{OWN}judge_info", False, about, ("cluster", "model"), [((cluster, judge), 1.0)])
    about = "How much of what diagnosis compares with is known."
    yield Family(f"{OWN}diagnosis_warm_ratio", False, about, ("cluster",), [((cluster,), found.warm)])


def _of_ourselves(snapshot: Snapshot) -> Iterator[Family]:
    cluster, health = (label(snapshot.cluster),), snapshot.health
    for name, counter, about, value in (
        ("tick_duration_seconds", False, "Time from the last tick to its figures.", health.tick_latency),
        ("tick_interval_seconds", False, "Time from tick to tick.", snapshot.interval),
        ("tick_age_seconds", False, "Time since the last tick.", max(0.0, time.time() - snapshot.time)),
        ("samples_total", True, "Samples taken.", float(health.samples)),
        ("samples_missed_total", True, "Samples that did not come in their tick.", float(health.dropped)),
    ):
        yield Family(f"{OWN}{name}", counter, about, ("cluster",), [(cluster, value)])


def _left_out(snapshot: Snapshot, servers: Sequence[Server], limits: Limits) -> Family:
    cluster = label(snapshot.cluster)
    tenants = sum(
        max(0, len(some) - limits.tenants) for server in servers for some in _tenants(snapshot, server)
    )
    rows = [
        ((cluster, "server"), float(len(snapshot.servers) - len(servers))),
        ((cluster, "tenant"), float(tenants)),
    ]
    about = "Servers, and tenants on servers, without series of their own: there are too many."
    return Family(f"{OWN}left_out", False, about, ("cluster", "what"), rows)

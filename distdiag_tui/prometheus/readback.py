"""Samples read back become raw columns by tick, by the same arithmetic as live ones.

Shapes: T samples, R tenants, C raw columns, N ticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats, add_rows, evaluate, per_second
from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.model.snapshot import Values
from distdiag_tui.model.topology import Server, Subject
from distdiag_tui.prometheus.dialects import Dialect
from distdiag_tui.prometheus.names import UNNAMED
from distdiag_tui.prometheus.reader import Found

LONGEST_STEP: Final = 3.5  # ticks between samples that are still one after the other
SLACK: Final = 2.5  # the same where samples are further apart than ticks: of their usual distance
SPARSEST: Final = 120.0  # s between samples, above which they say nothing of ticks


@dataclass(frozen=True, slots=True)
class Ticks:
    """Ticks `first` to `last`, without that, of an interval (s)."""

    first: int
    last: int
    interval: float

    def __len__(self) -> int:
        return max(0, self.last - self.first)


def columns_by_tick(found: Found, dialect: Dialect, ticks: Ticks) -> dict[str, Floats]:
    """Raw columns per second (N, C) by tenant, "" for the server itself; empty where nothing was found."""
    rows = _best_witness(found, dialect)
    if not rows:
        return {}
    moments = np.unique(np.concatenate([times for times, _ in rows.values()]))
    tenants = list(dict.fromkeys(tenant for tenant, _ in rows))
    columns = np.full((len(moments), len(tenants), len(COLUMNS)), np.nan)
    for (tenant, column), (times, values) in rows.items():
        columns[np.searchsorted(moments, times), tenants.index(tenant), column] = values
    by_tick = _spread(moments, columns, ticks)
    return {tenant: by_tick[:, row] for row, tenant in enumerate(tenants)}


Samples = tuple[NDArray[np.float64], NDArray[np.float64]]  # times (s), values


def _best_witness(found: Found, dialect: Dialect) -> dict[tuple[str, int], Samples]:
    """Series by tenant and column, of the one who took the most samples: two consoles, or one and a scrape,
    tell of the same server, and their totals must not be mixed."""
    witnesses: dict[tuple[tuple[str, str], ...], dict[tuple[str, int], Samples]] = {}
    for row in found:
        labels: dict[str, str] = row["metric"]
        meant = dialect.read(labels)
        if meant is not None and row["values"]:
            who = tuple(sorted((n, v) for n, v in labels.items() if n not in dialect.known))
            tenant, column, scale = meant
            times, values = _numbers(row["values"])
            witnesses.setdefault(who, {})[tenant, column] = times, values / scale
    return max(witnesses.values(), key=lambda rows: sum(len(t) for t, _ in rows.values()), default={})


def _numbers(values: list[Any]) -> Samples:
    try:
        table = np.array(values, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise PrometheusError("Prometheus answers what makes no sense") from None
    if not np.isfinite(table[:, 0]).all():
        raise PrometheusError("Prometheus answers what makes no sense")
    return table[:, 0], table[:, 1]


def _spread(moments: NDArray[np.float64], columns: Floats, ticks: Ticks) -> Floats:
    """Columns per second of each tick (N, R, C): those of the first sample that is not before it."""
    steps = np.diff(moments)
    usual = float(np.median(steps)) if len(steps) else 0.0
    longest = max(LONGEST_STEP * max(ticks.interval, 1.0), SLACK * usual if usual <= SPARSEST else 0.0)
    rates = np.full_like(columns, np.nan)
    rates[0] = per_second(columns[0], columns[0], 0.0)
    for at in range(1, len(moments)):
        seconds = float(steps[at - 1])
        rates[at] = per_second(columns[at - 1], columns[at], seconds if seconds <= longest else 0.0)
    at_tick = np.rint(moments / ticks.interval).astype(np.int64)
    wanted = np.arange(ticks.first, ticks.last)
    place = np.minimum(np.searchsorted(at_tick, wanted), len(moments) - 1)
    joined = np.concatenate([[False], steps <= longest])[place]
    before = at_tick[np.maximum(place - 1, 0)]
    there = (at_tick[place] == wanted) | (joined & (before < wanted) & (wanted < at_tick[place]))
    out = rates[place]
    out[~there] = np.nan
    return out


@dataclass(slots=True)
class Gathering:
    """Adds up what servers were like, tick by tick, to what zones, tenants and the cluster were like."""

    _wider: dict[Subject, Floats] = field(default_factory=dict)

    def add(self, server: Server, by_tenant: Mapping[str, Floats]) -> dict[Subject, Values]:
        """Metrics (M, N) of a server and its tenants."""
        if not by_tenant:
            return {}
        whole = add_rows(np.stack(list(by_tenant.values())))
        self._count(Subject(), whole)
        self._count(Subject(server.zone), whole)
        found = {Subject(server.zone, server.name): _metrics(whole)}
        for tenant, columns in by_tenant.items():
            if tenant and not tenant.startswith(UNNAMED):
                self._count(Subject(tenant=tenant), columns)
                found[Subject(server.zone, server.name, tenant)] = _metrics(columns)
        return found

    def _count(self, wider: Subject, columns: Floats) -> None:
        known = self._wider.get(wider)
        self._wider[wider] = columns if known is None else add_rows(np.stack([known, columns]))

    def wider(self) -> dict[Subject, Values]:
        """Metrics of the cluster, of its zones and its tenants."""
        return {subject: _metrics(columns) for subject, columns in self._wider.items()}


def _metrics(columns: Floats) -> Values:
    return np.ascontiguousarray(evaluate(columns).astype(np.float32).T)

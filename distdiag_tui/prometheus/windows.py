"""Hours and days of one metric, at a step that fits: reckoned by Prometheus, by the metric's own formula."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.metrics import LEVELS, Column, Metric
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.topology import Server, Subject
from distdiag_tui.prometheus.dialects import exporter_name, host_of, labelled
from distdiag_tui.prometheus.families import label
from distdiag_tui.prometheus.names import BY_COLUMN
from distdiag_tui.prometheus.reader import Found, Reader

SHORTEST_STEP: Final = 15.0  # s
SHORTEST_RATE: Final = 120.0  # s that a rate is taken over, for those who scrape once a minute


@dataclass(frozen=True, slots=True)
class Window:
    """Values by server (N), in the metric's unit: from `begin` (epoch s) on, a `step` (s) apart.

    NaN is a gap.
    """

    begin: float
    step: float
    values: Mapping[str, Floats]

    @property
    def seconds(self) -> float:
        """What it covers."""
        longest = max((len(values) for values in self.values.values()), default=1)
        return self.step * (longest - 1)

    def at(self, server: str, places: Floats) -> Floats:
        """Its values nearest to places between 0 (`begin`) and 1; NaN for one without."""
        known = self.values.get(server)
        if known is None:
            return np.full(len(places), np.nan)
        return known[np.rint(places * (len(known) - 1)).astype(np.intp)]


class Windows:
    """Asks for windows of a cluster."""

    def __init__(self, reader: Reader, prometheus: PrometheusServer, cluster: str) -> None:
        self._reader = reader
        self._prometheus = prometheus
        self._cluster = cluster

    async def window(
        self,
        metric: Metric,
        subject: Subject,
        servers: Sequence[Server],
        end: float,
        seconds: float,
        points: int,
    ) -> Window:
        """Each server of a subject by itself, or a tenant on it, up to `end` (epoch s).

        PrometheusError without an answer.
        """
        step = max(SHORTEST_STEP, math.ceil(seconds / max(2, points)))
        count = round(seconds / step) + 1
        begin = float(round(end - step * (count - 1)))
        ours = self._ours(metric, subject, max(step, SHORTEST_RATE))
        found = await self._reader.steps(ours, begin, begin + step * (count - 1), step)
        names = {label(server.name): server.name for server in servers}
        by_label = _by(found, "server", begin, step, count)
        values = {names.get(text, text): line for text, line in by_label.items()}
        if not values and (theirs := self._theirs(metric, subject, servers, max(step, SHORTEST_RATE))):
            found = await self._reader.steps(theirs, begin, begin + step * (count - 1), step)
            by_host = _by(found, "svr_ip", begin, step, count)
            values = {s.name: by_host[host_of(s)] for s in servers if host_of(s) in by_host}
        return Window(begin, step, values)

    def _ours(self, metric: Metric, subject: Subject, over: float) -> str:
        wanted = {"cluster": self._cluster, "zone": subject.zone, "server": subject.server}
        wanted |= {"tenant": subject.tenant}
        labels = {**self._prometheus.labels, **{name: label(text) for name, text in wanted.items() if text}}

        def term(column: Column) -> str:
            series = BY_COLUMN[column]
            taken = _taken(column, labelled(series.name, labels), over)
            whole = f"sum by (server) (max by (zone, server, tenant) ({taken}))"  # two may have taken it
            return whole if series.scale == 1 else f"{1 / series.scale:g} * {whole}"

        return _formula(metric, [term(c) for c in metric.over], [term(c) for c in metric.under])

    def _theirs(self, metric: Metric, subject: Subject, servers: Sequence[Server], over: float) -> str | None:
        """The same by OceanBase's exporter; None where it does not have all that is needed."""
        hosts = [host_of(server) for server in servers if subject.server in ("", server.name)]
        every = [host_of(server) for server in servers]
        columns = (*metric.over, *metric.under)
        if not hosts or any(every.count(host) > 1 for host in hosts):
            return None
        if any(exporter_name(column) is None for column in columns):
            return None

        def term(column: Column) -> str:
            name, more = exporter_name(column) or ("", {})
            wanted = {**self._prometheus.obagent, **more}
            if subject.server:
                wanted["svr_ip"] = hosts[0]
            if subject.tenant:
                wanted["tenant_name"] = subject.tenant
            taken = _taken(column, labelled(name, wanted), over)
            return f"sum by (svr_ip) (max by (svr_ip, tenant_name) ({taken}))"

        return _formula(metric, [term(c) for c in metric.over], [term(c) for c in metric.under])


def _taken(column: Column, series: str, over: float) -> str:
    how = "avg_over_time" if column in LEVELS else "rate"
    return f"{how}({series}[{over:g}s])"


def _formula(metric: Metric, over: Sequence[str], under: Sequence[str]) -> str:
    """As `evaluate` has it: where the denominator does not move there is no ratio."""
    above, below = f"{metric.scale:g} * ({' + '.join(over)})", f"({' + '.join(under)})"
    if metric.least:
        below = f"clamp_min({below} > 0, {metric.least:g})"
    return f"{above} / {below}" if under else above


def _by(found: Found, key: str, begin: float, step: float, count: int) -> dict[str, Floats]:
    """Values on the grid of steps, by the label `key`."""
    values: dict[str, Floats] = {}
    try:
        for row in found:
            table = np.array(row["values"], dtype=np.float64).reshape(-1, 2)
            places = np.rint((table[:, 0] - begin) / step).astype(np.int64)
            there = (places >= 0) & (places < count)
            line = np.full(count, np.nan)
            line[places[there]] = np.where(np.isfinite(table[there, 1]), table[there, 1], np.nan)
            values[str(row["metric"].get(key, ""))] = line
    except (TypeError, ValueError):
        raise PrometheusError("Prometheus answers what makes no sense") from None
    return values

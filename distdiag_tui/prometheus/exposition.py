"""What a scrape gets: Prometheus' text format, or OpenMetrics for those who ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as ExposedFamily
from prometheus_client.registry import Collector

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.prometheus.families import LIMITS, Family, Limits, families
from distdiag_tui.prometheus.status import WriteStatus, status_families


class _Collected(Collector):
    """Families that are there already."""

    def __init__(self, found: Iterable[Family]) -> None:
        self._found = found

    def collect(self) -> Iterator[ExposedFamily]:
        for family in self._found:
            kind = CounterMetricFamily if family.counter else GaugeMetricFamily
            exposed = kind(family.name, family.about, labels=family.labels)
            for labels, value in family.rows:
                exposed.add_metric(labels, value)
            yield exposed


def exposition(
    snapshot: Snapshot | None,
    accept: str = "",
    *,
    writing: WriteStatus | None = None,
    limits: Limits = LIMITS,
) -> tuple[bytes, str]:
    """Body and content type for an Accept header. Takes its time with many servers: call it in a thread."""
    found = [] if snapshot is None else families(snapshot, limits)
    if writing is not None:
        found += status_families(writing)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(found))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type

"""What the core hands to every face, once a tick: immutable, self-contained, versioned as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.findings import Diagnosis, finding_document
from distdiag_tui.model.metrics import METRIC_IDS, METRIC_INDEX
from distdiag_tui.model.topology import Event, Layout, Server, Subject

WATCH_SCHEMA: Final = "distdiag.watch/1"

Values = NDArray[np.float32]


class History(Protocol):
    """The past of every subject and metric, as the store keeps it."""

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """The last `count` ticks up to `end` (newest if None): shape (M, n), oldest first, n <= count."""
        ...


class Totals(Protocol):
    """A server's newest sample as it was read: `columns` has a row for each of `tenants`, C wide.

    NaN is missing. Tenant 0 is the server as a whole. `at` is the moment of reading (s, monotonic).
    """

    @property
    def tenants(self) -> tuple[int, ...]: ...

    @property
    def columns(self) -> NDArray[np.float64]: ...

    @property
    def at(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Health:
    """How the console itself is doing. Times in seconds; counts since start."""

    tick_latency: float = 0.0
    samples: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One tick. `tick` counts intervals since the epoch, so that columns of plots have fixed times.

    `values` maps each subject to its M metric values (NaN: missing). `events` are those of the last hour,
    oldest first, as many as fit. `totals` and `hosts` are by server name: what `values` are made of, for
    those who reckon rates themselves; they stay while a server does not answer.
    """

    tick: int
    time: float
    interval: float
    cluster: str
    servers: tuple[Server, ...]
    values: Mapping[Subject, Values]
    history: History
    health: Health = Health()
    production: bool = False
    diagnosis: Diagnosis | None = None  # while nobody diagnoses
    layout: Layout | None = None  # while the cluster has not told, or has none
    events: tuple[Event, ...] = ()
    totals: Mapping[str, Totals] = field(default_factory=dict)
    hosts: Mapping[str, Totals] = field(default_factory=dict)

    @property
    def zones(self) -> Mapping[str, Sequence[Server]]:
        """Servers by zone, in the order in which they were configured."""
        zones: dict[str, list[Server]] = {}
        for server in self.servers:
            zones.setdefault(server.zone, []).append(server)
        return zones

    def value(self, subject: Subject, metric: str) -> float:
        """One figure, NaN when missing."""
        values = self.values.get(subject)
        return float("nan") if values is None else float(values[METRIC_INDEX[metric]])


def watch_document(snapshot: Snapshot) -> dict[str, Any]:
    """The document of `distdiag watch --json`: schema distdiag.watch/1.

    `time` is UTC in ISO 8601; a metric that is missing is null; units are the catalogue's.
    """
    return {
        "schema": WATCH_SCHEMA,
        "time": datetime.fromtimestamp(snapshot.time, UTC).isoformat(timespec="milliseconds"),
        "cluster": snapshot.cluster,
        "servers": [_server_document(snapshot, server) for server in snapshot.servers],
        "findings": [finding_document(each) for each in (snapshot.diagnosis or Diagnosis(0.0)).findings],
    }


def _server_document(snapshot: Snapshot, server: Server) -> dict[str, Any]:
    values = snapshot.values.get(Subject(server.zone, server.name))
    listed = [float("nan")] * len(METRIC_IDS) if values is None else values.tolist()
    return {
        "name": server.name,
        "address": server.address,
        "zone": server.zone,
        "status": server.status.value,
        "detail": server.detail,
        "metrics": {
            name: None if math.isnan(value) else float(f"{value:.6g}")
            for name, value in zip(METRIC_IDS, listed, strict=True)
        },
    }

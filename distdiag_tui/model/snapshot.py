"""What the core hands to every face, once a tick: immutable, self-contained, versioned as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.findings import Diagnosis, finding_document
from distdiag_tui.model.metrics import METRIC_IDS, METRIC_INDEX
from distdiag_tui.model.text import plain, rounded, utc
from distdiag_tui.model.topology import Event, Host, Layout, Server, Status, Subject

WATCH_SCHEMA: Final = "distdiag.watch/1"
PATIENCE: Final = 3.0
"""s that servers which are still connecting are waited for."""

Values = NDArray[np.float32]


class Table(Mapping[Subject, Values]):
    """Metrics of many subjects as one array, read-only: `rows` (N, M), of which `index` says whose they are.

    As a mapping it has only those subjects of which something came in at this tick (`present`, N). They come
    in the order of the index: the cluster, zones, tenants, servers, tenants on servers. An index is never
    changed, and is the same object from tick to tick while the subjects are the same.
    """

    __slots__ = ("index", "present", "rows")

    def __init__(self, index: Mapping[Subject, int], rows: Values, present: NDArray[np.bool_]) -> None:
        self.index, self.rows, self.present = index, rows, present
        rows.flags.writeable = present.flags.writeable = False

    @classmethod
    def of(cls, values: Mapping[Subject, Values]) -> Table:
        """A copy of any other mapping."""
        rows = np.array(list(values.values()), dtype=np.float32).reshape(-1, len(METRIC_IDS))
        return cls({subject: row for row, subject in enumerate(values)}, rows, np.ones(len(rows), np.bool_))

    def __getitem__(self, subject: Subject) -> Values:
        row = self.index[subject]
        if not self.present[row]:
            raise KeyError(subject)
        found: Values = self.rows[row]
        return found

    def __iter__(self) -> Iterator[Subject]:
        return compress(self.index, self.present.tolist())

    def __len__(self) -> int:
        return int(np.count_nonzero(self.present))


class History(Protocol):
    """The past of every subject and metric, as the store keeps it. Read-only, oldest first, NaN for gaps.

    Both reach up to tick `end` (newest if None); n <= count, less where the past does not reach so far.
    """

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """All metrics of one subject, shape (M, n); n is 0 for an unknown one."""
        ...

    def traces(self, subjects: Sequence[Subject], metric: int, count: int, end: int | None = None) -> Values:
        """One metric (its catalogue index) of many subjects, shape (len(subjects), n)."""
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
    oldest first, as many as fit; `machines` are by server name, and so are `totals` and `hosts`: what
    `values` are made of, for those who reckon rates themselves. They stay while a server does not answer.
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
    machines: Mapping[str, Host] = field(default_factory=dict)
    totals: Mapping[str, Totals] = field(default_factory=dict)
    hosts: Mapping[str, Totals] = field(default_factory=dict)

    @property
    def zones(self) -> Mapping[str, Sequence[Server]]:
        """Servers by zone, in the order in which they were configured."""
        zones: dict[str, list[Server]] = {}
        for server in self.servers:
            zones.setdefault(server.zone, []).append(server)
        return zones

    def complete(self, since: float) -> bool:
        """Whether no server is still connecting that is waited for; who asks began at `since` (epoch s)."""
        connecting = any(server.status is Status.CONNECTING for server in self.servers)
        return not connecting or self.time - since > PATIENCE

    def value(self, subject: Subject, metric: str) -> float:
        """One figure, NaN when missing."""
        values = self.values.get(subject)
        return float("nan") if values is None else float(values[METRIC_INDEX[metric]])


def unanswered(snapshot: Snapshot) -> str:
    """For when no server answers: why, as the first of them has it."""
    first = snapshot.servers[0]
    return f"no server answers; {first.address}: {first.status.value}: {plain(first.detail)}"


def watch_document(snapshot: Snapshot) -> dict[str, Any]:
    """The document of `distdiag watch --json`: schema distdiag.watch/1.

    `time` is UTC in ISO 8601; a metric that is missing is null; units are the catalogue's.
    """
    return {
        "schema": WATCH_SCHEMA,
        "time": utc(snapshot.time),
        "cluster": snapshot.cluster,
        "servers": [_server_document(snapshot, server) for server in snapshot.servers],
        "findings": [finding_document(each) for each in (snapshot.diagnosis or Diagnosis(0.0)).findings],
    }


def _host_document(host: Host | None) -> dict[str, str] | None:
    """Servers whose hosts have one name share a machine; null: nobody can ask it."""
    return None if host is None else {"name": host.name, "way": host.way, "trouble": host.trouble}


def _server_document(snapshot: Snapshot, server: Server) -> dict[str, Any]:
    values = snapshot.values.get(Subject(server.zone, server.name))
    listed = [float("nan")] * len(METRIC_IDS) if values is None else values.tolist()
    return {
        "name": server.name,
        "address": server.address,
        "zone": server.zone,
        "status": server.status.value,
        "detail": server.detail,
        "host": _host_document(snapshot.machines.get(server.name)),
        "metrics": {name: rounded(value) for name, value in zip(METRIC_IDS, listed, strict=True)},
    }

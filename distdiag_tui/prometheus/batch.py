"""Snapshots as the series of one remote-write request."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from distdiag_tui.model.snapshot import Snapshot, Totals
from distdiag_tui.prometheus.families import Family, Limits, families, label
from distdiag_tui.prometheus.names import PREFIX
from distdiag_tui.prometheus.wire import Labels, Point

LIMITS: Final = Limits(servers=1000, tenants=200)  # more than a scrape has: here it is sent piece by piece
MOST_KEYS: Final = 200_000

Series = dict[Labels, list[Point]]


@dataclass(slots=True)
class Batcher:
    """Remembers what was written, for a sample that was not read anew must not be written anew.

    `labels` go on every series. Figures of a server carry the moment at which they were read. What `series`
    made counts as written once it is `settled`.
    """

    labels: Mapping[str, str]
    _written: dict[tuple[str, str], float] = field(default_factory=dict)  # newest `at` by kind and server
    _next: dict[tuple[str, str], float] = field(default_factory=dict)
    _keys: dict[tuple[str, tuple[str, ...]], Labels] = field(default_factory=dict)

    def series(self, ticks: Iterable[tuple[Snapshot, float]]) -> Series:
        """Series of snapshots in time order, each with the epoch time of the zero of its clock (s)."""
        found: Series = {}
        self._next = dict(self._written)
        for snapshot, zero in ticks:
            totals, hosts = (self._new(kind, getattr(snapshot, kind)) for kind in ("totals", "hosts"))
            moments = {label(name): told.at + zero for name, told in (*hosts.items(), *totals.items())}
            self._add(found, replace(snapshot, totals=totals, hosts=hosts), moments)
        return found

    def settled(self) -> None:
        """What `series` made last is there, or given up."""
        self._written = self._next

    def _new(self, kind: str, told: Mapping[str, Totals]) -> dict[str, Totals]:
        new = {name: row for name, row in told.items() if row.at > self._next.get((kind, name), -math.inf)}
        self._next.update({(kind, name): row.at for name, row in new.items()})
        return new

    def _add(self, found: Series, snapshot: Snapshot, moments: Mapping[str, float]) -> None:
        for family in families(snapshot, LIMITS, fresh=True):
            server = family.labels.index("server") if family.name.startswith(PREFIX) else None
            for values, value in family.rows:
                moment = snapshot.time if server is None else moments.get(values[server])
                if moment is not None:
                    found.setdefault(self._key(family, values), []).append((round(moment * 1000), value))

    def _key(self, family: Family, values: tuple[str, ...]) -> Labels:
        """Labels as a request has them: sorted, and none without a value."""
        known = self._keys.get((family.name, values))
        if known is None:
            if len(self._keys) > MOST_KEYS:
                self._keys.clear()
            labels = {**self.labels, **dict(zip(family.labels, values, strict=True)), "__name__": family.name}
            known = tuple(sorted((name, text) for name, text in labels.items() if text))
            self._keys[family.name, values] = known
        return known

"""How the servers of the topology are put in order: by zone, the worst first, or by any metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.metrics import METRIC_IDS, METRIC_INDEX, Bad, metric
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.standing import Standings, worst_key

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot, Values
    from distdiag_tui.model.topology import Server

ZONES: Final = "zone"
WORST: Final = "worst"
HELD: Final = 3  # ticks that figures are shown for after they were measured
STEADY: Final = 5  # ticks that rows keep their places for, so that they can be read


@dataclass(frozen=True, slots=True)
class Order:
    """`by` is `ZONES`, `WORST`, or the id of a metric; `turned` the other way round."""

    by: str = ZONES
    turned: bool = False

    @property
    def metric(self) -> str:
        """The metric it goes by, "" for none."""
        return "" if self.by in (ZONES, WORST) else self.by

    @property
    def falling(self) -> bool:
        """Whether the largest figure comes first: where low is bad, the smallest does."""
        return (metric(self.by).bad is not Bad.LOW) != self.turned

    @property
    def words(self) -> str:
        """For a title, "" while it is the usual one."""
        if self.by == ZONES:
            return ""
        if self.by == WORST:
            return "best first" if self.turned else "worst first"
        return f"{metric(self.by).title} {'↓' if self.falling else '↑'}"

    def other_way(self) -> Order:
        """Turned round."""
        return replace(self, turned=not self.turned)


BY_ZONE: Final = Order()


def matrix_of(snapshot: Snapshot, servers: Sequence[Server]) -> NDArray[np.float32]:
    """All metrics of servers, shape (S, M), NaN where one is missing.

    Of a server that answers, but has not in this tick, those of a moment ago: else a picture flickers.
    """
    values, rows = snapshot.values, []
    for server in servers:
        found = values.get(Subject(server.zone, server.name))
        rows.append(_lately(snapshot, server) if found is None else found)
    return np.stack(rows) if rows else np.empty((0, len(METRIC_IDS)), dtype=np.float32)


def _lately(snapshot: Snapshot, server: Server) -> Values:
    past = snapshot.history.window(Subject(server.zone, server.name), HELD, snapshot.tick)
    known = np.flatnonzero(~np.isnan(past).all(axis=0))
    if not (server.status.answers and known.size):
        return np.full(len(METRIC_IDS), np.nan, dtype=np.float32)
    return past[:, known[-1]]


def figures_of(snapshot: Snapshot, servers: Sequence[Server], name: str) -> list[float]:
    """One metric of each server, NaN where it is missing."""
    figures: list[float] = matrix_of(snapshot, servers)[:, METRIC_INDEX[name]].tolist()
    return figures


class Sorter:
    """Servers in an order, which is made anew every few ticks; what comes and goes counts at once."""

    def __init__(self) -> None:
        self._for: tuple[object, ...] = ()
        self._places: dict[str, int] = {}

    def sort(
        self, snapshot: Snapshot, servers: list[Server], order: Order, standing: Standings
    ) -> list[Server]:
        """All of them; those without a figure last."""
        if order.by == ZONES:
            return servers
        if order.by == WORST:
            scores: Mapping[str, float] = snapshot.diagnosis.scores if snapshot.diagnosis is not None else {}
            return sorted(servers, key=lambda each: worst_key(each, standing, scores), reverse=order.turned)
        state = (order, snapshot.tick // STEADY, len(servers), servers[:1])
        if state != self._for:
            self._for = state
            figures = figures_of(snapshot, servers, order.by)
            sign = -1.0 if order.falling else 1.0
            keys = [math.inf if math.isnan(value) else sign * value for value in figures]
            placed = sorted(range(len(servers)), key=keys.__getitem__)
            self._places = {servers[number].name: place for place, number in enumerate(placed)}
        return sorted(servers, key=lambda each: self._places.get(each.name, len(self._places)))

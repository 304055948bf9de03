"""Servers made of numbers: what each one does, with noise, and as much more or less of it as wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.signs import SIGNS
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.findings import Diagnosis
from distdiag_tui.model.metrics import CATALOGUE as METRICS
from distdiag_tui.model.metrics import METRIC_INDEX, Kind
from distdiag_tui.model.snapshot import Totals, Values
from distdiag_tui.model.topology import Server, Status, Subject

NAMES = ("n1", "n2", "n3")
RATES = [metric.id for metric in METRICS if metric.kind is Kind.RATE]
USUAL = {"%": 20.0, "B": 2e8, "B/s": 2e5, "s": 0.004, "s/s": 0.2, "/s": 100.0, "": 8.0}


class Cluster:
    """Three servers with noise, on whom metrics can be multiplied."""

    def __init__(self, seed: int = 3) -> None:
        self.dice = np.random.default_rng(seed)
        self.diagnoser = Diagnoser()
        self.time = 1000.0
        self.usual: Floats = np.array([USUAL[row.unit] for row in METRICS])
        self.totals: Mapping[str, Totals] = {}
        self.noise: Mapping[str, float] = {}
        self.servers = {
            name: Server(name, f"{name}:1", "z", Status.UP, latency=0.01, age=0.0) for name in NAMES
        }

    def live(self, ticks: int, moved: Mapping[str, Mapping[str, float]] | None = None) -> list[Diagnosis]:
        return [self.tick(moved or {}) for _ in range(ticks)]

    def tick(self, moved: Mapping[str, Mapping[str, float]]) -> Diagnosis:
        self.time += 1
        values: dict[Subject, Values] = {}
        for name, server in self.servers.items():
            row = self.usual * self.dice.lognormal(0, self.noise.get(name, 0.04), len(self.usual))
            for metric, factor in moved.get(name, {}).items():
                if metric in METRIC_INDEX:
                    row[METRIC_INDEX[metric]] *= factor
            if server.status is Status.UP:
                values[Subject("z", name)] = row.astype(np.float32)
        servers = tuple(self.servers.values())
        return self.diagnoser.feed(self.time, 1.0, servers, values, totals=self.totals)

    def silence(self, name: str, status: Status, detail: str, age: float) -> None:
        self.servers[name] = replace(self.servers[name], status=status, detail=detail, age=age)


def signs_of(cause: str, strength: float = 4.0) -> dict[str, float]:
    """Factors that make a server look as the cause does."""
    return {name: strength ** (1 if weight > 0 else -1) for name, weight in SIGNS[cause].items()}

"""What there can be at all at a certain level."""

from __future__ import annotations

import numpy as np

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.levels import possible
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.topology import Server, Status, Subject

SERVERS = tuple(Server(name, f"{name}:2881", "z", Status.UP) for name in ("n1", "n2", "n3"))


def test_what_is_not_measured_speaks_against_nothing() -> None:
    metrics = console_metrics()
    values = np.full((3, len(metrics.names)), np.nan)
    values[:2, metrics.index("memstore_percent")] = 9.0, 21.0
    can = possible(metrics, ("slow_sql", "memstore_full"), values)
    assert can.tolist() == [[True, False], [True, True], [True, True]]


def test_a_memstore_that_fills_is_not_full_before_it_would_be_written_out() -> None:
    """What was loaded is served from now on: the memstore fills from 2 % to 12 %, or to 40 %."""
    assert causes_at(12.0) == set()
    assert causes_at(40.0) == {"memstore_full"}


def causes_at(percent: float) -> set[str]:
    """What is found of n1, whose memstore is at that level after a calm minute."""
    random, diagnoser, found = np.random.default_rng(5), Diagnoser(), set[str]()
    names = ("memstore_percent", "memstore_used", "insert_rt", "update_rt", "insert_rate", "qps", "tps")
    level = dict(zip(names, (2.0, 8e6, 1e-3, 1e-3, 20.0, 300.0, 30.0), strict=True))
    for second in range(90):
        values = {}
        for server in SERVERS:
            share = min(max(second - 65, 0) / 8, 1.0) if server.name == "n1" else 0.0
            grown = 1.0 + (percent / 2.0 - 1.0) * share
            row = np.full(len(METRIC_INDEX), np.nan)
            for name in names:
                times = grown if name.startswith("memstore") else 1.0
                row[METRIC_INDEX[name]] = level[name] * times * random.lognormal(0, 0.03)
            values[Subject("z", server.name)] = row
        told = diagnoser.feed(float(second), 1.0, SERVERS, values)
        found |= {each.cause for each in told.findings if each.server == "n1"}
    return found

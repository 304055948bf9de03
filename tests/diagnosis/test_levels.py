"""What there can be at all at a certain level."""

from __future__ import annotations

import numpy as np
import pytest
from clusters import Cluster

from distdiag_tui.diagnosis.levels import possible
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.model.metrics import METRIC_INDEX


def test_what_is_not_measured_speaks_against_nothing() -> None:
    metrics = console_metrics()
    values = np.full((3, len(metrics.names)), np.nan)
    values[:2, metrics.index("memstore_percent")] = 9.0, 21.0
    can = possible(metrics, ("slow_sql", "memstore_full"), values)
    assert can.tolist() == [[True, False], [True, True], [True, True]]


def test_a_memstore_that_fills_is_not_full_before_it_would_be_written_out() -> None:
    """What was loaded is served from now on: the memstore fills from 2 % to 18 %, or to 40 %."""
    usual = {"memstore_percent": 2.0, "memstore_used": 8e6}
    assert causes_of(usual, {"memstore_percent": 18.0, "memstore_used": 72e6}, seconds=8) == set()
    assert causes_of(usual, {"memstore_percent": 40.0, "memstore_used": 160e6}, seconds=8) == {
        "memstore_full"
    }


@pytest.mark.parametrize(
    ("busy", "log_write", "told"),
    [
        (45.0, 0.006, set()),
        (45.0, 0.012, {"io_saturation"}),
        (80.0, 0.006, {"io_saturation"}),
        (np.nan, 0.006, {"io_saturation"}),  # nobody can ask the machine
    ],
)
def test_a_fast_disk_that_is_slower_for_a_while_is_not_saturated(
    busy: float, log_write: float, told: set[str]
) -> None:
    usual = {"log_write_rt": 0.0008, "io_write_rt": 0.0008, "host_disk_percent": 2.0 if busy > 0 else np.nan}
    now = {"log_write_rt": log_write, "io_write_rt": log_write, "host_disk_percent": busy}
    assert causes_of(usual, now) == told


def causes_of(usual: dict[str, float], now: dict[str, float], seconds: int = 1) -> set[str]:
    """What is found of n1, which is so now after a calm minute, or becomes so within some seconds."""
    cluster, found = Cluster(), set[str]()
    for name, level in usual.items():
        cluster.usual[METRIC_INDEX[name]] = level
    cluster.live(65)
    for second in range(25):
        share = min((second + 1) / seconds, 1.0)
        factors = {name: 1.0 + (level / usual[name] - 1.0) * share for name, level in now.items()}
        told = cluster.tick({"n1": factors})
        found |= {each.cause for each in told.findings if each.server == "n1"}
    return found

"""When a server's trouble is told."""

from __future__ import annotations

import numpy as np
import pytest

from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.naming import Alarm, Namer
from distdiag_tui.diagnosis.rules import Knowledge, Rules


@pytest.mark.parametrize(
    ("causes", "many", "from_tick"),
    [(("odd", "like it"), False, 3), (("odd", "like it"), True, 7), (("odd",), True, 3)],
    ids=["one alone", "among many", "among many, but plain"],
)
def test_of_one_among_many_what_is_not_plain_waits(
    causes: tuple[str, ...], many: bool, from_tick: int
) -> None:
    metrics = console_metrics()
    rules = Rules(metrics, Knowledge({cause: {"logon_rate": 3.0} for cause in causes}))
    effects = np.zeros(len(metrics.names))
    effects[metrics.index("logon_rate")] = 0.6
    namer, scores = Namer(rules), rules.scores(effects)
    told = [tick for tick in range(3, 10) if namer.name(Alarm("n1", effects, scores, tick, 2.0, many))]
    assert told == list(range(from_tick, 10))

"""When a server's trouble is told."""

from __future__ import annotations

import numpy as np
import pytest

from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.naming import Alarm, Among, Namer
from distdiag_tui.diagnosis.rules import Knowledge, Rules


@pytest.mark.parametrize(
    ("causes", "among", "from_tick"),
    [
        (("odd", "like it"), "few", 3),
        (("odd", "like it"), "many", 7),
        (("odd",), "many", 3),
        (("io_saturation", "like it"), "many", 14),
        (("io_saturation",), "many", 3),
        (("io_saturation", "like it"), "few", 3),
        (("odd", "like it"), "none", 8),
        (("io_saturation", "like it"), "none", 10),
        (("odd",), "none", 3),
    ],
)
def test_what_is_not_plain_waits_the_longer_the_more_may_have_it(
    causes: tuple[str, ...], among: Among, from_tick: int
) -> None:
    metrics = console_metrics()
    rules = Rules(metrics, Knowledge({cause: {"logon_rate": 3.0} for cause in causes}))
    effects = np.zeros(len(metrics.names))
    effects[metrics.index("logon_rate")] = 0.4
    namer, scores = Namer(rules), rules.scores(effects)
    told = [tick for tick in range(3, 20) if namer.name(Alarm("n1", effects, scores, tick, 2.0, among))]
    assert told == list(range(from_tick, 20))


def test_what_looks_like_nothing_must_be_far_away_for_more_than_a_moment() -> None:
    metrics = console_metrics()
    namer = Namer(Rules(metrics, Knowledge({"odd": {"logon_rate": 3.0}})))
    effects = np.zeros(len(metrics.names))
    strengths = [1.2] * 12 + [2.1] + [1.2] * 3 + [2.1] * 5
    told = [
        tick
        for tick, strength in enumerate(strengths)
        if namer.name(Alarm("n1", effects, np.zeros(1), tick, strength, "few"))
    ]
    assert told == [18, 19, 20]

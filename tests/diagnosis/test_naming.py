"""When a server's trouble is told."""

from __future__ import annotations

import numpy as np
import pytest

from distdiag_tui.diagnosis.alarms import Alarms
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.naming import Alarm, Among, Namer
from distdiag_tui.diagnosis.reference import Flags
from distdiag_tui.diagnosis.rules import Knowledge, Rules
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.model.arithmetic import Floats


@pytest.mark.parametrize(
    ("causes", "moved", "among", "from_tick"),
    [
        (("odd", "like it"), 0.4, "few", 3),
        (("odd", "like it"), 0.4, "many", 7),
        (("odd",), 0.4, "many", 3),
        (("io_saturation", "like it"), 0.4, "many", 14),
        (("io_saturation", "like it"), 0.6, "many", 9),
        (("io_saturation",), 0.4, "many", 3),
        (("io_saturation", "like it"), 0.4, "few", 3),
        (("odd", "like it"), 0.4, "none", 8),
        (("io_saturation", "like it"), 0.4, "none", 10),
        (("odd",), 0.4, "none", 3),
    ],
)
def test_what_is_not_plain_waits_the_longer_the_more_may_have_it(
    causes: tuple[str, ...], moved: float, among: Among, from_tick: int
) -> None:
    metrics = console_metrics()
    rules = Rules(metrics, Knowledge({cause: {"logon_rate": 3.0} for cause in causes}))
    effects = np.zeros(len(metrics.names))
    effects[metrics.index("logon_rate")] = moved
    namer, scores = Namer(rules), rules.scores(effects)
    told = [tick for tick in range(3, 20) if namer.name(alarm(effects, scores, tick, 2.0, among))]
    assert told == list(range(from_tick, 20))


class Calibrated(Rules):
    """Says how probable it is."""

    calibrated = True

    def confidence(self, scores: Floats) -> Floats:
        return scores


@pytest.mark.parametrize(
    ("sure", "among", "from_tick"), [(0.3, "many", 16), (0.5, "many", 7), (0.3, "few", 5)]
)
def test_what_many_have_and_is_likelier_not_so_waits_until_it_has_lasted(
    sure: float, among: Among, from_tick: int
) -> None:
    metrics = console_metrics()
    namer = Namer(Calibrated(metrics, Knowledge({"odd": {"logon_rate": 3.0}, "other": {"tx_rt": 1.0}})))
    scores, effects = np.array([sure, 0.0]), np.zeros(len(metrics.names))
    told = [tick for tick in range(3, 20) if namer.name(alarm(effects, scores, tick, 2.0, among))]
    assert told == list(range(from_tick, 20))


def test_what_looks_like_nothing_must_be_far_away_for_more_than_a_moment() -> None:
    metrics = console_metrics()
    namer = Namer(Rules(metrics, Knowledge({"odd": {"logon_rate": 3.0}})))
    effects = np.zeros(len(metrics.names))
    alarms, told = Alarms(1, Settings()), []
    for tick, score in enumerate([1.2] * 12 + [2.1] + [1.2] * 3 + [2.1] * 5):
        alarms.go_on(tick, np.array([score]))
        if namer.name(alarm(effects, np.zeros(1), tick, float(alarms.steadily[0]))):
            told.append(tick)
    assert told == [18, 19, 20]


def test_what_would_be_no_trouble_is_not_told_but_does_not_end_what_was() -> None:
    """A disk that is slower than usual and has time left, say."""
    metrics = console_metrics()
    rules = Rules(metrics, Knowledge({"slow disk": {"io_write_rt": 3.0}, "storm": {"logon_rate": 3.0}}))
    effects = np.zeros(len(metrics.names))
    effects[metrics.index("io_write_rt")] = 2.0
    scores, no_trouble = rules.scores(effects), np.array([True, False])
    namer = Namer(rules)
    assert not any(namer.name(alarm(effects, scores, tick, 3.0, "few", no_trouble)) for tick in range(3, 30))
    for tick, flags in ((30, None), (31, no_trouble)):
        named = namer.name(alarm(effects, scores, tick, 3.0, "few", flags))
        assert named is not None
        assert named.causes == (0,)


def alarm(
    effects: Floats,
    scores: Floats,
    lasted: int,
    strength: float,
    among: Among = "few",
    negligible: Flags | None = None,
) -> Alarm:
    none = np.zeros(scores.shape, dtype=np.bool_)
    return Alarm("n1", effects, scores, none if negligible is None else negligible, lasted, strength, among)

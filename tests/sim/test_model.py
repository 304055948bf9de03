"""The model of load: the same for a seed, growing, and telling of what ails."""

from __future__ import annotations

from typing import Final

import numpy as np

from distdiag_tui.model.metrics import LEVELS, STAT_IDS
from distdiag_tui.sim.arrays import Floats
from distdiag_tui.sim.load import SYMPTOMS, Load, Symptom, share_of_day
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.world import World

BEGIN: Final = 1_800_000_000.0


def load(seed: int, seconds: float, *symptoms: Symptom) -> Load:
    made = Load(World(Shape(zones=3, servers=6, tenants=2), BEGIN), seed)
    for each in symptoms:
        made.add(each)
    made.advance(BEGIN + seconds)
    return made


def test_the_same_seed_gives_the_same_figures_however_often_one_asks() -> None:
    one, other = load(7, 20.4), Load(World(Shape(zones=3, servers=6, tenants=2), BEGIN), 7)
    for second in np.arange(0.0, 20.5, 0.3):
        other.advance(BEGIN + second)
    for statistic in one.totals:
        assert np.array_equal(one.total(statistic, BEGIN + 20.4), other.total(statistic, BEGIN + 20.4))
    assert not np.array_equal(one.totals[40000], load(8, 20.4).totals[40000])
    later = Load(World(Shape(zones=3, servers=6, tenants=2), BEGIN + 12345.0), 7)
    later.advance(BEGIN + 12365.4)
    assert np.array_equal(one.totals[40000], later.totals[40000])


def test_every_statistic_that_the_console_reads_is_there_and_totals_only_grow() -> None:
    made = load(1, 0.0)
    assert set(STAT_IDS) <= made.totals.keys() | made.levels.keys()
    assert {each for each in STAT_IDS if each in LEVELS} <= made.levels.keys()
    before = {each: made.total(each, BEGIN) for each in made.totals}
    for second in (0.5, 1.0, 1.5, 30.0, 30.01):
        made.advance(BEGIN + second)
        after = {each: made.total(each, BEGIN + second) for each in made.totals}
        assert all(np.all(after[each] >= before[each]) for each in after)
        before = after
    assert np.all(made.levels[140003] <= made.levels[140002])
    assert np.all(made.levels[130001] <= made.levels[130004])
    assert np.all(made.totals[60086] <= made.totals[60087])  # misses and hits


def test_rates_do_not_depend_on_when_one_asks() -> None:
    made = load(1, 10.0)
    at = [BEGIN + 10.0 + part for part in (0.0, 0.25, 0.5, 0.75)]
    steps = np.diff([made.total(40000, each).sum() for each in at])
    assert np.allclose(steps, steps[0])
    assert steps[0] > 0


def test_a_symptom_shows_on_its_server_while_it_lasts() -> None:
    def mean(made: Load, times: int, counts: int) -> Floats:
        return made.rates[times][:, 2] / made.rates[counts][:, 2]

    calm, sick = load(1, 5.0), load(1, 5.0, Symptom("log", 4, 30.0, 6.0), Symptom("busy", 0, 12.0, 6.0))
    slower = mean(sick, 80003, 80001) / mean(calm, 80003, 80001)
    assert np.allclose(np.delete(slower, 4), 1.0)
    assert slower[4] > 20
    assert mean(sick, 40001, 40000)[0] > 2 * mean(calm, 40001, 40000)[0]
    sick.advance(BEGIN + 8.0)
    calm.advance(BEGIN + 8.0)
    assert np.allclose(mean(sick, 80003, 80001), mean(calm, 80003, 80001))
    for kind in SYMPTOMS:
        assert load(1, 2.0, Symptom(kind, 1, 5.0, 9.0)).seconds == 2


def test_the_day_has_a_shape() -> None:
    shares = [share_of_day(3600.0 * hour) for hour in range(24)]
    assert max(shares) > 1.8 * min(shares) > 0
    assert np.allclose(shares, [share_of_day(3600.0 * (hour + 24)) for hour in range(24)])

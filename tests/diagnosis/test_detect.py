"""The detector, on numbers whose answer is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from distdiag_tui.diagnosis.attribute import attribute
from distdiag_tui.diagnosis.detect import Detector, Look
from distdiag_tui.diagnosis.local import local_part
from distdiag_tui.diagnosis.metricset import QUIET, RESOURCES, YOUNGER, MetricSet, console_metrics
from distdiag_tui.diagnosis.peers import others_median
from distdiag_tui.diagnosis.reference import Reference
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.diagnosis.thresholds import FIRST, Thresholds
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import CATALOGUE, metric

NAMES = ("load", "time", "busy", "reads", "writes", "level")
LEVELS = np.array([300.0, 2.0, 40.0, 80.0, 60.0, 1000.0])


def metrics() -> MetricSet:
    plain = MetricSet.of(
        NAMES, groups=("sql", "sql", "cpu", "io", "io", "memory"), load=["load"], times=["time"]
    )
    return plain.fitted(np.tile(LEVELS, (10, 1)))


def calm(ticks: int, servers: int = 3, seed: int = 1) -> Floats:
    """(T, S, M): every server at its own level, with noise."""
    dice = np.random.default_rng(seed)
    own = dice.uniform(0.5, 2.0, (servers, len(NAMES)))
    values: Floats = LEVELS * own * dice.lognormal(0, 0.05, (ticks, servers, len(NAMES)))
    return values


def feed(detector: Detector, values: Iterable[Floats]) -> list[Look]:
    return [detector.feed(each) for each in values]


def test_taming_can_be_undone_and_ups_weigh_as_much_as_downs() -> None:
    tamer = metrics()
    values = calm(5)
    assert_allclose(tamer.untame(tamer.tame(values)), values)
    up, down = tamer.tame(LEVELS * 3) - tamer.tame(LEVELS), tamer.tame(LEVELS) - tamer.tame(LEVELS / 3)
    assert_allclose(up, np.log(3), rtol=0.01)
    assert_allclose(down, up, rtol=0.02)


def test_names_are_unique_and_floors_are_learned_only_where_they_are_missing() -> None:
    with pytest.raises(ValueError, match="differ"):
        MetricSet.of(["a", "a"])
    fitted = MetricSet.of(["a", "b"]).fitted(np.array([[100.0, np.nan], [0.0, np.nan]]))
    assert_allclose(fitted.floors, [2.0, 1.0])
    assert_allclose(fitted.fitted(np.full((3, 2), 1e6)).floors, [2.0, 1.0])


def test_every_metric_of_the_console_has_a_place() -> None:
    console = console_metrics()
    of_servers = [row.id for row in CATALOGUE if row.group != "host" or row.id in RESOURCES]
    assert console.names == (*of_servers, "answer_rt")
    assert {console.names[index] for index in console.quiet} == set(QUIET)
    assert {metric(console.names[index]).group for index in console.beside} == {"host", "lock"}
    assert {console.names[index] for index in console.beside} >= YOUNGER
    assert (console.floors > 0).all()
    assert {console.names[index] for index in console.load} == {"qps", "tps"}
    assert set(console.groups) == {"cpu", "io", "locks", "log", "memory", "network", "sql"}


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 50), st.integers(0, 1000))
def test_the_reference_is_the_median_of_what_was_put_in(ticks: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    past = dice.normal(5, 1, (ticks, 2, 3))
    past[dice.random(past.shape) < 0.1] = np.nan
    reference = Reference(2, 3, memory=20, least=4)
    for values in past:
        reference.put(values, np.array([True, True]))
    if ticks < 4:
        assert np.isnan(reference.centre).all()
        return
    kept = past[-20:]
    known = np.isfinite(reference.centre)
    assert_allclose(reference.centre[known], np.nanmedian(kept, axis=0)[known], rtol=1e-5)
    assert (reference.spread[known] > 0).all()


def test_a_server_that_is_not_put_in_keeps_its_reference() -> None:
    reference = Reference(2, 1, memory=20, least=2)
    for _ in range(5):
        reference.put(np.array([[1.0], [1.0]]), np.array([True, True]))
    for _ in range(50):
        reference.put(np.array([[9.0], [9.0]]), np.array([True, False]))
    assert_allclose(reference.centre, [[9.0], [1.0]])
    swapped = reference.rearranged([1, -1, 0])
    assert_allclose(swapped.centre[[0, 2]], [[1.0], [9.0]])
    assert np.isnan(swapped.centre[1]).all()


@pytest.mark.parametrize("servers", [1, 2, 3, 20])
def test_a_sick_server_alarms_soon_and_no_other_does(servers: int) -> None:
    detector = Detector(metrics(), servers)
    assert not any(look.alarming.any() for look in feed(detector, calm(300, servers)))
    values = calm(320, servers)[300:]
    values[:, 0, [1, 2]] *= 4
    looks = feed(detector, values)
    began = next(index for index, look in enumerate(looks) if look.alarming[0])
    assert began <= 5
    assert not any(look.alarming[1:].any() for look in looks)
    assert 300 <= looks[-1].onset[0] <= 302
    assert looks[-1].z[0, 1] > 10
    assert looks[-1].scores[0] > 1 > looks[-1].scores[1:].max(initial=0)


@pytest.mark.parametrize(("factor", "alarms"), [(0.3, False), (1.0, False), (1.4, True)])
def test_what_looks_like_something_known_alarms_sooner(factor: float, alarms: bool) -> None:
    detector, asked = Detector(metrics(), 3), list[int]()

    def plausible(z: Floats, apart: Floats, change: Floats) -> Floats:
        assert z.shape == apart.shape == change.shape
        asked.append(len(z))
        return np.full(len(z), factor)

    values = calm(320)
    values[300:, 0, [1, 2]] *= 1.12
    looks = [detector.feed(row, plausible) for row in values]
    assert any(look.alarming[0] for look in looks) is alarms
    assert 0 < len(asked) < 150  # calm servers are not asked about


def test_quiet_metrics_never_alarm() -> None:
    values = calm(320)
    values[300:, 0, [1, 2]] *= 4
    assert any(look.alarming[0] for look in feed(Detector(metrics(), 3), values))
    quiet = replace(metrics(), quiet=(1, 2))
    looks = feed(Detector(quiet, 3), values)
    assert looks[-1].z[0, 1] > 10
    assert not any(look.alarming.any() for look in looks)


def test_while_it_alarms_nothing_is_learned_and_afterwards_it_ends() -> None:
    detector, values = Detector(metrics(), 3), calm(500)
    values[200:400, 1, [1, 2]] *= 4
    looks = feed(detector, values)
    assert all(look.alarming[1] for look in looks[210:400])
    assert looks[399].z[1, 1] > 10
    assert not looks[415].alarming.any()


def test_what_lasts_longer_than_it_was_watched_before_is_the_new_normal() -> None:
    detector, values = Detector(metrics(), 3), calm(400)
    values[40:, 1, [1, 2]] *= 4
    looks = feed(detector, values)
    assert looks[60].alarming[1]
    assert not looks[-1].alarming[1]


@pytest.mark.parametrize("servers", [1, 3])
def test_more_load_for_all_is_no_alarm_and_soon_usual(servers: int) -> None:
    detector, values = Detector(metrics(), servers), calm(400, servers)
    values[300:, :, [0, 2, 3, 4]] *= 2.5
    looks = feed(detector, values)
    assert not any(look.alarming.any() for look in looks)
    changed = [look for look in looks if look.load != 1.0]
    assert changed
    assert changed[-1].load == pytest.approx(2.5, rel=0.15)
    assert {look.load_since for look in changed} == {changed[0].load_since}
    assert changed[0].load_since == pytest.approx(301, abs=2)
    assert looks[-1].load == 1.0
    assert_allclose(looks[-1].change, 0, atol=0.3)


def grown(ticks: int, since: int, factor: float = 2.0) -> Floats:
    """From some tick on all servers have more load, and whatever comes with it."""
    values = calm(ticks)
    values[since:, :, [0, 2, 3, 4]] *= factor
    return values


def test_a_short_past_does_not_make_a_new_load_usual_half_way() -> None:
    """The new level must not creep into what is usual: what came with it would be left over as trouble."""
    looks = feed(Detector(metrics(), 3), grown(90, 30))
    changed = [look.tick for look in looks if look.load != 1.0]
    assert changed == list(range(changed[0], changed[0] + 16))
    assert not any(look.alarming.any() for look in looks)
    assert max(np.abs(look.z).max() for look in looks[60:]) < 8


def test_a_moment_of_writes_does_not_end_a_change_of_load_that_lasts() -> None:
    values = grown(400, 300)
    values[311:314, 1, 4] *= 8  # one of them writes out what it holds,
    values[311:314, :, 0] *= [[1.0, 0.4, 1.0]]  # and does less meanwhile
    looks = feed(Detector(metrics(), 3), values)
    changed = [look.tick for look in looks if look.load != 1.0]
    assert changed == list(range(changed[0], changed[-1] + 1))
    assert not any(look.alarming.any() for look in looks)


def test_a_moment_that_is_over_at_once_is_no_change_of_load() -> None:
    values = calm(340)
    values[300:303, :, 0] *= 2.5
    looks = feed(Detector(metrics(), 3), values)
    assert 0 < sum(look.load != 1.0 for look in looks) <= 6
    assert looks[-1].load == 1.0
    assert_allclose(np.median(looks[-1].z[:, 0]), 0.0, atol=3.0)


def test_a_sick_server_is_found_while_the_load_changes() -> None:
    detector, values = Detector(metrics(), 3), calm(400)
    values[300:, :, [0, 2, 3, 4]] *= 2.5
    values[305:, 2, [1, 5]] *= 6
    looks = feed(detector, values)
    assert looks[315].alarming.tolist() == [False, False, True]
    assert looks[-1].load == 1.0
    assert looks[-1].alarming.tolist() == [False, False, True], "the new level is usual, what is wrong is not"


def test_a_server_alone_is_found_sick_while_its_load_changes() -> None:
    values = calm(400, 1)
    values[300:, :, [0, 2, 3, 4]] *= 2.5
    values[305:, 0, [3, 5]] *= 20
    looks = feed(Detector(metrics(), 1), values)
    assert looks[310].load == pytest.approx(2.5, rel=0.15)
    assert [look.tick for look in looks if look.alarming.any()] == list(range(308, 400))
    assert looks[-1].load == 1.0
    assert_allclose(looks[-1].change[0, [0, 2, 4]], 0, atol=0.3)
    assert looks[-1].change[0, 5] > 1.5, "the new level is usual, what is wrong is not"


def test_servers_that_are_idle_say_nothing_about_the_load_of_the_one_that_has_the_leaders() -> None:
    values = calm(400)
    values[:, 1:, [0, 2, 3, 4]] *= 0.01
    values[300:, 0, [0, 2, 3, 4]] *= 2.5
    looks = feed(Detector(metrics(), 3), values)
    changed = [look for look in looks if look.load != 1.0]
    assert changed[-1].load == pytest.approx(2.5, rel=0.15)
    assert not looks[325].alarming.any()
    assert not any(look.alarming.any() for look in looks[325:])


def test_who_has_less_to_do_is_not_slower() -> None:
    """A disk that all share stalls: they do less because all takes longer, which is no change of load."""
    less, stalled = calm(330), calm(330)
    less[300:, :, [0, 2, 3, 4]] *= 0.3
    stalled[300:, :, [0, 2, 3, 4]] *= 0.3
    stalled[300:, :, 1] *= 12
    assert feed(Detector(metrics(), 3), less)[310].load == pytest.approx(0.3, rel=0.15)
    looks = feed(Detector(metrics(), 3), stalled)
    assert {look.load for look in looks} == {1.0}
    assert looks[310].alarming.all()


def test_drifting_levels_are_no_alarm_but_a_jump_is() -> None:
    plain = metrics()
    drifting = MetricSet(plain.names, ("a", "b", "c", "d", "e", "e"), plain.floors, drifting=(4, 5))
    values = calm(600, 1)
    values[:, :, [4, 5]] *= np.linspace(1, 8, 600)[:, None, None]
    detector = Detector(drifting, 1)
    assert not any(look.alarming.any() for look in feed(detector, values))
    jump = values[-30:] * np.where(np.arange(6) >= 4, 0.1, 1.0)
    looks = feed(detector, jump)
    assert looks[10].alarming[0]
    assert looks[10].z[0, 5] < -5


@pytest.mark.parametrize("servers", [1, 3])
def test_of_what_usually_fills_it_is_no_news_that_it_is_full(servers: int) -> None:
    """A new server's caches fill: once that has been learned, they are warm and stay as they are."""
    plain = metrics()
    drifting = MetricSet(plain.names, plain.groups, plain.floors, drifting=(4, 5))
    values = calm(140, servers)
    values[:, :, [4, 5]] *= np.minimum(1.06 ** np.arange(140), 1.06**60)[:, None, None]
    looks = feed(Detector(drifting, servers), values)
    assert looks[59].tamed[0, 5] - looks[39].tamed[0, 5] > 1, "they did fill"
    assert not any(look.alarming.any() for look in looks)
    assert_allclose(looks[-1].change[:, [4, 5]], 0, atol=0.1)
    emptied = values[-30:].copy()
    emptied[:, 0, [4, 5]] *= 0.001
    assert feed(Detector(drifting, servers), np.concatenate([values, emptied]))[-20].alarming[0]


def test_a_server_without_figures_is_neither_calm_nor_sick() -> None:
    detector, values = Detector(metrics(), 3), calm(120)
    values[60:, 2] = np.nan
    looks = feed(detector, values)
    assert np.isnan(looks[-1].scores[2])
    assert not looks[-1].alarming.any()
    assert_allclose(looks[-1].z[2], 0)


def test_nothing_is_said_before_it_knows_what_is_usual() -> None:
    detector = Detector(metrics(), 2, Settings(least=20))
    looks = feed(detector, calm(20, 2) * np.linspace(1, 50, 20)[:, None, None])
    assert np.isnan(looks[10].scores).all()
    assert looks[9].warm.tolist() == [0.5, 0.5]
    assert not any(look.alarming.any() for look in looks)


def test_expected_false_alarms_are_told_once_there_are_enough_scores() -> None:
    detector = Detector(metrics(), 3)
    looks = feed(detector, calm(200))
    assert np.isnan(looks[50].false_alarms)
    assert 0 < looks[-1].false_alarms < 0.01


def test_other_servers_come_and_the_known_keep_their_past() -> None:
    detector, values = Detector(metrics(), 3), calm(220)
    feed(detector, values[:200])
    moved = detector.rearranged([2, -1, 0])
    sick = values[200:, [2, 1, 0]].copy()
    sick[:, 2, [1, 2]] *= 4
    looks = feed(moved, sick)
    assert looks[-1].alarming.tolist() == [False, False, True]
    assert np.isnan(looks[5].scores[1])


def test_what_drifts_on_a_sick_server_is_still_known_when_another_one_comes() -> None:
    plain = metrics()
    detector = Detector(
        MetricSet(plain.names, ("a", "b", "c", "d", "e", "e"), plain.floors, drifting=(4, 5)), 3
    )
    values = calm(240)
    values[200:, 0, [4, 5]] *= 6
    before = feed(detector, values[:215])[-1]
    assert before.alarming.tolist() == [True, False, False]
    after = feed(detector.rearranged([0, 1, -1]), values[215:219])
    assert all(look.alarming[0] for look in after)
    assert_allclose(after[0].change[0, [4, 5]], before.change[0, [4, 5]], atol=0.3)


@pytest.mark.parametrize("servers", [3, 20, 64, 200])
def test_each_of_many_servers_gets_thresholds_of_its_own(servers: int) -> None:
    thresholds, dice = Thresholds(servers, 1), np.random.default_rng(2)
    for _ in range(500):
        thresholds.put(dice.exponential(0.1, (servers, 1)), np.ones(servers, dtype=np.bool_))
    assert (thresholds.limits < FIRST).all()


def test_what_all_do_is_nobodys_own() -> None:
    values = calm(80)
    values[60:, :, 0] *= 5
    values[60:, 2, [1, 2]] *= 3
    found = attribute(metrics(), values[:60], values[60:])
    assert found.argmax() == 2
    assert found[2] > 3 * found[:2].max()
    assert attribute(metrics(), values[:60, 2:], values[60:, 2:])[0] > 3
    assert_allclose(local_part(np.array([4.0, -4.0, 4.0]), np.array([2.0, -9.0, -3.0])), [2.0, -4.0, 0.0])


def test_peers_are_the_others() -> None:
    values = np.array([[1.0], [2.0], [30.0]])
    assert_allclose(others_median(values), [[16.0], [15.5], [1.5]])
    assert np.isnan(others_median(values[:1])).all()
    many = np.arange(40.0)[:, None]
    assert_allclose(others_median(many), np.full((40, 1), 19.5))

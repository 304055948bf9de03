"""What learning has to get right: on made-up examples whose answer is known."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from distdiag_tui.diagnosis.blended import judge_of
from distdiag_tui.diagnosis.calibrate import calibration_error, fit_platt
from distdiag_tui.diagnosis.calm import learn_calm
from distdiag_tui.diagnosis.compound import combined, explain, mixtures, rest_of
from distdiag_tui.diagnosis.effects import effects, learned_floors
from distdiag_tui.diagnosis.learned import About, Model, train
from distdiag_tui.diagnosis.linear import RIDGE, Flags, balance, fit, logistic, whitener
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.modelfile import LARGEST, SCHEMA, model_bytes, model_of
from distdiag_tui.diagnosis.prior import Prior, fit_prior
from distdiag_tui.diagnosis.robust import quantile
from distdiag_tui.diagnosis.rules import Knowledge, Rules
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.errors import ModelError

METRICS = tuple("abcdefgh")
CAUSES = ("disk", "lock", "storm")
USUAL = np.array([[3, 2, 0, 0, 0, 0, 0, 0], [0, 0, 3, -2, 0, 0, 0, 0], [0, 0, 0, 0, 2, 3, 0, 0]], dtype=float)


def _examples(each: int, seed: int = 0) -> tuple[Floats, list[frozenset[str]], list[str]]:
    """So many of every cause, at various strengths, and of none; two of a run."""
    random = np.random.default_rng(seed)
    rows: list[Floats] = []
    causes: list[frozenset[str]] = []
    for usual, cause in zip([*USUAL, np.zeros(8)], [*CAUSES, ""], strict=True):
        for _ in range(each):
            rows.append(usual * random.uniform(0.6, 1.4) + random.normal(0, 0.4, 8))
            causes.append(frozenset({cause} - {""}))
    return np.array(rows), causes, [f"run{number // 2}" for number in range(len(rows))]


@pytest.fixture(scope="module")
def model() -> Model:
    """Learned from the examples."""
    rows, causes, runs = _examples(12)
    return train(rows, causes, runs=runs, metrics=METRICS, about=About(created="now", catalogue="c0ffee"))


def _labels(causes: list[frozenset[str]]) -> Flags:
    return np.array([[cause in each for cause in CAUSES] for each in causes])


# -- effects ----------------------------------------------------------------------------------------------


def test_an_effect_does_not_depend_on_the_unit_nor_on_the_level() -> None:
    random = np.random.default_rng(1)
    before, now = random.uniform(90, 110, (30, 2)), random.uniform(290, 310, (10, 2))
    small = effects(before, now, np.ones(2))
    large = effects(1000 * before, 1000 * now, np.full(2, 1000.0))
    assert np.allclose(small, large)
    assert np.allclose(small[2:4], np.log(3), atol=0.05)  # the change is the log of the factor
    down = effects(now, before, np.ones(2))
    assert (small[:2] > 2).all()
    assert (down[:2] < -2).all()


def test_what_is_missing_has_no_effect_and_a_server_is_a_row() -> None:
    before = np.full((2, 5, 3), 10.0)
    now = before.copy()
    now[0, :, 0], now[1, :, 1] = 40.0, np.nan
    found = effects(before, now, np.ones(3)).reshape(2, 3, 3)
    assert found[0, 0, 0] > 3
    assert not found[1].any()
    assert not found[0, :, 1:].any()


def test_quantiles_leave_out_what_is_missing() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=(4, 5, 9))
    values[random.random(values.shape) < 0.3] = np.nan
    for share in (0.25, 0.5, 0.9):
        assert np.allclose(quantile(values, share), np.nanquantile(values, share, axis=-1))


def test_floors_are_what_calm_metrics_do_by_themselves() -> None:
    random = np.random.default_rng(3)
    calm = np.stack([random.normal(100, 0.1, (40, 6)), random.normal(100, 20, (40, 6))], axis=-1)
    quiet, restless = learned_floors(calm)
    assert quiet == pytest.approx(2.0, rel=0.05)
    assert restless > 5
    assert learned_floors(np.full((3, 4, 1), np.nan)).tolist() == [1.0]


# -- the logistic fit -------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", [2, 40])
def test_the_fit_is_where_the_gradient_is_nothing(each: int) -> None:
    rows, causes, _ = _examples(each)
    labels = _labels(causes)
    white = whitener(rows, labels)
    linear = fit(rows, labels, white)
    odds = linear.log_odds(rows)
    ridge = RIDGE * np.linalg.inv(white @ white.T)  # measured in the spread within classes
    for klass in range(3):
        pull = balance(labels[:, klass]) * (logistic(odds[:, klass]) - labels[:, klass])
        gradient = rows.T @ pull + ridge @ linear.weights[klass]
        assert np.abs(gradient).max() < 1e-3
        assert abs(pull.sum()) < 1e-3


def test_a_metric_that_differs_from_run_to_run_weighs_less() -> None:
    random = np.random.default_rng(4)
    labels = np.arange(40)[:, None] % 2 == 0
    steady, restless = 3 * labels + random.normal(0, 0.3, (40, 1)), 3 * labels + random.normal(0, 3, (40, 1))
    weights = fit(np.hstack([steady, restless]), labels).weights[0]
    assert weights[0] > 5 * abs(weights[1])


# -- calibration ------------------------------------------------------------------------------------------


def test_calibration_makes_scores_keep_their_word() -> None:
    random = np.random.default_rng(5)
    scores = random.normal(0, 4, 4000)
    right = random.random(4000) < logistic(0.5 * scores - 1)
    platt = fit_platt(scores, right)
    assert platt.slope == pytest.approx(0.5, abs=0.05)
    assert platt.shift == pytest.approx(-1, abs=0.15)
    assert calibration_error(logistic(scores), right) > 0.1
    assert calibration_error(platt(scores), right) < 0.03
    assert (np.diff(platt(np.sort(scores))) >= 0).all()


def test_the_calibration_error_of_known_numbers() -> None:
    confidence = np.array([0.95, 0.95, 0.45, 0.45])
    right = np.array([True, False, True, False])
    assert calibration_error(confidence, right) == pytest.approx((0.45 * 2 + 0.05 * 2) / 4)
    assert np.isnan(calibration_error(np.array([]), right[:0]))


# -- several causes ---------------------------------------------------------------------------------------


def test_a_mixture_has_both_causes_and_what_moved_further() -> None:
    rows, causes, _ = _examples(4)
    mixed, labels = mixtures(rows, _labels(causes), 30)
    assert mixed.shape == (30, 8)
    assert (labels.sum(axis=1) == 2).all()
    assert combined(np.array([3.0, -1, 0]), np.array([1.0, -2, 0])).tolist() == [3, -2, 0]
    assert np.array_equal(mixtures(rows, _labels(causes), 30)[0], mixed)


def test_what_is_left_is_what_the_cause_does_not_do() -> None:
    left = rest_of(1.5 * USUAL[0] + USUAL[1], USUAL[0])
    assert np.allclose(left, USUAL[1])
    assert np.allclose(rest_of(-USUAL[0], USUAL[0]), -USUAL[0])


class _Told:
    """Three causes; what it says of the whole and of what the first one leaves is given."""

    causes = ("a", "b", "c")

    def __init__(self, whole: Floats, rest: Floats) -> None:
        self._whole, self._rest = whole, rest

    def scores(self, effects: Floats) -> Floats:
        return self._whole if effects.any() else self._rest

    def beside(self, effects: Floats, scores: Floats) -> Floats:
        return scores

    def rest(self, effects: Floats, cause: int) -> Floats:
        return np.zeros_like(effects)


@pytest.mark.parametrize(
    ("whole", "rest", "found"),
    [(0.4, 0.06, [0, 1]), (0.05, 0.5, [0, 1]), (0.5, 0.0, [0]), (0.02, 0.2, [0])],
)
def test_one_more_cause_shows_in_the_whole_and_in_the_rest(
    whole: float, rest: float, found: list[int]
) -> None:
    told = _Told(np.array([0.9, whole, 0.01]), np.array([0.0, rest, 0.01]))
    causes, scores = explain(told, np.ones(4), further=0.1)
    assert causes == found
    assert scores[1] == (max(whole, rest) if len(found) > 1 else whole)


def test_two_causes_are_explained_one_after_the_other(model: Model) -> None:
    both, _ = explain(model, combined(USUAL[0], 0.8 * USUAL[2]), first=0.2, further=0.5)
    assert {model.causes[k] for k in both} == {"disk", "storm"}
    one, _ = explain(model, 1.3 * USUAL[1], first=0.2, further=0.5)
    assert [model.causes[k] for k in one] == ["lock"]
    assert explain(model, np.zeros(8), first=0.2, further=0.5)[0] == []


# -- the model --------------------------------------------------------------------------------------------


def test_it_names_what_it_has_not_seen_and_says_when_it_does_not_know(model: Model) -> None:
    rows, causes, _ = _examples(20, seed=9)
    found = model.classify(rows)
    wanted = [next(iter(each), "unknown") for each in causes]
    assert np.mean([a == b for a, b in zip(found, wanted, strict=True)]) > 0.95
    given = model.contributions(USUAL[1], model.causes.index("lock"))
    assert set(np.argsort(given)[-2:]) == {2, 3}


def test_its_file_gives_the_same_model(model: Model) -> None:
    again = model_of(model_bytes(model))
    assert again.about == model.about
    assert np.allclose(again.scores(USUAL), model.scores(USUAL), atol=1e-5)
    assert model_bytes(again) == model_bytes(model)


def test_other_metrics_and_another_order_do_not_confuse_it(model: Model) -> None:
    names = ["new", *reversed(METRICS)]
    moved = np.hstack([np.full((3, 1), 9.0), USUAL[:, ::-1]])
    assert model.lost(names) == 0
    assert np.allclose(model.adapted(names).scores(moved), model.scores(USUAL))
    assert model.lost(["a", "b"]) > 0.4


def _changed(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda fields: fields.update({name: value})


@pytest.mark.parametrize(
    "damage",
    [
        _changed("schema", "distdiag.model/2"),
        _changed("extra", 1),
        _changed("weights", [[1.0]]),
        _changed("bias", ["1", "2", "3"]),
        _changed("bias", [1.0, 2.0, float("nan")]),
        _changed("bias", [1.0, 2.0, None]),
        _changed("causes", ["disk", "disk", "lock"]),
        _changed("floors", [0.0] * 8),
        _changed("metrics", ["a" * 300] * 8),
        _changed("about", {"created": 5}),
        _changed("sure", {}),
        _changed("prior", {"rule": 1.0}),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_a_line(model: Model, damage: Callable[[dict[str, Any]], None]) -> None:
    fields = json.loads(model_bytes(model))
    damage(fields)
    with pytest.raises(ModelError) as refused:
        model_of(json.dumps(fields).encode())
    assert "\n" not in str(refused.value)
    assert SCHEMA in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[" * 100_000, pickle.dumps(METRICS), b'{"schema":'])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        model_of(data)


def test_a_number_without_end_is_refused(model: Model) -> None:
    fields = json.loads(model_bytes(model)) | {"bias": ["huge", 0, 0]}
    with pytest.raises(ModelError, match="finite numbers"):
        model_of(json.dumps(fields).replace('"huge"', "1e999").encode())


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    with pytest.raises(ModelError, match="larger than"):
        model_of(b" " * (LARGEST + 1))


def test_nothing_can_be_learned_from_calm_alone() -> None:
    with pytest.raises(ModelError, match="no example has a cause"):
        train(np.zeros((4, 8)), [()] * 4, metrics=METRICS)


# -- calm -------------------------------------------------------------------------------------------------


def test_a_window_is_told_from_calm_by_its_plainest_group() -> None:
    random = np.random.default_rng(6)
    groups = ["disk"] * 3 + ["lock"] * 3 + ["rest"] * 14
    calm = random.normal(0, [0.1] * 3 + [2.0] * 17, (400, 20))
    learned = learn_calm(calm, groups, false_alarms=0.02)
    assert (learned.scores(calm) >= 1).mean() == pytest.approx(0.02, abs=0.006)
    subtle, usual = np.zeros((1, 20)), np.zeros((1, 20))
    subtle[0, :2], usual[0, 3:5] = 0.9, -0.9  # nothing to locks, and much to disks
    assert learned.scores(subtle)[0] > 1.5
    assert learned.scores(usual)[0] < 0.5


# -- rules as what it begins with -------------------------------------------------------------------------


class _Rules:
    """Knows two of the causes, and takes one for the other."""

    causes = ("storm", "lock")
    least = 0.2

    def scores(self, effects: Floats) -> Floats:
        return np.clip(effects[..., [2, 4]] / 3, 0.0, 1.0)


def test_what_examples_say_clearly_outweighs_wrong_rules() -> None:
    rows, causes, runs = _examples(20)
    learned = train(rows, causes, runs=runs, metrics=METRICS, rules=_Rules())
    assert learned.prior is not None
    places = [learned.causes.index(cause) for cause in _Rules.causes]
    odds = learned.linear.log_odds(USUAL)
    odds[:, places] += learned.prior.log_odds(_Rules().scores(USUAL))
    assert [learned.causes[k] for k in odds.argmax(axis=1)] == list(CAUSES)
    assert model_of(model_bytes(learned)).prior == learned.prior


@pytest.mark.parametrize(("denied", "told"), [({}, {"disk", "lock"}), ({"disk": "c"}, {"lock"})])
def test_what_rules_deny_is_no_second_cause_whatever_was_learned(
    model: Model, denied: dict[str, str], told: set[str]
) -> None:
    signs = {"disk": {"a": 1.0, "b": 1.0}, "lock": {"c": 3.0}}
    rules = Rules(MetricSet.of(METRICS), Knowledge(signs, denied=denied))
    judge = judge_of(replace(model, prior=Prior(rule=1.0, lead=0.0, shift=0.0)), rules)
    lock = judge.causes.index("lock")
    found, _ = explain(judge, USUAL[0] + USUAL[1], [lock], further=judge.further)
    assert {judge.causes[cause] for cause in found} == told


def test_right_rules_need_no_correction() -> None:
    random = np.random.default_rng(7)
    labels = random.random((300, 2)) < 0.5
    scores = np.where(labels, 0.8, 0.1) + random.normal(0, 0.05, labels.shape)
    prior = fit_prior(scores, labels, 0.2)
    sure = logistic(prior.log_odds(np.array([[0.8, 0.1], [0.1, 0.8]])))
    assert sure[0, 0] > 0.95
    assert sure[0, 1] < 0.05
    linear = fit(random.normal(0, 1, (300, 4)), labels, ridge=100, prior=prior.log_odds(scores))
    assert np.abs(linear.weights).max() < 0.2

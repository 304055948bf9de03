"""From totals to metrics: whatever happens to a counter, no spike and no made-up zero comes out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distdiag_tui.model.arithmetic import IS_LEVEL, Floats, add_rows, evaluate, per_second
from distdiag_tui.model.metrics import (
    CATALOGUE,
    COLUMN_INDEX,
    COLUMNS,
    LEVELS,
    METRIC_INDEX,
    Column,
    Metric,
)

TOTALS = [index for index, column in enumerate(COLUMNS) if column not in LEVELS]
WIDTH = len(COLUMNS)

figures = st.floats(min_value=0, max_value=2.0**63) | st.just(math.nan)
seconds = st.floats(min_value=0.05, max_value=120)
rows = st.lists(figures, min_size=WIDTH, max_size=WIDTH).map(np.array)
quick = settings(max_examples=60, deadline=None)


def moving(step: float = 10.0) -> tuple[Floats, Floats]:
    """Two samples of a healthy server: every total moved by `step`, every level is 7."""
    before = np.where(IS_LEVEL, 7.0, 1e6)
    return before, np.where(IS_LEVEL, 7.0, before + step)


def rates(values: dict[Column, float]) -> Floats:
    """A row of columns per second with these values; all else is missing."""
    row = np.full(WIDTH, np.nan)
    for column, value in values.items():
        row[COLUMN_INDEX[column]] = value
    return row


def value(row: Floats, name: str) -> float:
    return float(evaluate(row)[METRIC_INDEX[name]])


@quick
@given(rows, rows, seconds)
def test_no_total_gives_a_negative_or_infinite_rate(before: Floats, after: Floats, dt: float) -> None:
    out = per_second(before, after, dt)[TOTALS]
    present = out[~np.isnan(out)]
    assert np.isfinite(present).all()
    assert (present >= 0).all()


@quick
@given(rows, rows, seconds)
def test_a_rate_is_the_increase_or_missing(before: Floats, after: Floats, dt: float) -> None:
    out = per_second(before, after, dt)[TOTALS]
    exact = ((after - before) / dt)[TOTALS]
    assert all(math.isnan(got) or got == want for got, want in zip(out, exact, strict=True))


@quick
@given(st.integers(0, 2**53), st.integers(0, 2**53), seconds)
def test_one_total_among_healthy_ones(first: int, second: int, dt: float) -> None:
    before, after = moving()
    before[TOTALS[0]], after[TOTALS[0]] = first, second
    out = per_second(before, after, dt)
    assert out[TOTALS[1]] == pytest.approx(10 / dt)
    if second < first:
        assert math.isnan(out[TOTALS[0]])
    else:
        assert out[TOTALS[0]] == pytest.approx((second - first) / dt)


@pytest.mark.parametrize("side", ["before", "after"])
def test_missing_on_either_side_is_a_gap_of_that_total_only(side: str) -> None:
    before, after = moving()
    (before if side == "before" else after)[TOTALS[3]] = np.nan
    out = per_second(before, after, 1.0)
    assert np.isnan(out[TOTALS]).sum() == 1
    assert math.isnan(out[TOTALS[3]])


def test_a_restart_makes_every_total_a_gap() -> None:
    before, after = moving()
    after[TOTALS] = 5.0  # all near zero again
    after[TOTALS[0]] = 2e6  # one that the new process already counted further than the old
    out = per_second(before, after, 1.0)
    assert np.isnan(out[TOTALS]).all()
    assert (out[IS_LEVEL] == 7).all()


def test_a_restart_of_a_nearly_idle_server_is_seen_by_the_totals_that_moved() -> None:
    before, after = moving(0.0)
    before[TOTALS[4:]] = after[TOTALS[4:]] = 0.0  # nothing of the kind ever happened
    after[TOTALS[:3]] = 1.0
    after[TOTALS[3]] = 2e6
    assert np.isnan(per_second(before, after, 1.0)[TOTALS]).all()


def test_one_server_restarting_leaves_the_other_rows_alone() -> None:
    before, after = moving()
    restarted = np.where(IS_LEVEL, 7.0, 1.0)
    out = per_second(np.stack([before, before]), np.stack([restarted, after]), 2.0)
    assert np.isnan(out[0, TOTALS]).all()
    assert (out[1, TOTALS] == 5).all()


@quick
@given(rows, rows, st.floats(-10, 100))
def test_levels_pass_through(before: Floats, after: Floats, dt: float) -> None:
    np.testing.assert_array_equal(per_second(before, after, dt)[IS_LEVEL], after[IS_LEVEL])


@pytest.mark.parametrize("dt", [0.0, -0.0, -1.0, math.nan])
def test_no_time_no_rate(dt: float) -> None:
    assert np.isnan(per_second(*moving(), dt)[TOTALS]).all()


@pytest.mark.parametrize(("step", "dt"), [(1e308, 1e-9), (10.0, 5e-324)])
def test_what_overflows_is_missing(step: float, dt: float) -> None:
    assert np.isnan(per_second(*moving(step), dt)[TOTALS]).all()


def test_unsigned_64_bit_totals_keep_their_increase() -> None:
    before, after = moving()
    before[TOTALS[0]], after[TOTALS[0]] = 2.0**63, 2.0**63 + 4096
    assert per_second(before, after, 2.0)[TOTALS[0]] == 2048


def test_inputs_are_left_as_they_were() -> None:
    before, after = moving()
    copies = before.copy(), after.copy()
    evaluate(add_rows(np.stack([per_second(before, after, 1.0)] * 2)))
    np.testing.assert_array_equal((before, after), copies)


@quick
@given(st.lists(st.lists(figures, min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_sum_takes_what_is_there(lists: list[list[float]]) -> None:
    total = add_rows(np.array(lists))
    for index, column in enumerate(zip(*lists, strict=True)):
        present = [number for number in column if not math.isnan(number)]
        assert total[index] == pytest.approx(sum(present)) if present else math.isnan(total[index])


@quick
@given(rows)
def test_metrics_are_finite_or_missing(row: Floats) -> None:
    out = evaluate(row)
    assert out.shape == (len(CATALOGUE),)
    assert not np.isinf(out).any()


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.id)
def test_every_formula_is_scale_times_sum_by_sum(metric: Metric) -> None:
    row: Floats = 1.0 + np.arange(float(WIDTH)) % 17
    over = sum(row[COLUMN_INDEX[column]] for column in metric.over)
    under = sum(row[COLUMN_INDEX[column]] for column in metric.under) if metric.under else 1.0
    assert value(row, metric.id) == pytest.approx(metric.scale * over / max(under, metric.least))
    if metric.least:
        row[[COLUMN_INDEX[column] for column in metric.under]] = 2 * metric.least
        assert value(row, metric.id) == pytest.approx(
            metric.scale * over / (2 * metric.least * len(metric.under))
        )


@pytest.mark.parametrize("metric", [m for m in CATALOGUE if m.under], ids=lambda metric: metric.id)
def test_a_ratio_whose_denominator_stands_still_is_missing(metric: Metric) -> None:
    row = np.ones(WIDTH)
    row[[COLUMN_INDEX[column] for column in metric.under]] = 0.0
    assert math.isnan(value(row, metric.id))


def test_a_denominator_that_makes_no_sense_gives_no_figure() -> None:
    assert math.isnan(value(rates({140003: 5.0, 140002: -1.0}), "memory_percent"))
    assert value(rates({140003: 5.0, 140002: 10.0}), "memory_percent") == 50


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.id)
def test_a_missing_term_makes_the_metric_missing_and_no_other(metric: Metric) -> None:
    for column in (*metric.over, *metric.under):
        row = np.ones(WIDTH)
        row[COLUMN_INDEX[column]] = np.nan
        users = [m.id for m in CATALOGUE if column in (*m.over, *m.under)]
        assert [m.id for m, v in zip(CATALOGUE, evaluate(row), strict=True) if math.isnan(v)] == users


def test_many_rows_at_once_are_each_row_alone() -> None:
    table = np.arange(3.0 * WIDTH).reshape(3, WIDTH)
    np.testing.assert_array_equal(evaluate(table), np.stack([evaluate(row) for row in table]))


def test_a_ratio_of_a_cluster_is_a_ratio_of_sums() -> None:
    busy = rates({40000: 900.0, 40001: 900.0 * 1000})  # 900 SELECTs of 1 ms
    idle = rates({40000: 100.0, 40001: 100.0 * 50_000})  # 100 of 50 ms
    together = value(add_rows(np.stack([busy, idle])), "select_rt")
    assert together == pytest.approx((900 * 0.001 + 100 * 0.05) / 1000)
    assert together != pytest.approx((0.001 + 0.05) / 2)

"""Adding up reports: the sum of several loads is what one meter would have told of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from distdiag_tui.workloads import meter
from distdiag_tui.workloads.assembly import Assembly
from distdiag_tui.workloads.merge import pooled
from distdiag_tui.workloads.meter import Meter
from distdiag_tui.workloads.report import ErrorKey, IntervalReport, Part

LOADS, SPAN = 3, 2.0


@dataclass(frozen=True)
class Done:
    """One thing a client did: a transaction, or with `error` one that failed."""

    load: int
    latency: float
    queries: int
    part: str
    error: ErrorKey | None

    def tell(self, to: Meter) -> None:
        if self.error is None:
            to.committed(self.latency, self.queries, self.part)
        else:
            to.failed(self.error)


DONE = st.builds(
    Done,
    load=st.integers(0, LOADS - 1),
    latency=st.floats(1e-6, 50.0),
    queries=st.integers(1, 20),
    part=st.sampled_from(["", "payment", "delivery"]),
    error=st.sampled_from([None, None, None, None, 1213, "timeout"]),
)


@contextmanager
def clock() -> Iterator[SimpleNamespace]:
    """The meters' clock stands still, until a test moves it."""
    now = SimpleNamespace(at=1000.0)
    with mock.patch.object(meter, "time", SimpleNamespace(time=lambda: now.at, monotonic=lambda: now.at)):
        yield now


def same(found: IntervalReport, expected: IntervalReport) -> None:
    """Counts and percentiles to the last digit; what was divided and multiplied again, nearly."""
    for name in ("tps", "qps", "elapsed", "mean"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name
    for name in ("p50", "p95", "p99", "errors", "reconnects", "threads", "total", "time"):
        assert getattr(found, name) == getattr(expected, name), name
    assert found.parts.keys() == expected.parts.keys()
    for name, part in expected.parts.items():
        assert replace(found.parts[name], mean=0, histogram="") == replace(part, mean=0, histogram="")
        assert found.parts[name].mean == pytest.approx(part.mean)


@settings(deadline=None, max_examples=40)
@given(st.lists(DONE, max_size=60))
@example([])
@example([Done(0, 0.5, 3, "payment", None)])
def test_the_sum_of_an_interval_is_what_one_meter_tells_of_all(done: list[Done]) -> None:
    with clock() as now:
        loads, one = [Meter() for _ in range(LOADS)], Meter()
        for each in done:
            each.tell(loads[each.load])
            each.tell(one)
        now.at += SPAN
        reports = [load.interval(threads=2) for load in loads]
        same(pooled([(report, SPAN) for report in reports], SPAN), one.interval(threads=2 * LOADS))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(DONE, max_size=8), min_size=1, max_size=6), st.integers(0, LOADS))
def test_the_total_is_what_one_meter_tells_of_all(intervals: list[list[Done]], dying: int) -> None:
    """Loads from `dying` on tell no total, as if they had been killed: then their intervals make it up."""
    with clock() as now:
        loads, one, sums = [Meter() for _ in range(LOADS)], Meter(), Assembly(1.0)
        for done in intervals:
            for each in done:
                each.tell(loads[each.load])
                each.tell(one)
            now.at += SPAN
            for index, load in enumerate(loads):
                sums.add(str(index), load.interval(threads=2), now.at)
            found, expected = sums.take(now.at), one.interval(threads=2 * LOADS)
            assert found is not None
            same(found, expected)
        for index, load in enumerate(loads[:dying]):
            sums.add(str(index), load.total(threads=2), now.at)
        total = sums.total()
        assert total is not None
        same(total, one.total(threads=2 * LOADS))


def test_many_intervals_make_the_same_total() -> None:
    with clock() as now:
        load, sums = Meter(), Assembly(1.0)
        for index in range(200):  # more than are kept apart
            load.committed(0.001 * (index + 1), 3)
            now.at += 1
            sums.add("a", load.interval(1), now.at)
            sums.take(now.at)
        total = sums.total()
        assert total is not None
        same(total, load.total(1))


def plain(tps: float, **fields: object) -> IntervalReport:
    """As from a driver that tells no histogram."""
    return IntervalReport(time=10.0, elapsed=1.0, threads=4, tps=tps, qps=tps * 20, **fields)  # type: ignore[arg-type]


def test_without_histograms_the_mean_is_weighted_and_percentiles_are_unknown() -> None:
    found = pooled([(plain(30, mean=0.010, p95=0.02), 1), (plain(10, mean=0.030, p95=0.08), 1)], 1)
    assert (found.tps, found.qps, found.threads) == (40, 800, 8)
    assert found.mean == pytest.approx(0.015)
    assert (found.p50, found.p95, found.p99, found.histogram) == (None, None, None, "")


def test_the_only_one_with_transactions_keeps_its_percentiles() -> None:
    found = pooled([(plain(30, mean=0.010, p95=0.02), 1), (plain(0), 1)], 1)
    assert (found.mean, found.p95) == (0.010, 0.02)


def test_a_mean_that_one_does_not_tell_is_unknown() -> None:
    assert pooled([(plain(30, mean=0.01), 1), (plain(10), 1)], 1).mean is None


def test_half_the_histograms_make_no_percentile() -> None:
    with clock() as now:
        told = Meter()
        told.committed(0.01, 1)
        now.at += 1
        found = pooled([(told.interval(1), 1), (plain(10, mean=0.1, p95=0.2), 1)], 1)
    assert (found.p95, found.histogram) == (None, "")


def test_parts_without_histograms_have_an_upper_bound() -> None:
    ship = Part(1, 1, 1, 1)
    parts = [{"pay": Part(30, 0.01, 0.02, 0.05)}, {"pay": Part(10, 0.03, 0.08, 0.09), "ship": ship}]
    found = pooled([(plain(1, parts=each), 1) for each in parts], 1).parts
    assert replace(found["pay"], mean=0) == Part(40, 0, 0.08, 0.09)
    assert found["pay"].mean == pytest.approx(0.015)
    assert found["ship"] == ship


def test_only_figures_that_are_rates_add_up() -> None:
    figures = ({"tpmC": 600.0, "power": 3.0}, {"tpmC": 200.0})
    shares = [(plain(1, figures=each), 1.0) for each in figures]
    assert pooled(shares, 1, ("tpmC",)).figures == {"tpmC": 800.0}
    assert pooled(shares[:1], 1, ("tpmC",)).figures == {"tpmC": 600.0, "power": 3.0}


def test_loads_one_after_the_other_are_no_faster_than_one() -> None:
    """There was room for one only: each did 50 tx/s for 10 s, in 20 s."""
    sums = Assembly(1.0)
    for name, end in (("a", 1010.0), ("b", 1020.0)):
        sums.add(name, IntervalReport(end, 10.0, 4, 50.0, 100.0, total=True), end)
    total = sums.total()
    assert total is not None
    assert (total.tps, total.qps, total.elapsed, total.total) == (50.0, 100.0, 20.0, True)

"""Counting: intervals add up to the total, percentiles are those of the latencies, reports survive JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from distdiag_tui.workloads import meter as metering
from distdiag_tui.workloads.meter import MAX_MICROSECONDS, Meter, percentiles
from distdiag_tui.workloads.report import IntervalReport, Part

LATENCIES = st.floats(1e-6, 3000)


@dataclass(frozen=True)
class Transaction:
    latency: float
    queries: int
    part: str


TRANSACTIONS = st.builds(Transaction, LATENCIES, st.integers(1, 40), st.sampled_from(["", "pay", "order"]))
FAILURES = st.tuples(st.sampled_from([1213, 1205, "timeout", "dropped"]), st.integers(1, 50))


@dataclass(frozen=True)
class Interval:
    seconds: float
    transactions: list[Transaction] = field(default_factory=list)
    failures: list[tuple[int | str, int]] = field(default_factory=list)
    reconnects: int = 0


INTERVALS = st.lists(
    st.builds(
        Interval,
        st.floats(0.1, 100),
        st.lists(TRANSACTIONS, max_size=8),
        st.lists(FAILURES, max_size=4),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=4,
)


class Clock:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


def measured(intervals: list[Interval]) -> tuple[list[IntervalReport], IntervalReport]:
    """What a meter reports of them, and its total."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metering, "time", clock)
        meter = Meter()
        reports = []
        for interval in intervals:
            for transaction in interval.transactions:
                meter.committed(transaction.latency, transaction.queries, transaction.part)
            for key, count in interval.failures:
                meter.failed(key, count)
            for _ in range(interval.reconnects):
                meter.reconnected()
            clock.now += interval.seconds
            reports.append(meter.interval(8))
        return reports, meter.total(8)


@settings(max_examples=60, deadline=None)
@given(INTERVALS)
def test_intervals_add_up_to_the_total(intervals: list[Interval]) -> None:
    reports, total = measured(intervals)
    seconds = sum(interval.seconds for interval in intervals)
    done = [t for interval in intervals for t in interval.transactions]
    assert total.total
    assert not any(report.total for report in reports)
    assert total.elapsed == reports[-1].elapsed == pytest.approx(seconds)
    for rate in ("tps", "qps"):
        parts = (getattr(r, rate) * i.seconds for r, i in zip(reports, intervals, strict=True))
        assert getattr(total, rate) * seconds == pytest.approx(sum(parts))
    assert total.tps * seconds == pytest.approx(len(done))
    assert total.qps * seconds == pytest.approx(sum(t.queries for t in done))
    assert total.reconnects == sum(i.reconnects for i in intervals) == sum(r.reconnects for r in reports)
    errors: Counter[int | str] = Counter()
    for report in reports:
        errors.update(report.errors)
    assert total.errors == errors
    assert sum(errors.values()) == sum(count for i in intervals for _, count in i.failures)


@settings(max_examples=60, deadline=None)
@given(INTERVALS)
def test_parts_add_up_to_the_whole(intervals: list[Interval]) -> None:
    _, total = measured(intervals)
    done = [t for interval in intervals for t in interval.transactions]
    for name in ("pay", "order"):
        latencies = [t.latency for t in done if t.part == name]
        assert (name in total.parts) == bool(latencies)
        if latencies:
            part = total.parts[name]
            assert part.count == len(latencies)
            assert part.mean == pytest.approx(sum(latencies) / len(latencies))
            assert part.highest == pytest.approx(max(latencies), rel=0.01, abs=1e-6)
            assert part.p95 == pytest.approx(nearest_rank(latencies, 95), rel=0.01, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(LATENCIES, min_size=1, max_size=60))
def test_percentiles_are_those_of_the_latencies(latencies: list[float]) -> None:
    _, total = measured([Interval(1.0, [Transaction(latency, 1, "") for latency in latencies])])
    assert total.mean == pytest.approx(sum(latencies) / len(latencies))
    for percent, found in ((50, total.p50), (95, total.p95), (99, total.p99)):
        assert found == pytest.approx(nearest_rank(latencies, percent), rel=0.001, abs=1e-6)


def nearest_rank(values: list[float], percent: float) -> float:
    """Of the value whose rank is nearest to that share, the upper one of two: as HdrHistogram has it."""
    rank = math.floor(len(values) * percent / 100 + 0.5)
    return sorted(values)[max(rank, 1) - 1]


@settings(max_examples=30, deadline=None)
@given(INTERVALS)
def test_histograms_of_intervals_add_up(intervals: list[Interval]) -> None:
    """As the Kubernetes runner or a later analysis does with reports of several workers."""
    reports, total = measured(intervals)
    whole = HdrHistogram(1, MAX_MICROSECONDS, 3)
    for report in reports:
        whole.decode_and_add(report.histogram)
    assert percentiles(whole) == (total.p50, total.p95, total.p99)
    assert whole.get_total_count() == sum(len(interval.transactions) for interval in intervals)


def test_an_empty_interval_has_no_latencies() -> None:
    [report], _ = measured([Interval(2.0)])
    assert (report.tps, report.mean, report.p50, report.p95, report.p99) == (0.0, None, None, None, None)


def test_extreme_latencies_are_kept_within_bounds() -> None:
    _, total = measured([Interval(1.0, [Transaction(0.0, 1, ""), Transaction(1e9, 1, "")])])
    assert total.p50 == 1e-6
    assert total.p99 == pytest.approx(3600, rel=0.001)


FINITE = st.floats(0, 1e12)
MAYBE = st.none() | FINITE
WORDS = st.text(min_size=1).filter(lambda text: not (text.isascii() and text.isdecimal()))


@settings(deadline=None)
@given(
    st.builds(
        IntervalReport, time=FINITE, elapsed=FINITE, threads=st.integers(1, 1024), tps=FINITE, qps=FINITE,
        mean=MAYBE, p50=MAYBE, p95=MAYBE, p99=MAYBE,
        errors=st.dictionaries(st.integers(0, 65535) | WORDS, st.integers(1)),
        reconnects=st.integers(0), total=st.booleans(),
        parts=st.dictionaries(st.text(), st.builds(Part, st.integers(0), FINITE, FINITE, FINITE)),
        figures=st.dictionaries(st.text(), FINITE), histogram=st.text(),
    )
)  # fmt: skip
def test_a_report_survives_json(report: IntervalReport) -> None:
    line = report.to_json()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["schema"] == "distdiag.workload/1"
    assert IntervalReport.from_json(line) == report
    assert IntervalReport.from_json(line).without_histogram() == replace(report, histogram="")

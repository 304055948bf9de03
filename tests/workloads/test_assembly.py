"""One stream out of several: who is waited for, who is late, who tells a thing twice."""

from __future__ import annotations

from dataclasses import replace

from distdiag_tui.workloads.assembly import Assembly
from distdiag_tui.workloads.report import IntervalReport

GRACE = 1.5


def report(elapsed: float, tps: float = 10.0, *, total: bool = False) -> IntervalReport:
    return IntervalReport(1000.0 + elapsed, elapsed, 2, tps, tps, errors={1213: 1}, total=total)


def test_a_report_a_round_once_all_have_told() -> None:
    sums = Assembly(GRACE)
    sums.add("a", report(1), 1.0)
    assert sums.take(1.0) == report(1)  # b has not begun: nobody waits for it
    sums.add("a", report(2), 2.0)
    sums.add("b", report(1), 2.1)
    first = sums.take(2.1)
    assert first is not None
    assert (first.tps, first.threads, first.elapsed) == (20.0, 4, 2)
    sums.add("a", report(3), 3.0)
    assert sums.take(3.0) is None  # now it is waited for
    sums.add("b", report(2), 3.1)
    second = sums.take(3.1)
    assert second is not None
    assert second.tps == 20.0


def test_nobody_waits_longer_than_the_grace() -> None:
    sums = Assembly(GRACE)
    for name in "ab":
        sums.add(name, report(1), 1.0)
    sums.take(1.0)
    sums.add("a", report(2), 2.0)
    assert sums.patience(2.5) == 1.0
    assert sums.take(2.5) is None
    late = sums.take(3.5)
    assert late is not None
    assert (late.tps, late.threads) == (10.0, 2)
    assert sums.patience(3.5) is None


def test_what_comes_late_comes_at_its_true_rate() -> None:
    sums = Assembly(GRACE)
    for name in "ab":
        sums.add(name, report(1), 1.0)
    sums.take(1.0)
    sums.add("a", report(2), 2.0)
    assert sums.take(4.0) is not None
    for elapsed, tps in ((2, 4.0), (3, 8.0)):  # b's stream was cut, now it is back
        sums.add("b", report(elapsed, tps), 4.1)
    sums.add("a", report(3), 4.1)
    found = sums.take(4.1)
    assert found is not None
    assert (found.tps, found.threads) == (10.0 + 6.0, 4)


def test_a_report_that_comes_twice_counts_once() -> None:
    sums = Assembly(GRACE)
    for elapsed in (1, 2, 1, 2, 3):
        sums.add("a", report(elapsed), float(elapsed))
    sums.add("a", report(3, total=True), 3.0)
    sums.add("a", report(3, total=True), 3.0)
    found, total = sums.take(3.0), sums.total()
    assert found is not None
    assert (found.tps, found.errors) == (10.0, {1213: 3})
    assert total is not None
    assert (total.tps, total.elapsed) == (10.0, 3)


def test_who_has_left_is_not_waited_for_and_time_does_not_go_back() -> None:
    sums = Assembly(GRACE)
    for name, elapsed in (("a", 5), ("b", 2)):
        sums.add(name, report(elapsed), 1.0)
    first = sums.take(1.0)
    sums.left("a")
    sums.add("b", report(3), 2.0)
    second = sums.take(2.0)
    assert first is not None
    assert second is not None
    assert (first.elapsed, second.elapsed) == (5, 5)
    assert second.threads == 2


def test_who_was_stopped_before_the_first_report_has_a_total_without_time() -> None:
    sums = Assembly(GRACE, ["tpmC"])
    sums.add("a", replace(report(0, 0.0, total=True), figures={"tpmC": 0.0}), 1.0)
    total = sums.total()
    assert total is not None
    assert (total.elapsed, total.tps, total.figures) == (0.0, 0.0, {"tpmC": 0.0})


def test_nothing_told_is_no_total() -> None:
    sums = Assembly(GRACE)
    sums.left("a")
    assert sums.take(1.0) is None
    assert sums.patience(1.0) is None
    assert sums.total() is None

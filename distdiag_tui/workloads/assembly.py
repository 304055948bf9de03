"""One stream of reports out of those of several loads that run at the same time. Pure: the clock is given."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from distdiag_tui.workloads.merge import Share, pooled
from distdiag_tui.workloads.report import IntervalReport

_FOLD: Final = 64  # intervals kept before they become one


class _Load:
    """What one of the loads has told so far."""

    def __init__(self) -> None:
        self.living = True
        self.elapsed = 0.0
        self.began = 0.0  # epoch seconds, by its own clock
        self.total: IntervalReport | None = None
        self.waiting: list[Share] = []
        self._past: list[Share] = []

    def add(self, report: IntervalReport) -> bool:
        """Whether it is news: a stream that was cut may bring a report twice."""
        if self.total is not None or (report.elapsed <= self.elapsed and not report.total):
            return False
        self.began = report.time - report.elapsed
        if report.total:
            self.total, self.living = report, False
        else:
            self.waiting.append((report, report.elapsed - self.elapsed))
            self.elapsed = report.elapsed
        return True

    def take(self, rates: Collection[str]) -> IntervalReport:
        """What waits, as one report. What came late comes at its true rate, not as a peak."""
        joined, taken = _joined(self.waiting, rates), self.waiting
        self.waiting = []
        self._past += taken
        if len(self._past) > _FOLD:
            self._past = [(_joined(self._past, rates), _seconds(self._past))]
        return joined

    def whole(self, rates: Collection[str]) -> Share | None:
        """Its total; of a load that died before it told one, the sum of its intervals."""
        if self.total is not None:
            return self.total, self.total.elapsed
        shares = [*self._past, *self.waiting]
        return (_joined(shares, rates), _seconds(shares)) if shares else None


class Assembly:
    """Collects reports of loads by name and gives their sum, an interval at a time, at last the total.

    A load counts from its first report until it has left. `grace` is how many seconds the others' reports
    wait for one that is late.
    """

    def __init__(self, grace: float, rates: Collection[str] = ()) -> None:
        self._grace, self._rates = grace, rates
        self._loads: dict[str, _Load] = {}
        self._since: float | None = None  # when the oldest that waits came
        self._elapsed = 0.0

    def add(self, name: str, report: IntervalReport, now: float) -> None:
        """A load tells something; what it had told before is passed over."""
        load = self._loads.setdefault(name, _Load())
        if load.add(report) and not report.total and self._since is None:
            self._since = now

    def left(self, name: str) -> None:
        """A load tells no more."""
        if name in self._loads:
            self._loads[name].living = False

    def patience(self, now: float) -> float | None:
        """Seconds until `take` gives something whoever is late; None if nothing waits."""
        return None if self._since is None else max(self._since + self._grace - now, 0.0)

    def take(self, now: float) -> IntervalReport | None:
        """The sum of what waits, if every living load has reported or the grace is over."""
        loads = self._loads.values()
        if self._since is None:
            return None
        if not self.patience(now) or all(load.waiting for load in loads if load.living):
            return self._sum([load.take(self._rates) for load in loads if load.waiting])
        return None

    def total(self) -> IntervalReport | None:
        """The whole run, from the first load's beginning to the last one's end; None if nothing was told."""
        told = [(load, load.whole(self._rates)) for load in self._loads.values()]
        shares = [share for _, share in told if share is not None]
        if not shares:
            return None
        began = min(load.began for load, share in told if share is not None)
        seconds = max(report.time for report, _ in shares) - began
        return replace(pooled(shares, seconds or 1.0, self._rates), elapsed=seconds, total=True)

    def _sum(self, reports: list[IntervalReport]) -> IntervalReport:
        self._since = None
        report = pooled([(report, 1.0) for report in reports], 1.0, self._rates)
        self._elapsed = max(self._elapsed, report.elapsed)
        return replace(report, elapsed=self._elapsed)


def _joined(shares: list[Share], rates: Collection[str]) -> IntervalReport:
    """Intervals of one load, one after the other, as one."""
    if len(shares) == 1:
        return shares[0][0]
    return replace(pooled(shares, _seconds(shares), rates), threads=shares[-1][0].threads)


def _seconds(shares: list[Share]) -> float:
    return sum(seconds for _, seconds in shares)

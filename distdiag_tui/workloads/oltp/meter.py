"""Counts what the clients do and turns it into interval reports."""

from __future__ import annotations

import time
from collections import Counter

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from distdiag_tui.workloads.report import ErrorKey, IntervalReport

_MAX_MICROSECONDS = 600 * 1_000_000
_DIGITS = 3  # within 0.1 %


class _Sums:
    """One span of time: the running interval, or the whole run."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.transactions = self.queries = self.reconnects = 0
        self.seconds = 0.0
        self.errors: Counter[ErrorKey] = Counter()
        self.histogram = HdrHistogram(1, _MAX_MICROSECONDS, _DIGITS)

    def add(self, other: _Sums) -> None:
        self.transactions += other.transactions
        self.queries += other.queries
        self.reconnects += other.reconnects
        self.seconds += other.seconds
        self.errors += other.errors
        self.histogram.add(other.histogram)

    def percentiles(self) -> tuple[float, float, float]:
        if not self.transactions:
            return 0.0, 0.0, 0.0
        found = self.histogram.get_percentile_to_value_dict([50.0, 95.0, 99.0])
        return found[50.0] / 1e6, found[95.0] / 1e6, found[99.0] / 1e6

    def report(self, threads: int, elapsed: float, total: bool) -> IntervalReport:
        span = max(time.monotonic() - self.start, 1e-9)
        p50, p95, p99 = self.percentiles()
        return IntervalReport(
            time=time.time(),
            elapsed=elapsed,
            threads=threads,
            tps=self.transactions / span,
            qps=self.queries / span,
            mean=self.seconds / self.transactions if self.transactions else 0.0,
            p50=p50,
            p95=p95,
            p99=p99,
            errors=dict(self.errors),
            reconnects=self.reconnects,
            total=total,
        )


class Meter:
    """Shared by all clients of one run; `interval` closes an interval and opens the next."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self._now = _Sums()
        self._total = _Sums()

    def committed(self, latency: float, queries: int) -> None:
        """One transaction done: its latency in seconds and its statements, begin and commit included."""
        sums = self._now
        sums.transactions += 1
        sums.queries += queries
        sums.seconds += latency
        sums.histogram.record_value(min(max(int(latency * 1e6), 1), _MAX_MICROSECONDS))

    def failed(self, key: ErrorKey, count: int = 1) -> None:
        """A transaction or a connection attempt that failed."""
        self._now.errors[key] += count

    def reconnected(self) -> None:
        """A lost connection is back."""
        self._now.reconnects += 1

    def interval(self, threads: int) -> IntervalReport:
        """What happened since the last call."""
        closed, self._now = self._now, _Sums()
        self._total.add(closed)
        return closed.report(threads, time.monotonic() - self._total.start, total=False)

    def total(self, threads: int) -> IntervalReport:
        """The whole run up to now."""
        self._total.add(self._now)
        self._now = _Sums()
        return self._total.report(threads, time.monotonic() - self._total.start, total=True)

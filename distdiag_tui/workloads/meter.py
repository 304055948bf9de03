"""Counts what the clients do and turns it into interval reports."""

from __future__ import annotations

import time
from collections import Counter, defaultdict

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from distdiag_tui.workloads.report import ErrorKey, IntervalReport, Part

MAX_MICROSECONDS = 3600 * 1_000_000
DIGITS = 3  # within 0.1 %
_PART_DIGITS = 2


class _Latencies:
    """Of one kind of transaction, or of all."""

    def __init__(self, digits: int) -> None:
        self.seconds = 0.0
        self.histogram = HdrHistogram(1, MAX_MICROSECONDS, digits)

    def record(self, latency: float) -> None:
        self.seconds += latency
        self.histogram.record_value(min(max(int(latency * 1e6), 1), MAX_MICROSECONDS))

    def add(self, other: _Latencies) -> None:
        self.seconds += other.seconds
        self.histogram.add(other.histogram)

    def part(self) -> Part:
        count, histogram = self.histogram.get_total_count(), self.histogram
        p95 = histogram.get_value_at_percentile(95.0) / 1e6
        mean, highest = self.seconds / max(count, 1), histogram.get_max_value() / 1e6
        return Part(count, mean, p95, highest, histogram.encode().decode())


class _Sums:
    """One span of time: the running interval, or the whole run."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.queries = self.reconnects = 0
        self.errors: Counter[ErrorKey] = Counter()
        self.all = _Latencies(DIGITS)
        self.parts: defaultdict[str, _Latencies] = defaultdict(lambda: _Latencies(_PART_DIGITS))

    def add(self, other: _Sums) -> None:
        self.queries += other.queries
        self.reconnects += other.reconnects
        self.errors += other.errors
        self.all.add(other.all)
        for name, latencies in other.parts.items():
            self.parts[name].add(latencies)

    def report(self, threads: int, elapsed: float, total: bool) -> IntervalReport:
        span = max(time.monotonic() - self.start, 1e-9)
        histogram = self.all.histogram
        transactions = histogram.get_total_count()
        p50, p95, p99 = percentiles(histogram)
        return IntervalReport(
            time=time.time(),
            elapsed=elapsed,
            threads=threads,
            tps=transactions / span,
            qps=self.queries / span,
            mean=self.all.seconds / transactions if transactions else None,
            p50=p50,
            p95=p95,
            p99=p99,
            errors=dict(self.errors),
            reconnects=self.reconnects,
            total=total,
            parts={name: latencies.part() for name, latencies in sorted(self.parts.items())},
            histogram=histogram.encode().decode(),
        )


def percentiles(histogram: HdrHistogram) -> tuple[float | None, float | None, float | None]:
    """p50, p95, p99 in seconds of a histogram in µs; None for each if it is empty."""
    if not histogram.get_total_count():
        return None, None, None
    found = histogram.get_percentile_to_value_dict([50.0, 95.0, 99.0])
    return found[50.0] / 1e6, found[95.0] / 1e6, found[99.0] / 1e6


class Meter:
    """Shared by all clients of one run; `interval` closes an interval and opens the next."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self._now = _Sums()
        self._total = _Sums()

    def committed(self, latency: float, queries: int, part: str = "") -> None:
        """One transaction done: its latency in seconds and its statements, begin and commit included.

        `part` names its kind where a load has several.
        """
        self._now.queries += queries
        self._now.all.record(latency)
        if part:
            self._now.parts[part].record(latency)

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

"""Adds up what the sysbench of each server reports: to a report for each interval, and to the total."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from distdiag_tui.workloads.meter import DIGITS, MAX_MICROSECONDS, percentiles
from distdiag_tui.workloads.report import ErrorKey, IntervalReport


@dataclass(slots=True)
class Sums:
    """What happened in a span of time. `latency` is the seconds of `timed` transactions added up.

    `histogram` counts transactions by µs; without one there is only `p95`, the highest that was told: at
    least 95 % of all were no slower.
    """

    transactions: int = 0
    queries: float = 0.0
    timed: int = 0
    latency: float = 0.0
    histogram: Counter[int] = field(default_factory=Counter)
    p95: float = 0.0
    errors: Counter[ErrorKey] = field(default_factory=Counter)
    reconnects: int = 0

    def add(self, other: Sums) -> None:
        """Put another span beside this one."""
        self.transactions += other.transactions
        self.queries += other.queries
        self.timed += other.timed
        self.latency += other.latency
        self.histogram.update(other.histogram)
        self.p95 = max(self.p95, other.p95)
        self.errors.update(other.errors)
        self.reconnects += other.reconnects

    def remove(self, other: Sums) -> None:
        """Take out what was put in, all but its `p95`."""
        self.transactions -= other.transactions
        self.queries -= other.queries
        self.timed -= other.timed
        self.latency -= other.latency
        self.histogram.subtract(other.histogram)
        self.errors.subtract(other.errors)
        self.reconnects -= other.reconnects


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of one server's sysbench: its rates, and what happened since the one before."""

    seconds: float
    threads: int
    tps: float
    qps: float
    sums: Sums


class Tally:
    """Of all servers; `interval` closes an interval and opens the next."""

    def __init__(self) -> None:
        self.begun: float | None = None
        self._clock = time.monotonic
        self._created = self._clock()
        self._samples: defaultdict[int, list[Sample]] = defaultdict(list)
        self._now, self._total = Sums(), Sums()

    def begin(self) -> None:
        """The first clients are at work: time counts from here on."""
        self.begun = self.begun or self._clock()

    def take(self, server: int, sample: Sample) -> None:
        """A report of the server of that index."""
        self._samples[server].append(sample)
        self._now.add(sample.sums)

    def failed(self, key: ErrorKey, count: int = 1) -> None:
        """What did not get done."""
        self._now.errors[key] += count

    def reconnected(self, count: int) -> None:
        """Connections that were lost are back."""
        self._now.reconnects += count

    def correct(self, told: Sums, final: Sums) -> None:
        """A sysbench that ended in order knows better than what it told line by line."""
        self._total.remove(told)
        self._total.add(final)

    def samples(self, server: int) -> int:
        """How many came in this interval."""
        return len(self._samples.get(server, ()))

    def interval(self) -> IntervalReport:
        """What happened since the last call. Rates are as each sysbench told them, added up."""
        self.begun = self.begun or self._created
        closed, self._now = self._now, Sums()
        self._total.add(closed)
        tps = qps = 0.0
        threads = 0
        for samples in self._samples.values():
            seconds = sum(sample.seconds for sample in samples) or 1.0
            tps += sum(sample.tps * sample.seconds for sample in samples) / seconds
            qps += sum(sample.qps * sample.seconds for sample in samples) / seconds
            threads += samples[-1].threads
        self._samples.clear()
        return _report(closed, self._elapsed(), threads, tps, qps)

    def total(self, threads: int) -> IntervalReport:
        """The whole run up to now."""
        self._total.add(self._now)
        self._now = Sums()
        elapsed = max(self._elapsed(), 1e-9)
        tps, qps = self._total.transactions / elapsed, self._total.queries / elapsed
        return replace(_report(self._total, elapsed, threads, tps, qps), total=True)

    def _elapsed(self) -> float:
        return self._clock() - (self.begun or self._created)


def _report(sums: Sums, elapsed: float, threads: int, tps: float, qps: float) -> IntervalReport:
    histogram = _encodable(sums.histogram)
    p50, p95, p99 = percentiles(histogram)
    return IntervalReport(
        time=time.time(),
        elapsed=elapsed,
        threads=threads,
        tps=tps,
        qps=qps,
        mean=sums.latency / sums.timed if sums.timed else None,
        p50=p50,
        p95=p95 or sums.p95 or None,
        p99=p99,
        errors={key: count for key, count in sums.errors.items() if count > 0},
        reconnects=sums.reconnects,
        histogram=histogram.encode().decode(),
    )


def _encodable(counts: Mapping[int, int]) -> HdrHistogram:
    histogram = HdrHistogram(1, MAX_MICROSECONDS, DIGITS)
    for microseconds, count in counts.items():
        if count > 0:
            histogram.record_value(min(max(microseconds, 1), MAX_MICROSECONDS), count)
    return histogram

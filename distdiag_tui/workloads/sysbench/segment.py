"""One sysbench from its start to its end: its lines become samples, its summary the last word."""

from __future__ import annotations

import time
from collections import Counter

from distdiag_tui.workloads.sysbench.output import Event, Failure, Interval, Output, Started, Summary
from distdiag_tui.workloads.sysbench.tally import Sample, Sums, Tally


class Segment:
    """Hears one sysbench and tells the tally. `failure` is what ended it, if anything did."""

    def __init__(self, server: int, tally: Tally) -> None:
        self.started = False
        self.summary: Summary | None = None
        self.failure: Failure | None = None
        self.sums = Sums()
        self._server, self._tally = server, tally
        self._output = Output()
        self._told: dict[int, int] = {}
        self._last = 0.0
        self._fatal = 0

    def hear(self, line: str) -> Event | None:
        """One line; returns what it says."""
        event = self._output.read(line)
        match event:
            case Started():
                self.started, self._last = True, time.monotonic()
                self._tally.begin()
            case Interval():
                self._sample(event)
            case Failure():
                self._fail(event)
            case Summary():
                self.summary = event
                self._tally.correct(self.sums, self._final(event))
        return event

    def _sample(self, interval: Interval) -> None:
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        sums = self._sums(interval, seconds)
        self._told = interval.histogram
        self.sums.add(sums)
        self._tally.take(self._server, Sample(seconds, interval.threads, interval.tps, interval.qps, sums))

    def _sums(self, interval: Interval, seconds: float) -> Sums:
        new = Counter(interval.histogram)
        new.subtract(self._told)
        timed = new.total()
        # sysbench counts errors that end it among those that it ignored
        ignored = max(round(interval.ignored * seconds) - self._fatal, 0)
        self._fatal = 0
        return Sums(
            # rates have two decimals, the histogram has every transaction
            transactions=timed or round(interval.tps * seconds),
            queries=interval.qps * seconds,
            timed=timed,
            latency=sum(microseconds * count for microseconds, count in new.items()) / 1e6,
            histogram=new,
            p95=interval.p95,
            errors=Counter({interval.error: ignored} if ignored else {}),
        )

    def _final(self, summary: Summary) -> Sums:
        """As far as sysbench knows; of the errors it only has their number."""
        errors = Counter(self.sums.errors)
        if more := summary.ignored - errors.total():
            errors[self._output.last_ignored] += more
        return Sums(
            transactions=summary.transactions,
            queries=summary.queries,
            timed=summary.transactions,
            latency=summary.latency,
            histogram=Counter(summary.histogram),
            p95=summary.p95,
            errors=errors,
        )

    def _fail(self, failure: Failure) -> None:
        if failure.code is not None:
            self._tally.failed(failure.code, failure.count)
            self._fatal += failure.count
        if self.failure is None or self.failure.code is None:
            self.failure = failure

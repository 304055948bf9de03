"""What sysbench prints, line by line: reports, errors, the summary. Pure, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from distdiag_tui.workloads.report import ErrorKey

Histogram = dict[int, int]
"""Latency in µs, and how many transactions took it."""

IGNORED: Final = "ignored"
"""An error that did not end the run, and of which sysbench did not say which one it was."""

_NUMBER = r"([\d.]+)"
_INTERVAL = re.compile(
    rf"\[ *\d+s \] thds: (\d+) tps: {_NUMBER} qps: {_NUMBER} \(r/w/o: \S+\) "
    rf"lat \(ms,\d+%\): {_NUMBER} err/s:? {_NUMBER} reconn/s: {_NUMBER}"
)
_BUCKET = re.compile(rf" *{_NUMBER} \|\**  *(\d+)$")
_CODE = re.compile(
    r"""returned error (\d+) \((.*?)\)(?: for query '|$)|MySQL error: (\d+) "(.*)"|error (\d+): (.*)"""
)
_IGNORING = re.compile(r"DEBUG: Ignoring error (\d+) ")
_REPEATED = re.compile(r"\(last message repeated (\d+) times\)")
_SUMMARY = re.compile(r" +(total|transactions|ignored errors|95th percentile|sum): +([\d.]+)")


@dataclass(frozen=True, slots=True)
class Started:
    """All clients are connected, and the clock runs."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A report: rates per second, `p95` in seconds; `ignored` errors per second were of the kind `error`.

    `histogram` has all latencies since the start, empty if there is none.
    """

    threads: int
    tps: float
    qps: float
    p95: float
    ignored: float
    error: ErrorKey
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that ends the run: the server's code, None if sysbench itself is at a loss; in one line."""

    code: int | None
    words: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole run: times in seconds, `latency` the sum over all transactions."""

    transactions: int
    queries: int
    ignored: int
    latency: float
    p95: float
    histogram: Histogram


Event = Started | Interval | Failure | Summary


@dataclass(slots=True)
class Output:
    """Reads one sysbench's lines in order."""

    _histogram: Histogram = field(default_factory=dict)
    _ignoring: list[int] = field(default_factory=list)
    last_ignored: ErrorKey = IGNORED
    _last: Failure | None = None
    _figures: dict[str, float] = field(default_factory=dict)

    def read(self, line: str) -> Event | None:
        """What the line says, if it is of interest."""
        if bucket := _BUCKET.match(line):
            microseconds = round(
                float(bucket[1]) * 1000
            )  # the same for several buckets, where they are small
            self._histogram[microseconds] = self._histogram.get(microseconds, 0) + int(bucket[2])
            return None
        if repeated := _REPEATED.match(line):
            return self._last and Failure(self._last.code, self._last.words, int(repeated[1]))
        if "] thds: " in line and (found := _INTERVAL.search(line)):
            return self._interval(found)
        return self._message(line)

    def _message(self, line: str) -> Event | None:
        self._last = None
        if line.startswith("       value  ---"):
            self._histogram = {}
        elif ignoring := _IGNORING.match(line):
            self._ignoring.append(int(ignoring[1]))
        elif line.startswith("Threads started!"):
            return Started()
        elif figure := _SUMMARY.match(line):
            return self._summary(figure[1], float(figure[2]))
        elif failure := read_failure(line):
            self._last = failure if failure.code else None
            return failure
        return None

    def _interval(self, found: re.Match[str]) -> Interval:
        threads, (tps, qps, p95, ignored, _) = int(found[1]), map(float, found.groups()[1:])
        codes, self._ignoring = set(self._ignoring), []
        if codes:  # sysbench says a repeated message once: none means the same as before
            self.last_ignored = codes.pop() if len(codes) == 1 else IGNORED
        return Interval(threads, tps, qps, p95 / 1e3, ignored, self.last_ignored, dict(self._histogram))

    def _summary(self, name: str, value: float) -> Summary | None:
        self._figures[name] = value
        if name != "sum":
            return None
        figures = self._figures
        return Summary(
            transactions=int(figures["transactions"]),
            queries=int(figures["total"]),
            ignored=int(figures["ignored errors"]),
            latency=figures["sum"] / 1e3,
            p95=figures.get("95th percentile", 0.0) / 1e3,
            histogram=dict(self._histogram),
        )


_SEVERE = re.compile(r"(?:FATAL|ALERT): (.*)|(PANIC: .*)|(invalid option: .*)|(Invalid value for .*)")
_CONSEQUENCES = (  # lines that only say that something went wrong, beside one that says what
    "`",
    "Thread initialization failed",
    "unable to connect to MySQL server",
    "mysql_stmt_prepare() failed",
    "Event queue is full. Terminating the worker thread",
)


def read_failure(line: str) -> Failure | None:
    """What a line says of an error that ends the run; None for other lines, and for mere consequences."""
    found = _SEVERE.match(line)
    if found is None:
        return None
    words = next(group for group in found.groups() if group)
    if words.startswith(_CONSEQUENCES):
        return None
    if code := _CODE.search(words):  # the statement is left out: it is the load's own, and long
        number, text = (group for group in code.groups() if group is not None)
        return Failure(int(number), text)
    return Failure(None, words)

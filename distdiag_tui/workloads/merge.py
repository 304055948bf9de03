"""Adding up the reports of several loads, as if one meter had counted them all. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from distdiag_tui.workloads.meter import percentiles
from distdiag_tui.workloads.report import ErrorKey, IntervalReport, Part

Share = tuple[IntervalReport, float]
"""A report, and the seconds that it is about."""

_NOTHING: Final = (None, None, None)


def pooled(shares: Sequence[Share], seconds: float, rates: Collection[str] = ()) -> IntervalReport:
    """What loads did, each in its own seconds, as one report about `seconds`; threads are added up.

    Percentiles come from the histograms: without them they are unknown, unless only one load had
    transactions. Figures that are named in `rates` add up; others of several loads are left out.
    """
    reports = [report for report, _ in shares]
    histogram, latencies = _latencies(reports)
    return IntervalReport(
        time=max(report.time for report in reports),
        elapsed=max(report.elapsed for report in reports),
        threads=sum(report.threads for report in reports),
        tps=sum(report.tps * span for report, span in shares) / seconds,
        qps=sum(report.qps * span for report, span in shares) / seconds,
        mean=_mean((report.mean, report.tps * span) for report, span in shares),
        p50=latencies[0],
        p95=latencies[1],
        p99=latencies[2],
        errors=_errors(reports),
        reconnects=sum(report.reconnects for report in reports),
        parts=_parts(reports),
        figures=_figures(shares, seconds, rates),
        histogram=histogram,
    )


def _latencies(reports: Sequence[IntervalReport]) -> tuple[str, Sequence[float | None]]:
    """The histogram of all, and p50, p95, p99."""
    busy = [report for report in reports if report.tps] or reports[:1]
    if all(report.histogram for report in busy):
        histogram = _sum(report.histogram for report in busy)
        return histogram.encode().decode(), percentiles(histogram)
    [first, *others] = busy
    return "", _NOTHING if others else (first.p50, first.p95, first.p99)


def _sum(encoded: Iterable[str]) -> Any:  # noqa: ANN401 - the library has no types
    first, *others = (HdrHistogram.decode(each) for each in encoded)
    for other in others:
        first.add(other)
    return first


def _mean(means: Iterable[tuple[float | None, float]]) -> float | None:
    """Weighted; None if that of any that counts is unknown, or if none counts."""
    known = [(mean, weight) for mean, weight in means if weight]
    total = sum(weight for _, weight in known)
    if not total:
        return None
    parts = [mean * weight for mean, weight in known if mean is not None]
    return sum(parts) / total if len(parts) == len(known) else None


def _errors(reports: Sequence[IntervalReport]) -> dict[ErrorKey, int]:
    errors: Counter[ErrorKey] = Counter()
    for report in reports:
        errors.update(report.errors)
    return dict(errors)


def _parts(reports: Sequence[IntervalReport]) -> dict[str, Part]:
    names = sorted({name for report in reports for name in report.parts})
    return {name: _part([report.parts[name] for report in reports if name in report.parts]) for name in names}


def _part(parts: Sequence[Part]) -> Part:
    """Without histograms p95 is the highest of theirs: that of all lies below."""
    if len(parts) == 1:
        return parts[0]
    mean = _mean((part.mean, part.count) for part in parts) or 0.0
    count, highest = sum(part.count for part in parts), max(part.highest for part in parts)
    if not all(part.histogram for part in parts):
        return Part(count, mean, max(part.p95 for part in parts), highest)
    histogram = _sum(part.histogram for part in parts)
    p95 = histogram.get_value_at_percentile(95.0) / 1e6
    return Part(count, mean, p95, highest, histogram.encode().decode())


def _figures(shares: Sequence[Share], seconds: float, rates: Collection[str]) -> dict[str, float]:
    if len(shares) == 1:
        return dict(shares[0][0].figures)
    figures: Counter[str] = Counter()
    for report, span in shares:
        for name in report.figures.keys() & set(rates):
            figures[name] += report.figures[name] * span / seconds  # type: ignore[assignment]
    return dict(figures)

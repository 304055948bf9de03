"""The metrics that speak for a finding, each with its past, its usual band and its onset: pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.diagnosis.metricset import LEAST, LEAST_OF_UNIT
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.canvas import Line, Run, fit
from distdiag_tui.ui.glyphs import ONSET, SHADE
from distdiag_tui.ui.incident_rows import moved, title_of, unit_of, worded
from distdiag_tui.ui.plot import cell_text, clock_marks, plot_lines
from distdiag_tui.ui.spark import TimeAxis, bars, nice_ceiling, stretched

if TYPE_CHECKING:
    from distdiag_tui.model.findings import Evidence
    from distdiag_tui.model.marks import Mark
    from distdiag_tui.model.snapshot import Snapshot

TITLE: Final = 15
MOVED: Final = 21
COLUMNS: Final = (("off by", 9), ("peers", 10), ("share", 7), ("onset", 7))
"""Name and cells of what stands behind a metric, as far as there is room."""

BAND: Final = 3.0  # robust standard deviations that are usual
MOST_REACH: Final = 20.0  # half a band, where nobody would look: a factor of 5e8
MOST_PEERS: Final = 50  # servers that the line of the peers is made from
TALLEST: Final = 8


@dataclass(frozen=True, slots=True)
class Span:
    """What a time axis covers: `seconds` until `end`, epoch seconds, in ticks of `tick` seconds."""

    end: float
    seconds: float
    tick: float

    @property
    def last(self) -> int:
        """The newest tick."""
        return int(self.end // self.tick)

    @property
    def ticks(self) -> int:
        """How many there are."""
        return max(1, round(self.seconds / self.tick))

    def column(self, time: float, columns: int) -> int | None:
        """Where a moment is, as `spark.stretched` has it; None if it is not there."""
        if not math.isfinite(time):
            return None
        tick = int(time // self.tick)
        if self.ticks >= columns:
            return TimeAxis.fitting(self.last, columns, self.ticks).column(tick)
        x = -(-(tick - self.last + self.ticks - 1) * columns // self.ticks)
        return x if 0 <= x < columns else None


@dataclass(frozen=True, slots=True)
class Trace:
    """The past of one metric: two values a cell, of the server and of its peers' median; NaN is unknown."""

    evidence: Evidence
    own: NDArray[np.float64]
    peers: NDArray[np.float64]


def traces(
    snapshot: Snapshot, subject: Subject, evidence: Iterable[Evidence], span: Span, cells: int
) -> list[Trace]:
    """The past of each, over `cells` cells."""
    others = [Subject(each.zone, each.name) for each in snapshot.servers]
    others = [each for each in others if each != subject][:MOST_PEERS]
    return [
        Trace(each, _past(snapshot, [subject], each.metric, span, 2 * cells)[0],
              _median(_past(snapshot, others, each.metric, span, 2 * cells)))
        for each in evidence
    ]  # fmt: skip


def _past(
    snapshot: Snapshot, subjects: Sequence[Subject], name: str, span: Span, columns: int
) -> NDArray[np.float64]:
    """A row for each subject."""
    if name not in METRIC_INDEX:
        return np.full((len(subjects), columns), np.nan)
    ticks = span.ticks + columns  # the first column may begin before the span does
    window = snapshot.history.traces(subjects, METRIC_INDEX[name], ticks, span.last)
    return stretched(window, span.last, columns, span.ticks)


def _median(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    median = np.full(rows.shape[1], np.nan)
    known = ~np.isnan(rows).all(axis=0)
    if known.any():
        median[known] = np.nanmedian(rows[:, known], axis=0)
    return median


def band_of(evidence: Evidence) -> tuple[float, float]:
    """Lowest and highest value that is usual, deviations being what they are to diagnosis; NaN if unknown.

    >>> from distdiag_tui.model.findings import Evidence
    >>> low, high = band_of(Evidence("qps", 100.0, 50.0, -10.0, math.nan, 1.0, math.nan))
    >>> round(low), round(high)
    (81, 123)
    """
    known = all(map(math.isfinite, (evidence.before, evidence.now, evidence.deviation)))
    if not (known and evidence.deviation):
        return math.nan, math.nan
    floor = LEAST.get(evidence.metric, LEAST_OF_UNIT.get(unit_of(evidence.metric), 1.0))
    before, now = math.asinh(evidence.before / floor), math.asinh(evidence.now / floor)
    reach = min(BAND * abs((now - before) / evidence.deviation), MOST_REACH)
    return max(0.0, math.sinh(before - reach) * floor), math.sinh(before + reach) * floor


# -- lines ------------------------------------------------------------------------------------------------


def head_line(width: int) -> Line:
    """The names of what stands in the title lines."""
    names = f"{'metric':{TITLE}}{'before → now':{MOVED}}"
    return (Run(fit(names + "".join(f"{name:>{cells}}" for name, cells in _columns(width)), width), "muted"),)


def title_line(evidence: Evidence, since: float, width: int) -> Line:
    """From what to what, how far off, the peers, its share, how long after `since` it left its band."""
    peers = worded(evidence.peers, unit_of(evidence.metric))
    after = "" if math.isnan(evidence.since) else f"+{max(0.0, evidence.since - since):.0f}s"
    words = {
        "off by": _off(evidence.deviation),
        "peers": peers,
        "share": _percent(evidence.share),
        "onset": after,
    }
    cells = "".join(fit(words[name], cells, right=True) for name, cells in _columns(width))
    head = (
        Run(fit(title_of(evidence.metric), TITLE - 1) + " ", "title"),
        Run(fit(moved(evidence), MOVED), "value"),
    )
    return (*head, Run(fit(cells, width - TITLE - MOVED)))


def _columns(width: int) -> list[tuple[str, int]]:
    room, shown = width - TITLE - MOVED, []
    for name, cells in COLUMNS:
        room -= cells
        if room >= 0:
            shown.append((name, cells))
    return shown


def _off(deviation: float) -> str:
    """In robust standard deviations."""
    return (
        "–"
        if math.isnan(deviation)
        else f"{deviation:+.1f} σ"
        if abs(deviation) < 10
        else f"{deviation:+.0f} σ"
    )


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.0f} %"


def plot(trace: Trace, span: Span, since: float, width: int, height: int) -> list[Line]:
    """The server's line, red out of its band, the peers' dotted, the band shaded, the onset marked."""
    low, high = band_of(trace.evidence)
    top, wrong = _top(trace, high), _outside(trace.own, low, high)
    began = since if math.isnan(trace.evidence.since) else trace.evidence.since
    onset = _half(span.column(began, 2 * width))
    if height == 1:
        text = bars(_every_second(trace.own), top)[0]
        return [_runs([_bar(x, text[x], wrong[x], onset) for x in range(width)])]
    dotted = np.where(np.arange(len(trace.own)) % 2 == 0, trace.peers, np.nan)
    dots, owners = (grid.tolist() for grid in plot_lines([dotted, trace.own], top, width, height))
    usual = _rows_within(low, high, top, height)
    lines = []
    for y in range(height):
        empty = SHADE if y in usual else " "
        cells = zip(dots[y], owners[y], wrong, strict=True)
        lines.append(_runs([_cell(x, cell, onset, empty) for x, cell in enumerate(cells)]))
    return lines


def _half(column: int | None) -> int | None:
    """The cell of a value: there are two in each."""
    return None if column is None else column // 2


def _outside(values: NDArray[np.float64], low: float, high: float) -> list[bool]:
    """Of each cell, whether it holds a value that is not usual."""
    with np.errstate(invalid="ignore"):
        beyond = (values < low) | (values > high)
    return [bool(first or second) for first, second in beyond.reshape(-1, 2).tolist()]


def _bar(x: int, text: str, wrong: bool, onset: int | None) -> tuple[str, str]:
    if text == " " and x == onset:
        return ONSET, "busy"
    return text, "bad" if wrong else "spark"


def _cell(x: int, cell: tuple[int, int, bool], onset: int | None, empty: str) -> tuple[str, str]:
    dots, owner, wrong = cell
    if dots:
        return cell_text(dots), "muted" if owner == 0 else "bad" if wrong else "spark"
    return (ONSET, "busy") if x == onset else (empty, "muted")


def _every_second(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of two values in a cell the later one, or else the earlier."""
    pairs = values.reshape(-1, 2)
    return np.where(np.isnan(pairs[:, 1]), pairs[:, 0], pairs[:, 1])


def _top(trace: Trace, high: float) -> float:
    """The upper end of the value axis: all there is, and the band unless that would make it all of it."""
    both = np.concatenate((trace.own, trace.peers))
    seen = both[~np.isnan(both)].tolist()
    known = [value for value in (*seen, trace.evidence.before, trace.evidence.now) if math.isfinite(value)]
    highest = max(known, default=0.0)
    if unit_of(trace.evidence.metric) == "%" and highest <= 100:
        return 100.0
    return nice_ceiling(max(highest, high) if high < 2 * highest else highest)


def _rows_within(low: float, high: float, top: float, height: int) -> range:
    """The rows of a plot that the band touches, none if it is not known."""
    if math.isnan(low):
        return range(0)
    levels = 4 * height - 1
    first, last = (round(min(max(value / top, 0.0), 1.0) * levels) // 4 for value in (low, high))
    return range(height - 1 - last, height - first)


def _runs(cells: list[tuple[str, str]]) -> Line:
    return tuple(Run("".join(text for text, _ in group), style)
                 for style, group in groupby(cells, key=lambda cell: cell[1]))  # fmt: skip


def heading(words: str, span: Span, marks: Iterable[Mark], width: int) -> Line:
    """A rule with the words, that carries the marks of the time axis below it."""
    at = {_half(span.column(mark.time, 2 * width)): mark.glyph for mark in marks}
    head = f"{words} " if words else ""
    cells = [(text, "group") for text in head]
    cells += [(at[x], "busy") if x in at else ("─", "muted") for x in range(len(head), width)]
    return _runs(cells)


def clock_line(span: Span, width: int) -> Line:
    """The times below the plots."""
    return (Run(clock_marks(span.end, span.seconds, width), "muted"),)

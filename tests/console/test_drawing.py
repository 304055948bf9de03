"""The drawing functions, over all inputs: bars, time axes, line plots, and which cells are repainted."""

from __future__ import annotations

import math
import re
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.cells import cell_len

from distdiag_tui.ui.canvas import Line, Run, _inert, changed_spans, fit, width_of
from distdiag_tui.ui.plot import BRAILLE, DOTS, cell_text, clock_marks, plot_lines
from distdiag_tui.ui.spark import BARS, STEPS, TimeAxis, bars, columns_of, nice_ceiling, stretched

Floats = NDArray[np.float64]

NAN = float("nan")
FIGURES = st.floats(0.0, 2.0**99, allow_subnormal=False)
GAPPY = st.lists(st.one_of(st.just(NAN), st.floats(0.0, 1e9, allow_subnormal=False)), max_size=40)


def levels(rows: list[str]) -> list[int]:
    """How many eighths of a row each column is filled."""
    return [sum(BARS.index(row[x]) for row in rows) for x in range(len(rows[0]))]


# -- bars ---------------------------------------------------------------------------------------------


@given(GAPPY, st.floats(0.1, 1e9), st.integers(1, 4))
def test_bars_are_as_wide_as_the_values_and_show_just_what_is_known(
    values: list[float], top: float, height: int
) -> None:
    rows = bars(np.array(values, dtype=float), top, height)
    assert [len(row) for row in rows] == [len(values)] * height
    assert [level > 0 for level in levels(rows)] == [not math.isnan(value) for value in values]
    assert all(level <= 8 * height for level in levels(rows))


@given(GAPPY, st.floats(0.1, 1e9), st.integers(1, 4))
def test_bars_stand_on_the_ground(values: list[float], top: float, height: int) -> None:
    rows = bars(np.array(values, dtype=float), top, height)
    for above, below in pairwise(rows):
        assert all(lower == BARS[-1] for upper, lower in zip(above, below, strict=True) if upper != " ")


@given(st.lists(st.floats(0.0, 1e9), max_size=40), st.floats(0.1, 1e9), st.integers(1, 4))
def test_more_is_never_drawn_lower(values: list[float], top: float, height: int) -> None:
    drawn = levels(bars(np.array(sorted(values)), top, height))
    assert drawn == sorted(drawn)


@given(st.floats(0.1, 1e9), st.integers(1, 4))
def test_bars_span_from_the_lowest_to_the_top(top: float, height: int) -> None:
    assert levels(bars(np.array([0.0, top / 2, top, 2 * top]), top, height)) == [
        1,
        4 * height,
        8 * height,
        8 * height,
    ]


# -- the time axis ------------------------------------------------------------------------------------


def past(end: int) -> Floats:
    """What happened at the ticks up to `end`: each tick has its own value, some are gaps."""
    ticks = np.arange(end + 1)
    return np.where(ticks % 7 == 3, np.nan, (ticks * 37) % 101).astype(np.float64)


def drawn(end: int, columns: int, ticks: int, *, more: int = 0) -> list[str]:
    """Columns of a plot at tick `end`, as text so that gaps are equal to gaps."""
    axis = TimeAxis(end, columns, ticks)
    window = past(end)[max(0, end + 1 - axis.span - more) :]
    shown = columns_of(window[None].astype(np.float32), axis)
    assert shown.shape == (1, columns)
    return [f"{value:.6g}" for value in shown[0]]


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 9))
def test_a_column_is_the_mean_of_its_ticks(end: int, columns: int, ticks: int) -> None:
    everything = past(end)
    for back, text in enumerate(reversed(drawn(end, columns, ticks))):
        first = (end // ticks - back) * ticks
        known = [
            v
            for t in range(first, first + ticks)
            if 0 <= t <= end
            for v in [everything[t]]
            if not np.isnan(v)
        ]
        assert text == (f"{sum(known) / len(known):.6g}" if known else "nan")


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 9))
def test_the_past_stays_in_its_columns_until_the_axis_steps(end: int, columns: int, ticks: int) -> None:
    before, after = drawn(end, columns, ticks), drawn(end + 1, columns, ticks)
    if (end + 1) % ticks:
        assert after[:-1] == before[:-1]
    else:
        assert after[:-1] == before[1:]


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 9), st.integers(0, 50))
def test_an_older_past_than_the_axis_shows_is_left_out(end: int, columns: int, ticks: int, more: int) -> None:
    assert drawn(end, columns, ticks, more=more) == drawn(end, columns, ticks)


@given(st.integers(0, 10**6), st.integers(1, 200), st.integers(1, 4000))
def test_a_fitting_axis_covers_the_span_in_the_columns_there_are(end: int, columns: int, span: int) -> None:
    axis = TimeAxis.fitting(end, columns, span)
    assert axis.columns == columns
    assert axis.columns * axis.ticks >= span
    assert axis.ticks == 1 or axis.columns * (axis.ticks - 1) < span


@given(st.integers(0, 300), st.integers(1, 60), st.integers(1, 60))
def test_stretched_ticks_take_equal_parts_of_all_columns(end: int, columns: int, span: int) -> None:
    everything = past(end)
    shown = stretched(np.stack([everything, everything * 2]).astype(np.float32), end, columns, span)
    assert shown.shape == (2, columns)
    np.testing.assert_array_equal(shown[1], shown[0] * 2)
    if span < columns:
        ticks = [everything[t] if t >= 0 else NAN for t in range(end - span + 1, end + 1)]
        expected = [ticks[x * span // columns] for x in range(columns)]
        np.testing.assert_array_equal(shown[0], expected)


# -- scales -------------------------------------------------------------------------------------------


@given(FIGURES)
def test_a_ceiling_is_a_step_just_above_the_value(value: float) -> None:
    ceiling = nice_ceiling(value)
    assert ceiling >= value * 0.999999
    power = 10.0 ** math.floor(math.log10(ceiling) + 1e-9)
    assert any(ceiling == pytest.approx(step * power) for step in STEPS)
    if value > 0:
        assert ceiling <= value * 1.7  # the widest step, with room for rounding


@given(FIGURES, FIGURES)
def test_ceilings_are_monotone(one: float, other: float) -> None:
    low, high = sorted([one, other])
    if low > 0:
        assert nice_ceiling(low) <= nice_ceiling(high)


@pytest.mark.parametrize("value", [0.0, -3.0, NAN, math.inf])
def test_what_has_no_scale_gets_one(value: float) -> None:
    assert nice_ceiling(value) == 1.0


# -- spans of changed cells ---------------------------------------------------------------------------

# One and two cells wide, and a mark that takes none.
LETTERS = st.text(st.sampled_from("ab 1█…你好한é́"), max_size=6).filter(
    lambda text: not unicodedata.combining(text[:1] or "x")
)
LINES = st.lists(st.builds(Run, LETTERS, st.sampled_from(["", "good", "bad"])), max_size=5).map(tuple)
Cells = list[tuple[str, str]]


def cells(line: Line, width: int) -> Cells:
    """(text, style) by cell: the second cell of a wide character is empty, marks go with their letter."""
    row: Cells = []
    for run in line:
        for letter in run.text:
            wide = cell_len(letter)
            if wide:
                row += [(letter, run.style), ("", run.style)][:wide]
            else:
                base = next(x for x in range(len(row) - 1, -1, -1) if row[x][0])
                row[base] = (row[base][0] + letter, row[base][1])
    return row + [(" ", "")] * (width - len(row))


def check_spans(old: Line, new: Line) -> None:
    width = max(width_of(old), width_of(new))
    shown, wanted = cells(old, width), cells(new, width)
    end = 0
    for x, count in changed_spans(old, new):
        assert x >= end, "spans go from left to right and do not overlap"
        end = x + count
        assert end <= width
        cut = [row[edge][0] == "" for row in (shown, wanted) for edge in (x, end) if edge < width]
        assert not any(cut), "no span cuts a wide character in two"
        shown[x:end] = wanted[x:end]
    assert shown == wanted


@given(LINES, LINES)
@example((Run("ab"), Run("x")), (Run("你a"), Run("x")))  # all that follows moves
@example((Run("你a"),), (Run("ab"),))  # the old text is wider than it has characters
@example((Run("é你x"),), (Run("é好x"),))
def test_painting_the_changed_spans_makes_the_new_line(old: Line, new: Line) -> None:
    check_spans(old, new)


@st.composite
def edits(draw: st.DrawFn) -> tuple[Line, Line]:
    """A line and the same with some runs replaced: what mostly happens."""
    old = draw(LINES)
    new = []
    for run in old:
        text = "".join(draw(st.permutations(run.text))) if draw(st.booleans()) else run.text
        if unicodedata.combining(text[:1] or "x"):
            text = run.text
        new.append(Run(text, draw(st.sampled_from([run.style, run.style, "warn"]))))
    return old, tuple(new)


@given(edits())
def test_painting_the_changed_spans_makes_an_edited_line(pair: tuple[Line, Line]) -> None:
    check_spans(*pair)


@given(LINES)
def test_a_line_does_not_change_from_itself(line: Line) -> None:
    assert list(changed_spans(line, line)) == []


@given(st.text("abc123 █", min_size=1), st.data())
def test_one_changed_letter_is_one_cell(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    new = f"{text[:at]}Z{text[at + 1 :]}"
    assert list(changed_spans((Run("head "), Run(text)), (Run("head "), Run(new)))) == [(5 + at, 1)]


# -- text from servers --------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
NASTY = st.text(st.sampled_from("ab\x1b\x9b\x00\n\t\x7f\u202e\ud800\U000e0001\ufe0f你好é́"), max_size=60)


def controls(text: str) -> list[str]:
    """The characters that could do something to a terminal."""
    return [letter for letter in text if unicodedata.category(letter)[0] == "C"]


@given(st.one_of(ANY_TEXT, NASTY), st.integers(-2, 50), st.booleans())
@example("observer", -1, False)  # a pane narrower than its figures
def test_fitted_text_takes_exactly_its_cells(text: str, width: int, right: bool) -> None:
    fitted = fit(text, width, right=right)
    assert cell_len(fitted) == max(width, 0)
    assert not controls(fitted)


@given(st.text("abc123-", min_size=1, max_size=20), st.integers(20, 40))
def test_text_with_room_is_kept_and_padded(text: str, width: int) -> None:
    assert fit(text, width) == text.ljust(width)
    assert fit(text, width, right=True) == text.rjust(width)


@given(st.one_of(ANY_TEXT, NASTY))
def test_nothing_that_is_drawn_controls_the_terminal(text: str) -> None:
    inert = _inert(text)
    assert not controls(inert)
    assert len(inert) == len(text)
    if not controls(text):
        assert inert == text


# -- line plots ---------------------------------------------------------------------------------------


def dot_rows(dots: NDArray[np.intp], x: int) -> list[int]:
    """Heights above the ground of the dots in dot column `x`."""
    height = dots.shape[0]
    column = [bool(dots[y // 4, x // 2] & DOTS[y % 4, x % 2]) for y in range(4 * height)]
    return [4 * height - 1 - y for y, set_ in enumerate(column) if set_][::-1]


@st.composite
def plots(draw: st.DrawFn) -> tuple[list[Floats], int, int]:
    """Series up to 10 (some beyond it), and the size of the plot in cells."""
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    value = st.one_of(st.just(NAN), st.floats(0, 10), st.sampled_from([0.0, 10.0, 12.0, -1.0]))
    one = st.lists(value, min_size=2 * width, max_size=2 * width)
    return [np.array(draw(one)) for _ in range(draw(st.integers(0, 3)))], width, height


@given(plots())
def test_dots_are_inside_and_every_cell_has_an_owner(plot: tuple[list[Floats], int, int]) -> None:
    series, width, height = plot
    dots, owner = plot_lines(series, 10.0, width, height)
    assert dots.shape == owner.shape == (height, width)
    assert dots.min() >= 0
    assert dots.max() <= 0xFF
    assert ((dots > 0) == (owner >= 0)).all()
    assert owner.max() < len(series) or not series
    assert all(cell_text(p) == (chr(BRAILLE + p) if p else " ") for p in dots.flatten().tolist())


@given(plots())
def test_a_line_is_joined_where_it_is_known_and_broken_by_gaps(plot: tuple[list[Floats], int, int]) -> None:
    series, width, height = plot
    for values in series:
        dots, _ = plot_lines([values], 10.0, width, height)
        top = 4 * height - 1
        heights = [None if math.isnan(v) else round(min(max(v / 10, 0), 1) * top) for v in values.tolist()]
        for x, here in enumerate(heights):
            drawn_here = dot_rows(dots, x)
            if here is None:
                assert drawn_here == []
                continue
            before = heights[x - 1] if x else None
            assert here in drawn_here
            assert drawn_here == list(range(drawn_here[0], drawn_here[-1] + 1))
            if before is None:
                assert drawn_here == [here]
            else:
                assert min(abs(y - before) for y in drawn_here) <= 1
                assert all(min(here, before) <= y <= max(here, before) for y in drawn_here)


@given(plots())
def test_the_later_series_is_in_front(plot: tuple[list[Floats], int, int]) -> None:
    series, width, height = plot
    _, owner = plot_lines(series, 10.0, width, height)
    for number, values in enumerate(series):
        alone, _ = plot_lines([values], 10.0, width, height)
        assert (owner[alone > 0] >= number).all()


@given(st.integers(0, 2 * 10**9), st.sampled_from([60.0, 300.0, 3600.0]), st.integers(0, 240))
@example(0, 60.0, 12)
@example(0, 60.0, 16)
def test_clock_marks_are_whole_times_in_exactly_the_width(end: int, span: float, width: int) -> None:
    marks = clock_marks(end, span, width)
    assert len(marks) == width
    if width >= 8:
        times = marks.split()
        assert times
        assert all(re.fullmatch(r"\d\d:\d\d:\d\d", time) for time in times)

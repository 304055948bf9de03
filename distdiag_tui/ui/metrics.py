"""The metrics pane: a grid of cards, each a figure with its recent past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from textual.events import Resize
from textual.geometry import Size

from distdiag_tui.model.metrics import CATALOGUE, FIRST_LOOK, GROUPS
from distdiag_tui.model.text import DASH, figure
from distdiag_tui.ui.canvas import Line, Run, ScenePane, cut, fit
from distdiag_tui.ui.machines import host_words
from distdiag_tui.ui.messages import MetricOpened
from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.spark import TimeAxis, bars, columns_of, nice_ceiling

CARD_WIDTH: Final = 37  # the narrowest card
TITLE: Final = 15
FIGURE: Final = 10  # number and unit
RANGE: Final = 18  # lowest and highest, beside the sparkline where there is room
ROOMY: Final = 56  # width from which the range has room
NARROWEST: Final = TITLE + FIGURE + 4  # cells below which there is no room for a card
GAP: Final = 2  # cells between columns of cards


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the grid: a card of a metric, or with `metric` None the heading of a group."""

    metric: int | None
    group: str
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Where every card is. `rows` is the height of the whole grid, which may exceed the pane's."""

    cells: tuple[Cell, ...]
    columns: int
    card_height: int
    rows: int

    @property
    def cards(self) -> tuple[Cell, ...]:
        """The cells that can be selected."""
        return tuple(cell for cell in self.cells if cell.metric is not None)


def lay_out(metrics: list[int], width: int, height: int) -> Grid:
    """As tall cards as let everything fit (3 rows at most), else single rows to scroll through."""
    columns = max(1, (width + GAP) // (CARD_WIDTH + GAP))
    for card_height in (3, 2, 1):
        for used in range(min(columns, 2 if card_height > 1 else columns), columns + 1):
            grid = _flow(metrics, used, height, card_height)
            if grid.rows <= height:
                return grid
    return _flow(metrics, columns, height, 1)


def _flow(metrics: list[int], columns: int, height: int, card_height: int) -> Grid:
    """Fill column after column; a heading never stands last in its column."""
    groups = [(name, list(members)) for name, members in groupby(metrics, lambda m: CATALOGUE[m].group)]
    total = len(groups) + len(metrics) * card_height
    limit = max(height, -(-total // columns) + card_height)
    cells: list[Cell] = []
    column = row = bottom = 0
    for name, members in groups:
        if row + 1 + card_height > limit and column + 1 < columns:
            column, row = column + 1, 0
        cells.append(Cell(None, name, column, row))
        row += 1
        for metric in members:
            if row + card_height > limit and column + 1 < columns:
                column, row = column + 1, 0
            cells.append(Cell(metric, name, column, row))
            row += card_height
            bottom = max(bottom, row)
    return Grid(tuple(cells), columns, card_height, bottom)


def matching(text: str, *, every: bool) -> list[int]:
    """Catalogue indexes of the metrics whose id, title or group holds every word of `text`.

    Without words: those of the first look, or with `every` all.
    """
    words = text.lower().split()
    if not words and not every:
        return [index for index, row in enumerate(CATALOGUE) if row.id in FIRST_LOOK]
    return [
        index
        for index, row in enumerate(CATALOGUE)
        if all(word in f"{row.id} {row.title} {GROUPS[row.group]}".lower() for word in words)
    ]


@dataclass(frozen=True, slots=True)
class CardData:
    """What one card shows: newest value, the past by column, and lowest and highest of the span."""

    value: float
    past: NDArray[np.float64]
    low: float
    high: float


def card_lines(metric: int, data: CardData, width: int, height: int, *, chosen: bool) -> list[Line]:
    """The rows of a card, each exactly `width` cells."""
    row = CATALOGUE[metric]
    number, unit = figure(data.value, row.unit)
    top = 100.0 if row.unit == "%" else nice_ceiling(data.high)
    sparks = bars(data.past, top, height)
    spark_width = len(sparks[0])
    title_style, value_style = ("chosen", "chosen") if chosen else ("title", "value")
    if number in (DASH, "0") and not chosen:
        title_style = value_style = "muted"
    span = _range(data, row.unit)
    aside = width - TITLE - FIGURE - 1 - spark_width
    first = (
        Run(fit(row.title, TITLE), title_style),
        Run(f"{number:>5} {unit:<4}", value_style),
        Run(" "),
        Run(sparks[0], "spark"),
    )
    if aside > 0:
        return [(*first, Run(fit(f"  {span}", aside), "muted"))]
    lines: list[Line] = [first]
    for index, spark in enumerate(sparks[1:]):
        below = fit(span if index == 0 else "", TITLE + FIGURE)
        lines.append((Run(below, "muted"), Run(" "), Run(spark, "spark")))
    return lines


def _range(data: CardData, unit: str) -> str:
    """Lowest to highest of the span, such as `1.2–48 ms`; nothing while nothing happened."""
    if not data.high > 0:
        return ""
    low, low_unit = figure(data.low, unit)
    high, high_unit = figure(data.high, unit)
    if low_unit == high_unit or low == "0":
        return f"{low}–{high} {high_unit}".rstrip()
    return f"{low}{low_unit}–{high}{high_unit}"


class MetricsPane(ScenePane):
    """All metrics of the selected subject."""

    def __init__(self) -> None:
        super().__init__(id="metrics")
        self._filter = ""
        self._every = False
        self._shown = matching("", every=False)
        self._laid_out = Size(80, 20)
        self._grid = lay_out(self._shown, *self._laid_out)
        self._chosen = 0  # index into the grid's cards
        self._top = 0  # first row of the grid in sight

    @property
    def filter_text(self) -> str:
        """What the shown metrics were narrowed to."""
        return self._filter

    def narrow(self, text: str) -> None:
        """Show only the metrics that match; the selection goes to the first."""
        self._filter = text
        self._choose_shown()

    def toggle_every(self) -> None:
        """All metrics, or those of the first look."""
        self._every = not self._every
        self._choose_shown()

    def _choose_shown(self) -> None:
        self._shown = matching(self._filter, every=self._every)
        self._chosen = self._top = 0
        self._lay_out()

    def on_resize(self, _: Resize) -> None:
        """A new size means a new layout."""
        self._lay_out()

    def _lay_out(self) -> None:
        self._laid_out = self.size
        self._grid = lay_out(self._shown, *self.size)
        self.redraw()

    # -- keys ---------------------------------------------------------------------------------------

    def action_move(self, columns: int, rows: int) -> None:
        """Move the selection in the grid."""
        cards = self._grid.cards
        if not cards:
            return
        here = cards[self._chosen]
        if columns:
            beside = [c for c in cards if c.column == here.column + columns]
            if beside:
                nearest = min(beside, key=lambda c: abs(c.row - here.row))
                self._chosen = cards.index(nearest)
        else:
            self._chosen = min(len(cards) - 1, max(0, self._chosen + rows))
        self.redraw()

    def action_open(self) -> None:
        """Show the selected metric alone."""
        cards = self._grid.cards
        if cards and (metric := cards[self._chosen].metric) is not None:
            self.post_message(MetricOpened(metric))

    # -- drawing ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Lay the cards out as before, with the scene's figures."""
        width, height = self.size
        if width < NARROWEST or height < 1 or self.size != self._laid_out:
            return  # word of the new size is on its way
        self._scroll_to_chosen(height)
        if self._scene.snapshot is None:
            return
        self.entitle(self._title(), self._subtitle())
        if not self._shown:
            self.draw([(Run(f"no metric matches {self._filter!r}", "muted"),)])
            return
        self.draw(self._lines(width, height))

    def _title(self) -> str:
        narrowed = f" · /{self._filter}" if self._filter else ""
        return f"{cut(self._scene.subject.title, 40)}{narrowed} · {_span_name(self._scene.span)}"

    def _subtitle(self) -> str:
        above, below = self._top > 0, self._grid.rows > self._top + self.size.height
        shown = f"{len(self._shown)} of {len(CATALOGUE)} metrics"
        return " ".join([shown, "↑" if above else "", "↓" if below else ""]).rstrip()

    def _scroll_to_chosen(self, height: int) -> None:
        cards = self._grid.cards
        self._chosen = min(self._chosen, max(0, len(cards) - 1))
        if not cards:
            return
        row = cards[self._chosen].row
        first, last = 0 if row == 1 else row, row + self._grid.card_height  # the first heading comes along
        top = max(min(self._top, first), last - height)
        self._top = max(0, min(top, self._grid.rows - height))

    def _lines(self, width: int, height: int) -> list[Line]:
        grid = self._grid
        card_width = (width - GAP * (grid.columns - 1)) // grid.columns
        columns: list[dict[int, Line]] = [{} for _ in range(grid.columns)]
        axis = self._axis(_spark_width(card_width, grid.card_height))
        cards = self._card_data(axis)
        marks = _mark_columns(self._scene, axis)
        chosen = grid.cards[self._chosen].metric if self.has_focus else None
        for cell in grid.cells:
            if not self._top - grid.card_height < cell.row < self._top + height:
                continue
            if cell.metric is None:
                rows = [_heading(self._group_title(cell.group), card_width, marks)]
            else:
                data = cards[cell.metric]
                rows = card_lines(
                    cell.metric, data, card_width, grid.card_height, chosen=cell.metric == chosen
                )
            for offset, line in enumerate(rows):
                columns[cell.column][cell.row + offset] = line
        blank: Line = (Run(" " * card_width),)
        return [
            _join([column.get(row, blank) for column in columns])
            for row in range(self._top, self._top + height)
        ]

    def _group_title(self, group: str) -> str:
        """That of the host says which one it is, or why it has no figures."""
        assert self._scene.snapshot is not None
        if group != "host":
            return GROUPS[group]
        return f"{GROUPS[group]} · {host_words(self._scene.snapshot, self._scene.subject)}"

    def _axis(self, columns: int) -> TimeAxis:
        """The time axis that all cards share."""
        assert self._scene.snapshot is not None
        return TimeAxis.fitting(self._scene.snapshot.tick, columns, self._scene.span_ticks)

    def _card_data(self, axis: TimeAxis) -> list[CardData]:
        """One entry a metric of the catalogue, from one pass over the store."""
        snapshot = self._scene.snapshot
        assert snapshot is not None
        window = snapshot.history.window(self._scene.subject, axis.span, snapshot.tick)
        past = columns_of(window, axis)
        known = ~np.isnan(window)
        any_known = known.any(axis=1)
        low = np.where(any_known, np.where(known, window, np.inf).min(axis=1, initial=np.inf), np.nan)
        high = np.where(any_known, np.where(known, window, -np.inf).max(axis=1, initial=-np.inf), np.nan)
        values = snapshot.values.get(self._scene.subject, np.full(len(CATALOGUE), np.nan))
        return [
            CardData(*row) for row in zip(values.tolist(), past, low.tolist(), high.tolist(), strict=True)
        ]


def _spark_width(card_width: int, card_height: int) -> int:
    room = card_width - TITLE - FIGURE - 1
    return room - RANGE if card_height == 1 and card_width >= ROOMY else room


def _mark_columns(scene: Scene, axis: TimeAxis) -> dict[int, str]:
    """Glyphs of the scene's marks by column of the time axis; where two meet the later one stays."""
    assert scene.snapshot is not None
    columns = {axis.column(int(mark.time // scene.snapshot.interval)): mark.glyph for mark in scene.marks}
    return {column: glyph for column, glyph in columns.items() if column is not None}


def _heading(name: str, width: int, marks: Mapping[int, str]) -> Line:
    """The group's name on a rule, which carries the marks of the time axis above the sparklines."""
    title = f"{cut(name, width - 1)} "
    first = max(TITLE + FIGURE + 1, cell_len(title))
    line = [Run(title, "group"), Run("─" * (first - cell_len(title)), "muted")]
    rule = "".join(marks.get(column, "─") for column in range(width - first))
    line += [Run("".join(part), "muted" if plain_rule else "busy")
             for plain_rule, part in groupby(rule, lambda cell: cell == "─")]  # fmt: skip
    return tuple(line)


def _join(parts: list[Line]) -> Line:
    line: list[Run] = list(parts[0])
    for part in parts[1:]:
        line += (Run(" " * GAP), *part)
    return tuple(line)


def _span_name(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.0f} h"

"""A line plot in braille dots, as pure functions: arrays in, characters out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

BRAILLE: Final = 0x2800
# The bit of each dot of a cell, by row and column.
DOTS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])

Grid = tuple[NDArray[np.intp], NDArray[np.intp]]


def plot_lines(series: Sequence[NDArray[np.float64]], top: float, width: int, height: int) -> Grid:
    """Dot patterns and owner of each cell: two (height, width) arrays, owner -1 where nothing is.

    Each series has 2 * width values from 0 to `top`; where lines meet in a cell the later series owns it.
    """
    dots = np.zeros((height, width), dtype=np.intp)
    owner = np.full((height, width), -1, dtype=np.intp)
    for number, values in enumerate(series):
        for x, low, high in _strokes(values, top, 4 * height):
            for y in range(low, high + 1):
                row = height - 1 - y // 4
                dots[row, x // 2] |= DOTS[3 - y % 4, x % 2]
                owner[row, x // 2] = number
    return dots, owner


def _strokes(values: NDArray[np.float64], top: float, levels: int) -> list[tuple[int, int, int]]:
    """Vertical strokes (x, lowest, highest level) that join each value to the one before it."""
    level = np.clip(np.nan_to_num(values) / top * (levels - 1), 0, levels - 1).round().astype(int).tolist()
    known = (~np.isnan(values)).tolist()
    strokes = []
    for x, here in enumerate(level):
        if not known[x]:
            continue
        before = level[x - 1] if x and known[x - 1] else here
        step = 1 if here > before else -1 if here < before else 0
        strokes.append((x, min(here, before + step), max(here, before + step)))
    return strokes


def cell_text(pattern: int) -> str:
    """The character of a dot pattern; a blank for none.

    >>> cell_text(0), cell_text(0x01)
    (' ', '⠁')
    """
    return chr(BRAILLE + pattern) if pattern else " "


def mark_words(marks: Mapping[int, str], width: int) -> str:
    """Words at their columns in a row of `width` cells, each as far as the next one leaves room.

    >>> mark_words({1: "▶ oltp", 5: "■ oltp"}, 12)
    ' ▶ o ■ oltp '
    """
    row = ""
    for x, words in sorted(marks.items()):
        row = (row[: max(0, x - 1)] + " " if row.strip() else row).ljust(x) + words
    return row[:width].ljust(width)


def clock_marks(end: float, span: float, width: int) -> str:
    """A row of clock times under a time axis that ends at epoch second `end` and covers `span` seconds.

    Over more than half a day they have the weekday instead of seconds.
    """
    form = "%H:%M:%S" if span <= 43200 else "%a %H:%M"
    count = min(6, width // 16) if width > 16 else 0  # where there is room for one time only, it is the end
    marks = [" "] * width
    for index in range(count + 1):
        x = round(index * (width - 1) / count) if count else width - 1
        text = time.strftime(form, time.localtime(end - span * (1 - x / max(1, width - 1))))
        start = max(0, min(x - len(text) // 2, width - len(text)))
        marks[start : start + len(text)] = text
    return "".join(marks[:width])

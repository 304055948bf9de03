"""Text in as many lines as it needs, none wider than there is room: nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len, chop_cells

from distdiag_tui.model.text import plain
from distdiag_tui.ui.canvas import Line, Run, fit

LONGEST: Final = 4000  # characters of one text
LEAST: Final = 3  # cells of a column of a table
GAP: Final = "  "


def folded(text: str, width: int) -> list[str]:
    """Between words where that is possible; lines that the text has stay lines, and so do blanks within them.

    >>> folded("who waits for whom", 9), folded("a  b", 9)
    (['who waits', 'for whom'], ['a  b'])
    """
    lines: list[str] = []
    for row in text.splitlines() or [""]:
        lines += _fold(plain(row, LONGEST), max(2, width))
    return lines


def _fold(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in re.split(r"\s", text):
        joined = f"{line} {word}" if line else word
        if cell_len(joined.rstrip()) <= width:
            line = joined
            continue
        lines += [line.rstrip()] * bool(line)
        *full, line = chop_cells(word, width) or [word]  # none of a word that takes no cell
        lines += full
    return [*lines, line.rstrip()]


def typed(text: str, width: int, style: str = "", *, first: str = "") -> list[Line]:
    """Lines as they were typed or printed, with their blanks, broken only where they are too long."""
    room = max(2, width - cell_len(first))
    rows = [piece for row in text.splitlines() for piece in chop_cells(plain(row, LONGEST), room) or [""]]
    return [(Run(first, "muted"), Run(fit(row, room), style)) for row in rows]


def packed(pieces: Iterable[str], width: int, between: str = " · ") -> list[str]:
    """As many pieces in a line as it holds, each whole unless it is longer than a line.

    >>> packed(["a 1 → 2", "b 3 → 4", "c"], 18)
    ['a 1 → 2 · b 3 → 4', 'c']
    """
    lines: list[str] = []
    for piece in pieces:
        joined = f"{lines[-1]}{between}{piece}" if lines else ""
        if joined and cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(fit(piece, width).rstrip())
    return lines


def paragraph(text: str, width: int, style: str = "", *, first: str = "") -> list[Line]:
    """Folded lines of exactly `width` cells, behind `first` or as much of nothing."""
    indent = cell_len(first)
    return [
        (Run(first if index == 0 else " " * indent, "muted"), Run(fit(row, width - indent), style))
        for index, row in enumerate(folded(text, width - indent))
    ]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Line]:
    """A line a row, below the names; columns take what they need, the widest give way."""
    cells = [max(map(cell_len, column)) for column in zip_longest(columns, *rows, fillvalue="")]
    while sum(cells) + len(GAP) * (len(cells) - 1) > width and max(cells, default=0) > LEAST:
        cells[cells.index(max(cells))] -= 1

    def line(row: Sequence[str], style: str) -> Line:
        text = GAP.join(
            fit(text, room) for text, room in zip((*row, *[""] * len(cells)), cells, strict=False)
        )
        return (Run(fit(text, width), style),)

    return [line(columns, "muted"), *(line(row, "") for row in rows)]

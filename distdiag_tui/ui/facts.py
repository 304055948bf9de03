"""What is known about a selected row: a name and some words, below a rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from distdiag_tui.model.text import plain
from distdiag_tui.ui.canvas import Line, Run, fit
from distdiag_tui.ui.folding import folded

NAME: Final = 10  # cells
ROWS: Final = 3  # that the words of one fact may take

Fact = tuple[str, str]
"""Without a name it says what is wrong."""


def fact_lines(facts: Iterable[Fact], width: int) -> list[Line]:
    """Each line exactly `width` cells."""
    lines: list[Line] = []
    for name, text in facts:
        for index, piece in enumerate(wrapped(text, width - NAME)):
            label = Run(fit(name if index == 0 else "", NAME), "muted")
            lines.append((label, Run(fit(piece, width - NAME), "value" if name else "bad")))
    return lines


def wrapped(text: str, width: int, *, rows: int = ROWS) -> list[str]:
    """Server text made harmless, in a few lines, the rest left out.

    >>> wrapped("who waits for whom", 9, rows=1), wrapped("服务器一号", 4, rows=2)
    (['who…'], ['服务', '器…'])
    """
    lines = folded(plain(text, 600), width)
    if len(lines) > rows:
        lines[rows - 1 :] = [f"{folded(lines[rows - 1], width - 1)[0]}…"]
    return lines


def rule(width: int) -> Line:
    """Between the rows and the facts."""
    return (Run("─" * width, "muted"),)

"""A widget that draws lines of runs and sends only the cells that changed to the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from distdiag_tui.model.text import plain
from distdiag_tui.ui.scene import Scene

if TYPE_CHECKING:
    from distdiag_tui.ui.app import ConsoleApp


class Run(NamedTuple):
    """Text in one style: a name of `palette.LOOKS`; "" is normal."""

    text: str
    style: str = ""


Line = tuple[Run, ...]


def width_of(line: Line) -> int:
    """Cells a line takes."""
    return sum(cell_len(run.text) for run in line)


def cut(text: object, most: int) -> str:
    """Server text made harmless, cut in the middle to at most so many cells.

    >>> cut("observer-1", 6), cut("服务器一号", 6), cut("n1", 6)
    ('ob…r-1', '服…号', 'n1')
    """
    limit = most = max(most, 0)
    while (over := cell_len(short := plain(text, limit)) - most) > 0:
        limit -= (over + 1) // 2  # no character takes more than two cells
    return short


def fit(text: object, width: int, *, right: bool = False) -> str:
    """Server text made harmless, cut in the middle and padded to exactly `width` cells.

    >>> fit("observer-1", 6), fit("12", 4, right=True)
    ('ob…r-1', '  12')
    """
    short = cut(text, width)
    padding = " " * (width - cell_len(short))
    return padding + short if right else short + padding


def changed_spans(old: Line, new: Line) -> Iterator[tuple[int, int]]:
    """Where two lines differ, as (first cell, cells), left to right.

    >>> list(changed_spans((Run("ab "), Run("12")), (Run("ab "), Run("13"))))
    [(4, 1)]
    """
    x = 0
    for before, after in zip_longest(old, new):
        if after is None or before is None or cell_len(before.text) != cell_len(after.text):
            yield x, max(width_of(old), width_of(new)) - x
            return
        width = cell_len(after.text)
        if before.style != after.style:
            yield x, width
        elif before.text != after.text:
            if _one_cell_each(before.text) and _one_cell_each(after.text):
                first, last = _differing(before.text, after.text)
                yield x + first, last - first + 1
            else:
                yield x, width
        x += width


def _one_cell_each(text: str) -> bool:
    return all(cell_len(character) == 1 for character in text)


def _differing(old: str, new: str) -> tuple[int, int]:
    different = [index for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    return different[0], different[-1]


def _inert(text: str) -> str:
    """The last gate before the terminal: nothing that a server sent can control it."""
    return text if text.isprintable() else plain(text, len(text))


class Canvas(Widget, can_focus=True):
    """Base of every pane. A subclass calls `draw` with all its lines whenever something may have changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id)
        self._drawn: Sequence[Line] = ()
        self._titles = ("", "")

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines; repaint only the cells that differ from what is shown."""
        regions = []
        for y, (old, new) in enumerate(zip_longest(self._drawn, lines, fillvalue=())):
            if old != new:
                spans = (Region(x, y, width, 1) for x, width in changed_spans(old, new))
                regions += [inside for span in spans if (inside := span.intersection(self.size.region))]
        self._drawn = tuple(lines)
        if regions:
            self.refresh(*regions)

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Set the border's texts; setting them anew would repaint the whole pane, so only if they changed."""
        if title != self._titles[0]:
            self.border_title = Content(title)
        if subtitle != self._titles[1]:
            self.border_subtitle = Content(subtitle)
        self._titles = (title, subtitle)

    def render_line(self, y: int) -> Strip:
        """One row of cells, for the compositor."""
        width = self.size.width
        runs = self._drawn[y] if y < len(self._drawn) else ()
        segments = [Segment(_inert(run.text), self._rich(run.style)) for run in runs]
        return Strip(segments).adjust_cell_length(width, self._rich(""))

    def _rich(self, name: str) -> Style:
        return cast("ConsoleApp", self.app).looks[name]


class ScenePane(Canvas):
    """A canvas of a scene. A subclass says in `redraw` how it looks at its present size."""

    def __init__(self, *, id: str) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id)
        self._scene = Scene()

    def redraw(self) -> None:
        """Draw the scene."""
        raise NotImplementedError

    def show(self, scene: Scene) -> None:
        """Draw another scene."""
        self._scene = scene
        self.redraw()

    def on_resize(self, _: Resize) -> None:
        """Draw anew at the new size."""
        self.redraw()

    def on_focus(self) -> None:
        """The selection looks different in the focused pane."""
        self.redraw()

    on_blur = on_focus

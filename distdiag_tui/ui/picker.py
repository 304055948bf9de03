"""One metric of the catalogue, found by typing a few letters of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from distdiag_tui.model.metrics import CATALOGUE, GROUPS, METRIC_INDEX, Bad, Metric
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import figure
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.order import matrix_of
from distdiag_tui.ui.overlay import Overlay
from distdiag_tui.ui.scene import Scene

TITLE: Final = 16
GROUP: Final = 17
FIGURE: Final = 11

Other = tuple[str, str, str]
"""Something else to pick: its id, its title, and words on it."""


class Entry(NamedTuple):
    """A row: what is picked with it, and by which words it is found."""

    id: str
    words: str
    title: str
    about: str


def entries(others: Sequence[Other]) -> list[Entry]:
    """Those, and every metric."""
    rows = [Entry(name, f"{title} {about}".lower(), title, about) for name, title, about in others]
    return rows + [
        Entry(row.id, f"{row.id} {row.title} {GROUPS[row.group]}".lower(), row.title, GROUPS[row.group])
        for row in CATALOGUE
    ]


def _closeness(row: Entry, text: str) -> int:
    """The very title comes first, then what begins so, then what holds it, then what is of such a group."""
    title = row.title.lower()
    if title.startswith(text):
        return int(title != text)
    return 2 if text in f"{title} {row.id}" else 3


class Choices(ScenePane, can_focus=False):
    """The rows that match, with the figures of the cluster and of the worst server."""

    def __init__(self, rows: Sequence[Entry], taken: str) -> None:
        super().__init__(id="choices")
        self._all = self._rows = list(rows)
        self._chosen = next((i for i, row in enumerate(rows) if row.id == taken), 0)
        self._top = 0
        self._matrix: tuple[int, NDArray[np.float32]] | None = None  # with its tick

    @property
    def picked(self) -> str:
        """The id of the selected row, "" if nothing matches."""
        return self._rows[self._chosen].id if self._rows else ""

    def narrow(self, text: str) -> None:
        """Only rows that hold every word; the first that does is selected."""
        words = text.lower().split()
        before = self.picked
        found = [row for row in self._all if all(word in row.words for word in words)]
        self._rows = sorted(found, key=lambda row: _closeness(row, text.lower().strip()))
        self._chosen = 0 if words else next((i for i, r in enumerate(self._rows) if r.id == before), 0)
        self.redraw()

    def step(self, rows: int) -> None:
        """Another row."""
        self._chosen = max(0, min(len(self._rows) - 1, self._chosen + rows))
        self.redraw()

    def redraw(self) -> None:
        """Draw the rows in sight."""
        width, height = self.size
        snapshot = self._scene.snapshot
        if snapshot is None or width < TITLE or height < 2:
            return
        self._top = max(0, min(self._top, self._chosen, len(self._rows) - height + 1))
        self._top = max(self._top, self._chosen - height + 2)
        head = f"{'':{TITLE + GROUP}}{'cluster':>{FIGURE}}  worst server"
        lines: list[Line] = [(Run(fit(head, width), "muted"),)]
        for index, row in enumerate(self._rows[self._top : self._top + height - 1], self._top):
            lines.append(self._line(snapshot, row, width, chosen=index == self._chosen))
        if not self._rows:
            lines.append((Run(fit("no metric matches", width), "muted"),))
        self.draw(lines + [(Run(" " * width),)] * (height - len(lines)))

    def _line(self, snapshot: Snapshot, row: Entry, width: int, *, chosen: bool) -> Line:
        title = (Run(fit(row.title, TITLE), "chosen" if chosen else "title"), Run(" "))
        index = METRIC_INDEX.get(row.id)
        if index is None:
            return (*title, Run(fit(row.about, width - TITLE - 1), "muted"))
        kind = CATALOGUE[index]
        number, unit = figure(snapshot.value(Subject(), row.id), kind.unit)
        worst = self._worst(snapshot, index, kind)
        room = width - TITLE - GROUP - FIGURE
        return (*title, Run(fit(row.about, GROUP - 1), "muted"),
                Run(f"{number:>{FIGURE - 5}} {unit:<4}", "value"), Run(fit(f"  {worst}", room)))  # fmt: skip

    def _worst(self, snapshot: Snapshot, index: int, kind: Metric) -> str:
        if self._matrix is None or self._matrix[0] != snapshot.tick:
            self._matrix = (snapshot.tick, matrix_of(snapshot, snapshot.servers))
        column = self._matrix[1][:, index]
        if np.isnan(column).all():
            return ""
        place = int(np.nanargmin(column) if kind.bad is Bad.LOW else np.nanargmax(column))
        figures = " ".join(figure(float(column[place]), kind.unit))
        return f"{figures:<10} {snapshot.servers[place].name}"


class MetricPicker(Overlay[str]):
    """Dismissed with the id that was picked, "" for none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", show=False),
        Binding("up", "step(-1)", show=False),
        Binding("down", "step(1)", show=False),
        Binding("pageup", "step(-10)", show=False),
        Binding("pagedown", "step(10)", show=False),
    ]

    def __init__(self, heading: str, taken: str, others: Sequence[Other] = ()) -> None:
        super().__init__()
        self._heading = heading
        self._choices = Choices(entries(others), taken)
        self._field = Input(id="wanted", placeholder="type a few letters", compact=True)
        self._field.cursor_blink = False  # blinking would cost traffic

    def compose(self) -> ComposeResult:
        """A field to type in, and what matches."""
        yield from super().compose()
        with Vertical(id="picker") as box:
            box.border_title = self._heading
            box.border_subtitle = "↑ ↓ select · Enter takes it · Esc closes"
            yield self._field
            yield self._choices

    def on_mount(self) -> None:
        """Typing begins at once."""
        super().on_mount()
        self.set_focus(self._field)

    def show(self, scene: Scene) -> None:
        """With the figures of the last tick."""
        super().show(scene)
        self._choices.show(scene)

    def action_step(self, rows: int) -> None:
        """Another row."""
        self._choices.step(rows)

    @on(Input.Changed, "#wanted")
    def _narrow(self, event: Input.Changed) -> None:
        self._choices.narrow(event.value)

    @on(Input.Submitted, "#wanted")
    def _take(self, event: Input.Submitted) -> None:
        self._choices.narrow(event.value)  # when keys come fast, not all of them have been heard of
        self.dismiss(self._choices.picked)

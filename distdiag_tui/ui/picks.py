"""Several of a handful of names: left and right go from one to the next, Space takes it or not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.widget import Widget

from distdiag_tui.ui.canvas import fit

GAP: Final = 2
BOX: Final = 4  # cells of `[x] `
LONGEST: Final = 24


class Picks(Widget, can_focus=True):
    """As many rows as it takes, and as there is room for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("space", "take", show=False),
    ]

    def __init__(self, names: Sequence[str], taken: Collection[str], name: str) -> None:
        super().__init__(id=name)
        self._names = names
        self._taken = {each for each in names if each in taken}
        self._here = next((i for i, each in enumerate(names) if each in taken), 0)
        self._top = 0  # the first row in sight
        self._cells = min(LONGEST, max(map(cell_len, names), default=0))

    @property
    def taken(self) -> list[str]:
        """The names that were taken, in their order."""
        return [name for name in self._names if name in self._taken]

    def action_step(self, step: int) -> None:
        """The next or previous name."""
        self._here = (self._here + step) % max(1, len(self._names))
        self.refresh()

    def action_take(self) -> None:
        """Take it, or not."""
        if self._names:
            self._taken ^= {self._names[self._here]}
            self.refresh()

    def on_resize(self, _: Resize) -> None:
        """Another width, other rows."""
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As the rows need."""
        return max(1, -(-len(self._names) // self._in_a_row(width)))

    def render(self) -> Content:
        """A box before each name; of more rows than there is room for those about the cursor."""
        count = self._in_a_row(self.size.width)
        first, end = self._in_sight(count)
        parts: list[tuple[str, str]] = []
        for index, name in list(enumerate(self._names))[first:end]:
            if index > first:
                parts.append(("\n" if index % count == 0 else " " * GAP, ""))
            here = index == self._here and self.has_focus
            look = "bold reverse" if here else "bold" if name in self._taken else ""
            parts.append((f"[{'x' if name in self._taken else ' '}] {fit(name, self._cells)}", look))
        if end - first < len(self._names):
            more = f"{'↑' if first else ' '}{'↓' if end < len(self._names) else ' '}"
            parts.append((f"\n{more} {len(self._taken)} of {len(self._names)} taken", ""))
        return Content.assemble(*parts)

    def _in_sight(self, count: int) -> tuple[int, int]:
        """The first name that is shown, and the one after the last; below them is a line on the others."""
        room, rows, here = self.size.height, -(-len(self._names) // count), self._here // count
        if rows > room:
            room = max(1, room - 1)
        self._top = max(0, min(self._top, here, rows - room))
        self._top = max(self._top, here - room + 1)
        return self._top * count, min(len(self._names), (self._top + room) * count)

    def _in_a_row(self, width: int) -> int:
        return max(1, (width + GAP) // (self._cells + BOX + GAP))

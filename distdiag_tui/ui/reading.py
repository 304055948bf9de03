"""Text to read: as many lines as there are, over the panes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from distdiag_tui.ui.overlay import Overlay


class Reading(Overlay[None]):
    """Lines that are harmless already; long ones are broken."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter", "dismiss", "Close")]

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._title, self._lines = title, lines

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        yield from super().compose()
        with VerticalScroll(id="reading") as page:
            page.border_title = Content(self._title)
            page.border_subtitle = "↑ ↓ scroll · Esc closes"
            yield Static("\n".join(self._lines), markup=False)

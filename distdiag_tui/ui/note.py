"""What lies over the story of an incident: a note to be typed, and SQL to be copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from distdiag_tui.ui.fields import FieldScreen, typing
from distdiag_tui.ui.reading import Reading


class NoteForm(FieldScreen):
    """One line, which goes into the timeline of an incident."""

    def __init__(self, heading: str, keep: Callable[[str], None]) -> None:
        super().__init__(heading)
        self._keep = keep

    def fields(self) -> Iterable[Widget]:
        """The line."""
        yield typing("", "note", "what others should know")

    def on_mount(self) -> None:
        """Typing begins at once."""
        super().on_mount()
        self.query_one(VerticalScroll).border_subtitle = "Enter keeps it · Esc closes"
        self.set_focus(self.query_one("#note", Input))

    @on(Input.Submitted)
    def action_go(self) -> None:
        """Keep it."""
        text = self.query_one("#note", Input).value.strip()

        async def keep() -> None:
            self._keep(text)

        self.carry_out(keep)


class Statements(Reading):
    """SQL as it is typed, to be marked with the terminal's own means or copied with a key."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title, text.splitlines())
        self._text = text

    def on_mount(self) -> None:
        """As any reading, with one more key."""
        super().on_mount()
        self.query_one(VerticalScroll).border_subtitle = "↑ ↓ scroll · c copies · Esc closes"

    def action_copy(self) -> None:
        """Into the clipboard of the terminal, if it lets us (OSC 52)."""
        self.app.copy_to_clipboard(self._text)
        self.query_one(VerticalScroll).border_subtitle = "copied, if the terminal allows it · Esc closes"

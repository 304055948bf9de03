"""A question with a few answers, each a key; Escape takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Static

from distdiag_tui.ui.overlay import Overlay


class Answer(NamedTuple):
    """Its key, and what it does in a few words."""

    key: str
    words: str


KEEP: Final = Answer("escape", "go on as before")
SCROLL: Final = {
    "up": Widget.scroll_up,
    "down": Widget.scroll_down,
    "pageup": Widget.scroll_page_up,
    "pagedown": Widget.scroll_page_down,
}


class Question(Overlay[str]):
    """Dismissed with the key of the chosen answer, "" for none. A long text scrolls above the answers."""

    def __init__(self, title: str, text: str, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._title, self._text, self._answers = title, text, (*answers, KEEP)

    def compose(self) -> ComposeResult:
        """The question, then the answers below each other."""
        yield from super().compose()
        with Vertical(id="question") as box:
            box.border_title = self._title
            with VerticalScroll(id="text", can_focus=False):
                yield Static(self._text, markup=False)
            yield Static("")
            for answer in self._answers:
                key = "Esc" if answer.key == "escape" else answer.key
                yield Static(f"{key:>4}  {answer.words}", markup=False)

    def on_key(self, event: Key) -> None:
        """Only the keys that are shown do anything, and those that scroll."""
        event.stop()
        if event.key == "escape":
            self.dismiss("")
        elif event.character and event.character in [answer.key for answer in self._answers]:
            self.dismiss(event.character)
        elif event.key in SCROLL:
            SCROLL[event.key](self.query_one("#text"), animate=False)

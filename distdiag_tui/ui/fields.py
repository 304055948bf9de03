"""What forms are made of: a row a value, buttons, and a line for what is wrong. Keyboard only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.text import plain
from distdiag_tui.ui.overlay import Overlay
from distdiag_tui.ui.screens import BREAKPOINTS

if TYPE_CHECKING:
    from distdiag_tui.ui.app import ConsoleApp

SUBTITLE = "↑ ↓ move · ← → choose · Enter goes · Esc closes"


class Choice(Select[str], inherit_bindings=False):
    """A choice that up and down pass by: left and right step through, Space opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "show_overlay", show=False),
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
    ]

    def __init__(self, words: Sequence[str], value: str, name: str) -> None:
        super().__init__(
            [(word, word) for word in words], value=value, id=name, allow_blank=False, compact=True
        )
        self._words = words

    def action_step(self, step: int) -> None:
        """The next or previous word."""
        here = self._words.index(str(self.value))
        self.value = self._words[(here + step) % len(self._words)]


class Fields(VerticalScroll, inherit_bindings=False, can_focus=False):
    """They scroll by the page, and to the one that is focused: up and down go from one to the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]


class FieldScreen(Overlay[None]):
    """Closes once what was asked for has begun; what is wrong stays in the form to be mended."""

    HORIZONTAL_BREAKPOINTS = BREAKPOINTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", show=False),
        Binding("enter", "go", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, heading: str) -> None:
        super().__init__()
        self._heading = heading
        self._busy = self._done = False

    def compose(self) -> ComposeResult:
        """The fields in a box, and a line for what is wrong."""
        yield from super().compose()
        with Fields(id="form") as box:
            box.border_title = Content(self._heading)
            box.border_subtitle = SUBTITLE
            yield from self.fields()
            yield Static("", id="wrong", markup=False)

    def fields(self) -> Iterable[Widget]:
        """What the form is made of."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Blinking would cost traffic."""
        for field in self.query(Input):
            field.cursor_blink = False

    def action_go(self) -> None:
        """What Enter does."""
        raise NotImplementedError

    def carry_out(self, action: Callable[[], Awaitable[None]], *, closes: bool = True) -> None:
        """Do it once, be Enter pressed twice; close the form, if that is meant, when it went well.

        The console goes on while a cluster is asked; who closes the form does not call that off.
        """
        if self._busy:
            return
        try:
            going = action()  # with the fields as they are now
        except DistdiagError as error:
            self.complain(str(error))
            return
        self._busy = True
        self.app.run_worker(self._finish(going, closes=closes), group="errands")

    async def _finish(self, going: Awaitable[None], *, closes: bool) -> None:
        try:
            await going
        except DistdiagError as error:
            self.complain(str(error))
            closes = False
        self._busy = self._done = closes
        if closes:
            self.dismiss()

    def on_screen_resume(self) -> None:
        """What lay over a form that is done is gone."""
        if self._done:
            self.dismiss()

    def complain(self, words: str) -> None:
        """Say what is wrong, in the form while that is there."""
        if self in self.app.screen_stack:
            self.query_one("#wrong", Static).update(plain(words, 300))
        else:
            cast("ConsoleApp", self.app).tell(words, bad=True)


def labelled(name: str, field: Widget, hint: str, *, classes: str = "") -> Widget:
    """A row: name, field, and a hint where there is room."""
    return Horizontal(
        Label(name, classes=f"name {classes}", markup=False),
        field,
        Label(hint, classes="hint", markup=False),
        classes="row",
    )


def typing(value: str, name: str, placeholder: str = "") -> Input:
    """A field to type in."""
    return Input(value, id=name, compact=True, select_on_focus=True, placeholder=placeholder)


def buttons(*named: tuple[str, str]) -> Widget:
    """A row of buttons, by id and words."""
    return Horizontal(*(Button(words, id=name, compact=True) for name, words in named), id="buttons")

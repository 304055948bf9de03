"""The form that starts a workload, or changes one that runs: keyboard only, a row an option."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.text import plain
from distdiag_tui.ui.screens import BREAKPOINTS
from distdiag_tui.workloads.options import SERVERS, Option, Value, worded

if TYPE_CHECKING:
    from distdiag_tui.service.desk import KindView
    from distdiag_tui.workloads.protocol import Step

Given = Mapping[str, str]
Submit = Callable[["tuple[Step, ...]", Given, bool], Awaitable[None]]
"""Does what the form asks for: steps (none: change what runs), options as typed, and whether to insist."""

INSIST: Final = "insist"
CHANGING: Final = ("threads", "rate")
_YES_NO: Final = ("yes", "no")


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


class Form(ModalScreen[None]):
    """Closes once what was asked for has begun; what is wrong stays in the form to be mended."""

    HORIZONTAL_BREAKPOINTS = BREAKPOINTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", show=False),
        Binding("enter", "go", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(
        self, view: KindView, cluster: str, given: Given, submit: Submit, *, production: bool
    ) -> None:
        super().__init__()
        self._view, self._cluster, self._given, self._submit = view, cluster, given, submit
        self._insist = production and not view.active
        self._busy = False

    def compose(self) -> ComposeResult:
        """What it is, a row an option, the buttons, and a line for what is wrong."""
        view = self._view
        with VerticalScroll(id="form", can_focus=False) as box:
            box.border_title = Content(f"{view.kind.title} on {plain(self._cluster, 30)}")
            box.border_subtitle = "↑ ↓ move · ← → choose · Enter goes · Esc closes"
            yield Static(view.kind.about, markup=False)
            yield Static(self._state(), markup=False, classes="hint")
            for option in self._options():
                yield _row(option, self._value(option))
            if self._insist:
                yield _insist_row(self._cluster)
            with Horizontal(id="buttons"):
                yield from self._buttons()
            yield Static("", id="about", markup=False, classes="hint")
            yield Static("", id="wrong", markup=False)

    def on_mount(self) -> None:
        """Blinking would cost traffic."""
        for field in self.query(Input):
            field.cursor_blink = False

    @on(DescendantFocus)
    def _explain(self, event: DescendantFocus) -> None:
        """What the focused option takes."""
        option = next((o for o in self._options() if o.name == event.widget.id), None)
        words = f"{option.about}  {option.bounds}" if option else ""
        self.query_one("#about", Static).update(words)

    # -- what there is ------------------------------------------------------------------------------

    def _options(self) -> list[Option]:
        """All of them, or those that can change while it runs."""
        options = self._view.kind.options
        return [o for o in options if o.name in CHANGING] if self._view.active else [*options, SERVERS]

    def _state(self) -> str:
        if self._view.active:
            return "It runs; a change takes effect at once."
        if self._view.missing:
            return f"Not installed here: {self._view.missing}"
        prepared = self._view.prepared
        if prepared is None:
            return "No data yet: the options marked * decide what is made."
        half = "" if prepared.ready else "Half "
        return f"{half}prepared with {worded(prepared.sizes)}; other values of * make it anew.".capitalize()

    def _value(self, option: Option) -> str:
        """What runs, what was typed last time, what is prepared, or the default."""
        view = self._view
        if view.active and view.run is not None:
            report, wanted = view.run.report, view.run.options.get(option.name, option.default)
            return _typed(report.threads if report and option.name == "threads" else wanted)
        if option.size and view.prepared is not None and option.name in view.prepared.sizes:
            return _typed(view.prepared.sizes[option.name])
        return self._given.get(option.name, _typed(option.default))

    def _buttons(self) -> Iterator[Button]:
        if self._view.active:
            yield Button("Change", id="change", compact=True)
            return
        yield Button("Start", id="start", compact=True)
        yield Button("Only prepare", id="prepare", compact=True)

    # -- what is asked for --------------------------------------------------------------------------

    @on(Input.Submitted)
    async def action_go(self) -> None:
        """Start, with all that this takes; or change what runs."""
        await self._go(() if self._view.active else self._start_steps())

    @on(Button.Pressed)
    async def _press(self, event: Button.Pressed) -> None:
        steps: dict[str | None, tuple[Step, ...]] = {"start": self._start_steps(), "prepare": ("prepare",)}
        await self._go(steps.get(event.button.id, ()))

    def _start_steps(self) -> tuple[Step, ...]:
        """Data that is missing, or of other sizes, is made first."""
        prepared, typed = self._view.prepared, self._typed_values()
        if where := set(self._view.where):
            servers = {name.strip() for name in typed.get(SERVERS.name, "").split(",")}
            if not servers <= where:
                return "prepare", "run"
        fits = prepared is not None and prepared.ready and all(
            typed.get(name) == _typed(value) for name, value in prepared.sizes.items()
        )  # fmt: skip
        return ("run",) if fits else ("prepare", "run")

    def _typed_values(self) -> dict[str, str]:
        values = {field.id or "": field.value.strip() for field in self.query(Input)}
        values |= {field.id or "": str(field.value) for field in self.query(Choice)}
        return {name: value for name, value in values.items() if value and name != INSIST}

    async def _go(self, steps: tuple[Step, ...]) -> None:
        if self._busy:  # Enter twice must not start twice
            return
        self._busy = True
        try:
            insists = self._confirmed()
            await self._submit(steps, self._typed_values(), insists)
        except DistdiagError as error:
            self.query_one("#wrong", Static).update(plain(error, 300))
            self._busy = False
        else:
            self.dismiss()

    def _confirmed(self) -> bool:
        return self._insist and self.query_one(f"#{INSIST}", Input).value.strip() == self._cluster


def _row(option: Option, value: str) -> Widget:
    star = "*" if option.size else " "
    return Horizontal(
        Label(f"{option.name.replace('_', ' ')} {star}", classes="name", markup=False),
        _field(option, value),
        Label(option.about, classes="hint", markup=False),
        classes="row",
    )


def _field(option: Option, value: str) -> Widget:
    choices = _YES_NO if isinstance(option.default, bool) else option.choices
    if choices and not option.lists:
        return Choice(choices, value, option.name)
    return Input(value, id=option.name, compact=True, select_on_focus=True)


def _insist_row(cluster: str) -> Widget:
    return Horizontal(
        Label("PRODUCTION", classes="name danger", markup=False),
        Input(id=INSIST, compact=True, placeholder="cluster"),
        Label(f"type {plain(cluster, 30)} to do this on a production cluster", classes="hint", markup=False),
        classes="row",
    )


def _typed(value: Value) -> str:
    """A value as a person would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)

"""The form that starts a workload, or changes one that runs: keyboard only, a row an option."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from textual import on
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from distdiag_tui.model.text import plain
from distdiag_tui.ui.fields import Choice, FieldScreen, buttons, labelled, typing
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


class Form(FieldScreen):
    """Starts a workload with all that this takes, or changes what runs."""

    def __init__(
        self, view: KindView, cluster: str, given: Given, submit: Submit, *, production: bool
    ) -> None:
        super().__init__(f"{view.kind.title} on {plain(cluster, 30)}")
        self._view, self._cluster, self._given, self._submit = view, cluster, given, submit
        self._insist = production and not view.active

    def fields(self) -> Iterator[Widget]:
        """What it is, a row an option, the buttons, and what the focused option takes."""
        yield Static(self._view.kind.about, markup=False)
        yield Static(self._state(), markup=False, classes="hint")
        for option in self._options():
            yield _row(option, self._value(option))
        if self._insist:
            yield _insist_row(self._cluster)
        yield buttons(*self._buttons())
        yield Static("", id="about", markup=False, classes="hint")

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

    def _buttons(self) -> list[tuple[str, str]]:
        return (
            [("change", "Change")] if self._view.active else [("start", "Start"), ("prepare", "Only prepare")]
        )

    # -- what is asked for --------------------------------------------------------------------------

    @on(Input.Submitted)
    def action_go(self) -> None:
        """Start, with all that this takes; or change what runs."""
        self._go(() if self._view.active else self._start_steps())

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        steps: dict[str | None, tuple[Step, ...]] = {"start": self._start_steps(), "prepare": ("prepare",)}
        self._go(steps.get(event.button.id, ()))

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

    def _go(self, steps: tuple[Step, ...]) -> None:
        self.carry_out(lambda: self._submit(steps, self._typed_values(), self._confirmed()))

    def _confirmed(self) -> bool:
        return self._insist and self.query_one(f"#{INSIST}", Input).value.strip() == self._cluster


def _row(option: Option, value: str) -> Widget:
    star = "*" if option.size else " "
    return labelled(f"{option.name.replace('_', ' ')} {star}", _field(option, value), option.about)


def _field(option: Option, value: str) -> Widget:
    choices = _YES_NO if isinstance(option.default, bool) else option.choices
    if choices and not option.lists:
        return Choice(choices, value, option.name)
    return typing(value, option.name)


def _insist_row(cluster: str) -> Widget:
    hint = f"type {plain(cluster, 30)} to do this on a production cluster"
    return labelled("PRODUCTION", typing("", INSIST, "cluster"), hint, classes="danger")


def _typed(value: Value) -> str:
    """A value as a person would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)

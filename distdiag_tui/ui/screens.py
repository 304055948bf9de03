"""The main screen: topology beside metrics, or one of them at a time on a narrow terminal."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input

from distdiag_tui.ui.actions import KEY_BAR
from distdiag_tui.ui.compositor import ExactCompositor
from distdiag_tui.ui.metrics import MetricsPane
from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.status import KeyBar, StatusLine
from distdiag_tui.ui.topology import TopologyPane

Pane = TopologyPane | MetricsPane


class ExactScreen(Screen[None]):
    """A screen that repaints only the cells that changed, and can draw a scene."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  as Textual declares it
        (0, "-narrow"),
        (100, "-normal"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._compositor = ExactCompositor()

    def show(self, scene: Scene, load: str) -> None:
        """Draw a scene; `load` is a few words on the running workload."""
        raise NotImplementedError


class MainScreen(ExactScreen):
    """Where the console begins."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab,shift+tab", "app.switch", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self.status = StatusLine()
        self.topology = TopologyPane()
        self.metrics = MetricsPane()
        self._active: Pane = self.topology
        self._field: Input | None = None  # while a filter is being typed

    def compose(self) -> ComposeResult:
        """Status line, panes, filter, keys."""
        yield self.status
        with Horizontal(id="panes"):
            for pane in (self.topology, self.metrics):
                pane.add_class("pane")
                yield pane
        yield KeyBar(KEY_BAR)

    def on_mount(self) -> None:
        """Begin in the topology."""
        self.activate("topology")

    def show(self, scene: Scene, load: str) -> None:
        """Draw a scene in every pane."""
        self.status.load = load
        self.status.show(scene)
        self.topology.show(scene)
        self.metrics.show(scene)

    @property
    def active(self) -> Pane:
        """The pane that keys go to."""
        return self._active

    def activate(self, name: str) -> None:
        """Focus a pane and, on a narrow terminal, show it instead of the other; typing a filter ends."""
        self._end_typing()
        self._active = self.metrics if name == "metrics" else self.topology
        for pane in (self.topology, self.metrics):
            pane.set_class(pane is self._active, "-active")
        self.set_focus(self._active)

    def switch(self) -> None:
        """The other pane."""
        self.activate("metrics" if self._active is self.topology else "topology")

    # -- filter -------------------------------------------------------------------------------------

    async def open_filter(self) -> None:
        """Let the user type what the active pane is narrowed to; the very next key goes there."""
        if self._field is not None:
            return
        self._field = Input(
            self._active.filter_text, placeholder="filter", id="filter", compact=True, select_on_focus=False
        )
        self._field.cursor_blink = False  # blinking would cost traffic
        await self.mount(self._field, before="#keys")
        self.set_focus(self._field)

    def close_filter(self, *, clear: bool) -> None:
        """Back to the pane, with the filter kept or cleared."""
        self._end_typing()
        if clear:
            self._active.narrow("")
        self.set_focus(self._active)

    def _end_typing(self) -> None:
        """Take what the field holds: when keys come fast, the pane may not have heard of all of them."""
        if self._field is not None:
            field, self._field = self._field, None
            self._active.narrow(field.value)
            field.remove()

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        if event.input is self._field:
            self._active.narrow(event.value)

    @on(Input.Submitted, "#filter")
    def _keep(self) -> None:
        self.close_filter(clear=False)

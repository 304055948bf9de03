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
        """Focus a pane and, on a narrow terminal, show it instead of the other."""
        self._active = self.metrics if name == "metrics" else self.topology
        for pane in (self.topology, self.metrics):
            pane.set_class(pane is self._active, "-active")
        self._active.focus()

    def switch(self) -> None:
        """The other pane."""
        self.activate("metrics" if self._active is self.topology else "topology")

    # -- filter -------------------------------------------------------------------------------------

    def open_filter(self) -> None:
        """Let the user type what the active pane is narrowed to."""
        if self.query("#filter"):
            return
        field = Input(self._active.filter_text, placeholder="filter", id="filter", compact=True)
        field.cursor_blink = False  # blinking would cost traffic
        self.mount(field, before="#keys")
        field.focus()

    def close_filter(self, *, clear: bool) -> None:
        """Back to the pane, with the filter kept or cleared."""
        if clear:
            self._active.narrow("")
        self.query("#filter").remove()
        self._active.focus()

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        self._active.narrow(event.value)

    @on(Input.Submitted, "#filter")
    def _keep(self) -> None:
        self.close_filter(clear=False)

"""The main screen: topology beside metrics, or one of them at a time on a narrow terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Input

from distdiag_tui.ui.actions import KEY_BAR
from distdiag_tui.ui.anomalies import KEYS as ANOMALY_KEYS
from distdiag_tui.ui.anomalies import AnomaliesPane
from distdiag_tui.ui.canvas import ScenePane
from distdiag_tui.ui.compositor import ExactCompositor
from distdiag_tui.ui.diagnosis import KEYS as DIAGNOSIS_KEYS
from distdiag_tui.ui.diagnosis import DiagnosisPane
from distdiag_tui.ui.metrics import MetricsPane
from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.status import Complaint, KeyBar, StatusLine
from distdiag_tui.ui.topology import KEYS as TOPOLOGY_KEYS
from distdiag_tui.ui.topology import KEYS_TOLD, TopologyPane
from distdiag_tui.ui.workloads import KEYS as WORKLOAD_KEYS
from distdiag_tui.ui.workloads import WorkloadsPane

Pane = TopologyPane | MetricsPane | WorkloadsPane | AnomaliesPane | DiagnosisPane
BREAKPOINTS: Final = [(0, "-narrow"), (100, "-normal")]  # widths and classes of a screen
KEYS_OF: Final = {
    "topology": TOPOLOGY_KEYS,
    "workloads": WORKLOAD_KEYS,
    "anomalies": ANOMALY_KEYS,
    "diagnosis": DIAGNOSIS_KEYS,
}
PANES: Final = ("topology", "metrics", "workloads", "anomalies", "diagnosis")


class ExactScreen(Screen[None]):
    """A screen that repaints only the cells that changed, and can draw a scene."""

    HORIZONTAL_BREAKPOINTS = BREAKPOINTS

    def __init__(self) -> None:
        super().__init__()
        self._compositor = ExactCompositor()

    def show(self, scene: Scene) -> None:
        """Draw a scene."""
        raise NotImplementedError


SCROLLING: Final[tuple[BindingType, ...]] = (
    Binding("up,k", "scroll(-1)", show=False),
    Binding("down,j", "scroll(1)", show=False),
    Binding("pageup", "scroll(-10)", show=False),
    Binding("pagedown", "scroll(10)", show=False),
    Binding("home", "scroll(-99999)", show=False),
    Binding("end", "scroll(99999)", show=False),
)
"""Keys of a page that is longer than the screen."""


class PageScreen(ExactScreen):
    """One page over the main screen until Escape, between the status line and its keys."""

    def __init__(self, page: ScenePane, keys: Sequence[tuple[str, str]], scene: Scene) -> None:
        super().__init__()
        self._status, self._wrong = StatusLine(), Complaint()
        self._page, self._page_keys, self._scene = page, keys, scene

    def compose(self) -> ComposeResult:
        """Status line, page, what went wrong, keys."""
        yield self._status
        yield self._page
        yield self._wrong
        yield KeyBar(self._page_keys)

    def on_mount(self) -> None:
        """Draw what is known at once."""
        self.set_focus(self._page)
        self.show(self._scene)

    def show(self, scene: Scene) -> None:
        """Draw a scene."""
        self._status.show(scene)
        self._wrong.show(scene)
        self._page.show(scene)


class MainScreen(ExactScreen):
    """Where the console begins."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.switch(1)", show=False),
        Binding("shift+tab", "app.switch(-1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.status = StatusLine()
        self.topology = TopologyPane()
        self.metrics = MetricsPane()
        self.workloads = WorkloadsPane()
        self.anomalies = AnomaliesPane()
        self.diagnosis = DiagnosisPane()
        self._left = Vertical(id="left")
        self._wrong = Complaint()
        self._keys = KeyBar(KEY_BAR)
        self._active: Pane = self.topology
        self._scene = Scene()
        self._stale: list[Pane] = []  # panes that are to show it still
        self._told = False  # whether there is a layout
        self._field: Input | None = None  # while a filter is being typed

    def compose(self) -> ComposeResult:
        """Status line, panes, filter, keys."""
        yield self.status
        for pane in self.panes:
            pane.add_class("pane")
        self.workloads.add_class("lower", "-front")
        self.anomalies.add_class("lower")
        with Horizontal(id="panes"):
            with self._left:
                yield self.topology
                yield self.diagnosis
                yield self.workloads
                yield self.anomalies
            yield self.metrics
        yield self._wrong
        yield self._keys

    @property
    def panes(self) -> tuple[Pane, ...]:
        """In the order of `PANES`."""
        return self.topology, self.metrics, self.workloads, self.anomalies, self.diagnosis

    def on_mount(self) -> None:
        """Begin in the topology."""
        self.activate("topology")

    def show(self, scene: Scene) -> None:
        """Draw a scene in every pane, at once in that which keys go to."""
        self.status.show(scene)
        self._wrong.show(scene)
        told = scene.snapshot is not None and scene.snapshot.layout is not None
        if told != self._told:
            self._told = told
            self._left.set_class(told, "-told")  # a cluster that tells of itself is worth more room
            self._show_keys()
        self._active.show(scene)
        waiting = bool(self._stale)
        self._scene, self._stale = scene, [pane for pane in self.panes if pane is not self._active]
        if not waiting:
            self.call_later(self._show_next)

    def _show_next(self) -> None:
        """One pane more; keys that have come meanwhile go first."""
        pane, *self._stale = self._stale
        pane.show(self._scene)
        if self._stale:
            self.call_later(self._show_next)

    @property
    def active(self) -> Pane:
        """The pane that keys go to."""
        return self._active

    def activate(self, name: str) -> None:
        """Focus a pane and, on a narrow terminal, show it instead of the others; typing a filter ends."""
        self._end_typing()
        self._active = self.panes[PANES.index(name)]
        for pane in self.panes:
            pane.set_class(pane is self._active, "-active")
        self._share_place()
        self._left.set_class(self._active is not self.metrics, "-active")
        self._show_keys()
        self.set_focus(self._active)

    def on_descendant_focus(self) -> None:
        """A click focuses a pane; keys then go there, and only there."""
        for name, pane in zip(PANES, self.panes, strict=True):
            if pane is self.focused and pane is not self._active:
                self.activate(name)

    def _show_keys(self) -> None:
        told = self._told and self._active is self.topology
        self._keys.show_keys(
            KEYS_TOLD if told else KEYS_OF.get(PANES[self.panes.index(self._active)], KEY_BAR)
        )

    def _share_place(self) -> None:
        """Below the topology there is room for one of two panes: that which was chosen last."""
        if self._active in (self.workloads, self.anomalies):
            self.workloads.set_class(self._active is self.workloads, "-front")
            self.anomalies.set_class(self._active is self.anomalies, "-front")
        self._left.set_class(self._active is self.anomalies, "-crowded")  # the catalogue is long

    def switch(self, step: int = 1) -> None:
        """The next pane, or the one before."""
        self.activate(PANES[(self.panes.index(self._active) + step) % len(PANES)])

    # -- filter -------------------------------------------------------------------------------------

    async def open_filter(self) -> None:
        """Let the user type what the active pane is narrowed to; the very next key goes there."""
        pane = self._active
        if self._field is not None or not isinstance(pane, TopologyPane | MetricsPane):
            return
        self._field = Input(
            pane.filter_text, placeholder="filter", id="filter", compact=True, select_on_focus=False
        )
        self._field.cursor_blink = False  # blinking would cost traffic
        await self.mount(self._field, before="#keys")
        self.set_focus(self._field)

    def close_filter(self, *, clear: bool) -> None:
        """Back to the pane, with the filter kept or cleared."""
        self._end_typing()
        if clear:
            self._narrow_to("")
        self.set_focus(self._active)

    def _end_typing(self) -> None:
        """Take what the field holds: when keys come fast, the pane may not have heard of all of them."""
        if self._field is not None:
            field, self._field = self._field, None
            self._narrow_to(field.value)
            field.remove()

    def _narrow_to(self, text: str) -> None:
        if isinstance(self._active, TopologyPane | MetricsPane):  # the others have a handful of rows
            self._active.narrow(text)

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        if event.input is self._field:
            self._narrow_to(event.value)

    @on(Input.Submitted, "#filter")
    def _keep(self) -> None:
        self.close_filter(clear=False)

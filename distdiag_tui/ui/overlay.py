"""What lies over the panes for a while: the line at the top stays in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.app import ComposeResult
from textual.screen import ModalScreen

from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.status import StatusLine

if TYPE_CHECKING:
    from distdiag_tui.ui.app import ConsoleApp

T = TypeVar("T")


class Overlay(ModalScreen[T]):
    """Base of every screen that covers the panes."""

    def __init__(self) -> None:
        super().__init__()
        self._status = StatusLine()

    def compose(self) -> ComposeResult:
        """The status line; a subclass adds the rest."""
        yield self._status

    def on_mount(self) -> None:
        """As the screens below show it now."""
        self.show(cast("ConsoleApp", self.app).scene)

    def show(self, scene: Scene) -> None:
        """Another scene, of which only the status line is seen."""
        self._status.show(scene)

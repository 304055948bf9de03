"""What lies over the panes for a while: the line at the top stays in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
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

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Once, and only while it is in front: keys come in bursts, and what lies over it is not its own."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def show(self, scene: Scene) -> None:
        """Another scene, of which only the status line is seen."""
        self._status.show(scene)

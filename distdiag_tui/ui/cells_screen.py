"""The heat map of servers over the main screen, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from distdiag_tui.model.metrics import CATALOGUE, METRIC_INDEX
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.cells import Cells
from distdiag_tui.ui.messages import SubjectWanted
from distdiag_tui.ui.screens import PageScreen

if TYPE_CHECKING:
    from distdiag_tui.ui.scene import Scene

KEYS: Final = (("Esc", "back"), ("← → ↑ ↓", "server"), ("⏎", "go there"), ("[ ]", "metric"), ("s", "pick it"),
               ("n", "next not well"), ("!", "worst"), ("p", "pause"), ("?", "help"),
               ("q", "quit"))  # fmt: skip


class CellsScreen(PageScreen):
    """Over the main screen until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,v", "app.back", show=False),
        Binding("up,k", "step(0,-1)", show=False),
        Binding("down,j", "step(0,1)", show=False),
        Binding("left,h", "step(-1,0)", show=False),
        Binding("right,l", "step(1,0)", show=False),
        Binding("pageup", "step(0,-10)", show=False),
        Binding("pagedown", "step(0,10)", show=False),
        Binding("home", "step(-99999,0)", show=False),
        Binding("end", "step(99999,0)", show=False),
        Binding("left_square_bracket", "metric(-1)", show=False),
        Binding("right_square_bracket", "metric(1)", show=False),
        Binding("s", "pick", show=False, priority=True),  # the very next key belongs to the picker
        Binding("n", "needy(1)", show=False),
        Binding("N", "needy(-1)", show=False),
        Binding("exclamation_mark", "worst", show=False),
        Binding("enter", "go", show=False),
    ]

    def __init__(self, scene: Scene, metric: str) -> None:
        self.cells = Cells(scene, metric)
        super().__init__(self.cells, KEYS, scene)

    def action_step(self, columns: int, rows: int) -> None:
        """Another server."""
        self.cells.move(columns, rows)

    def action_metric(self, step: int) -> None:
        """The next or previous metric."""
        self.cells.take_metric(self.cells.metric + step)

    def action_needy(self, step: int) -> None:
        """The next server that is not well."""
        self.cells.next_needy(step)

    def action_worst(self) -> None:
        """The server whose figure stands out most."""
        self.cells.choose_worst()

    async def action_pick(self) -> None:
        """Any metric, by its name."""
        from distdiag_tui.ui.picker import MetricPicker  # noqa: PLC0415  not needed for a start

        def picked(name: str | None) -> None:
            if name:
                self.cells.take_metric(METRIC_INDEX[name])

        await self.app.push_screen(MetricPicker("Heat map of", CATALOGUE[self.cells.metric].id), picked)

    def action_go(self) -> None:
        """To the server under the cursor, in the topology."""
        if (server := self.cells.server) is not None:
            self.post_message(SubjectWanted(Subject(server.zone, server.name)))

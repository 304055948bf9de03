"""The whole story of one incident: the words, and the past of its evidence metrics beside or between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.binding import Binding, BindingType

from distdiag_tui.model.marks import Mark
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.canvas import Line, Run, ScenePane
from distdiag_tui.ui.evidence import (
    TALLEST,
    Span,
    Trace,
    clock_line,
    head_line,
    heading,
    plot,
    title_line,
    traces,
)
from distdiag_tui.ui.folding import paragraph
from distdiag_tui.ui.glyphs import ONSET
from distdiag_tui.ui.messages import IncidentOrdered
from distdiag_tui.ui.scene import SPANS, Scene
from distdiag_tui.ui.screens import SCROLLING, PageScreen
from distdiag_tui.ui.story_text import head_lines, section_lines, what_lines

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.service.incident_board import IncidentView
    from distdiag_tui.ui.app import ConsoleApp

BESIDE: Final = 120  # cells from which the plots stand beside the words
GAP: Final = 3
BEFORE: Final = 20.0  # s to be seen before the onset, at least
AFTER: Final = 30.0  # s to be seen after the end

KEYS: Final = (("Esc", "back"), ("↑ ↓", "scroll"), ("a", "acknowledge"), ("n", "note"), ("f", "facts"),
               ("s", "SQL"), ("o", "obdiag"), ("e", "export"), ("+ -", "time span"), ("?", "help"),
               ("q", "quit"))  # fmt: skip


class Story(ScenePane):
    """Its head is always in sight, the rest scrolls."""

    def __init__(self, incident: str, scene: Scene, *, asks: bool) -> None:
        super().__init__(id="story")
        self.incident = incident
        self._scene = scene
        self._asks = asks
        self._last: IncidentView | None = None
        self._top = 0
        self._zoom = 0
        self.add_class("pane")

    @property
    def view(self) -> IncidentView | None:
        """As it is now; as it was last, if it has gone from the board."""
        board = self._scene.incidents
        self._last = (board.find(self.incident) if board is not None else None) or self._last
        return self._last

    def scroll_by(self, rows: int) -> None:
        """Down or up."""
        self._top = max(0, self._top + rows)
        self.redraw()

    def zoom(self, step: int) -> None:
        """A longer or shorter time span than the one that suits."""
        self._zoom += step
        self.redraw()

    # -- drawing ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the part in sight."""
        width, height = self.size
        snapshot, view, board = self._scene.snapshot, self.view, self._scene.incidents
        if snapshot is None or view is None or board is None or width < 40 or height < 6:
            return
        head = [*head_lines(view, board.time, width), (Run(" " * width),)]
        room = height - len(head)
        beside = width >= BESIDE and bool(view.incident.finding.evidence)
        words = width - self._plot_width(width) - GAP if beside else width
        lines = what_lines(view, words)
        if not beside:
            lines += self._evidence(view, snapshot, width, room)
        lines += section_lines(view, board.time, words, obdiag=board.obdiag, asks=self._asks)
        self._top = max(0, min(self._top, len(lines) - room))
        more = f"{'↑' if self._top else ''}{'↓' if self._top + room < len(lines) else ''}"
        self.entitle("Incident", more)
        shown = lines[self._top : self._top + room]
        shown += [(Run(" " * words),)] * (room - len(shown))
        if beside:
            plots = self._evidence(view, snapshot, self._plot_width(width), room)[:room]
            plots += [(Run(" " * self._plot_width(width)),)] * (room - len(plots))
            gap = Run(" " * GAP)
            shown = [(*left, gap, *right) for left, right in zip(shown, plots, strict=True)]
        self.draw(head + shown)

    @staticmethod
    def _plot_width(width: int) -> int:
        return width * 11 // 20

    def _evidence(self, view: IncidentView, snapshot: Snapshot, width: int, room: int) -> list[Line]:
        """The evidence metrics, their axis, and all marks on it."""
        incident = view.incident
        evidence = incident.finding.evidence
        if not evidence:
            return []
        span = self._span(view, snapshot)
        past = traces(snapshot, Subject(incident.zone, incident.server), evidence, span, width)
        lines: list[Line] = [] if width < self.size.width else [(Run(" " * width),)]
        marks = (*self._scene.marks, Mark(incident.opened, ONSET, ""))
        lines += [heading("Evidence", span, marks, width), head_line(width)]
        tall = self._plot_height(len(evidence), room, beside=width < self.size.width)
        for trace in past:
            lines.append(title_line(trace.evidence, incident.opened, width))
            if not _unknown(trace):
                lines += plot(trace, span, incident.opened, width, tall)
        if past and all(map(_unknown, past)) and any(each.metric in METRIC_INDEX for each in evidence):
            return [*lines, *paragraph("no figures of that time are kept any more", width, "muted")]
        return lines if all(map(_unknown, past)) else [*lines, clock_line(span, width)]

    @staticmethod
    def _plot_height(count: int, room: int, *, beside: bool) -> int:
        if beside:
            return max(1, min(TALLEST, (room - 3) // count - 1))
        return 2 if count <= 3 else 1

    def _span(self, view: IncidentView, snapshot: Snapshot) -> Span:
        """What has to be seen: some time before the onset until now, or until it was over."""
        incident = view.incident
        end = snapshot.time if incident.ended is None else min(snapshot.time, incident.ended + AFTER)
        wanted = 1.3 * (end - incident.opened) + BEFORE
        fitting = next((index for index, span in enumerate(SPANS) if span >= wanted), len(SPANS) - 1)
        index = max(0, min(len(SPANS) - 1, fitting + self._zoom))
        self._zoom = index - fitting
        return Span(end, SPANS[index], snapshot.interval)


def _unknown(trace: Trace) -> bool:
    return not any(math.isfinite(value) for value in trace.own)


class StoryScreen(PageScreen):
    """Over the main screen until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,backspace", "app.back", show=False),
        *SCROLLING,
        Binding("plus,equals_sign", "zoom(1)", show=False),
        Binding("minus", "zoom(-1)", show=False),
        Binding("a", "order('acknowledge')", show=False),
        Binding("n", "note", show=False, priority=True),  # the very next key belongs to the note
        Binding("e", "order('export')", show=False),
        Binding("f", "order('facts')", show=False),
        Binding("o", "order('obdiag')", show=False),
        Binding("s", "order('statements')", show=False),
    ]

    def __init__(self, incident: str, scene: Scene, *, asks: bool) -> None:
        self.story = Story(incident, scene, asks=asks)
        super().__init__(self.story, KEYS, scene)

    def action_scroll(self, rows: int) -> None:
        """Down or up."""
        self.story.scroll_by(rows)

    def action_zoom(self, step: int) -> None:
        """A longer or shorter time span."""
        self.story.zoom(step)

    async def action_note(self) -> None:
        """A note on this incident."""
        await cast("ConsoleApp", self.app).write_note(self.story.incident)

    def action_order(self, order: str) -> None:
        """Ask the app to do something with this incident."""
        self.post_message(IncidentOrdered(order, self.story.incident))

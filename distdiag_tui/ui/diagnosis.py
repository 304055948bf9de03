"""The diagnosis pane: what is wrong now, the worst first; or that nothing is, and how well that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.binding import Binding, BindingType

from distdiag_tui.ui.calm import known_lines, score_lines
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.facts import Fact, fact_lines, rule, wrapped
from distdiag_tui.ui.health import in_order
from distdiag_tui.ui.incident_rows import also_words, detail_lines, incident_line, server_cells, state_words
from distdiag_tui.ui.messages import IncidentOrdered

if TYPE_CHECKING:
    from distdiag_tui.service.incident_board import IncidentBoard, IncidentView
    from distdiag_tui.ui.app import ConsoleApp

LEAST_WIDTH: Final = 16
LEAST_ROWS: Final = 16  # from which there is room for more than the incidents
FACTS: Final = 7  # lines of what is known about the selected one
CHOSEN_DETAILS: Final = 6  # lines below the selected one, before others get theirs
DETAILS: Final = 3

KEYS: Final = (("⏎", "story"), ("a", "acknowledge"), ("n", "note"), ("e", "export"), ("v", "heat map"),
               ("H", "past"), ("Tab", "pane"), ("?", "help"), ("q", "quit"))  # fmt: skip


class DiagnosisPane(ScenePane):
    """Open incidents with their evidence, or those that are over."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "order('acknowledge')", "acknowledge", show=False),
        # with priority, for the very next key belongs to the note
        Binding("n", "note", "write a note", show=False, priority=True),
        Binding("e", "order('export')", "export", show=False),
        Binding("v", "order('heat')", "heat map of causes", show=False),
        Binding("H", "history", "past", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="diagnosis")
        self._views: tuple[IncidentView, ...] = ()
        self._chosen = 0
        self._top = 0
        self._shown = 0  # incidents in sight
        self._history = False

    @property
    def _chosen_id(self) -> str:
        return self._views[self._chosen].incident.id if self._views else ""

    # -- keys ---------------------------------------------------------------------------------------

    def action_move(self, _: int, rows: int) -> None:
        """Up and down."""
        self._chosen = max(0, min(len(self._views) - 1, self._chosen + rows))
        self.redraw()

    def action_open(self) -> None:
        """The story of the selected incident."""
        self.action_order("open")

    def action_order(self, order: str) -> None:
        """Ask the app to do something with the selected incident."""
        self.post_message(IncidentOrdered(order, self._chosen_id))

    async def action_note(self) -> None:
        """A note on the selected incident."""
        await cast("ConsoleApp", self.app).write_note(self._chosen_id)

    def action_history(self) -> None:
        """What is over instead of what is open, and back."""
        self._history = not self._history
        self._views, self._chosen, self._top = (), 0, 0
        self.redraw()

    # -- drawing ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the incidents, and what is known beside them."""
        width, height = self.size
        board, snapshot = self._scene.incidents, self._scene.snapshot
        self._follow(board)
        if width < LEAST_WIDTH or height < 1:
            return
        self.set_class(bool(board and (board.open or self._history)), "-told")  # then more room is worth it
        if snapshot is None:
            self.entitle("Diagnosis")
            self.draw([(Run("…", "muted"),)])
            return
        wrong = bool(board and board.open)
        lines: list[Line] = []
        if board is not None and board.trouble:
            lines += [(Run(fit(row, width), "warn"),) for row in wrapped(board.trouble, width, rows=2)]
        if not self._history:
            lines += known_lines(snapshot, width, wrong=wrong)
        if board is not None and self._views:
            lines += self._incidents(board, width, height - len(lines))
        elif self._history:
            lines.append((Run(fit("nothing is over yet", width), "muted"),))
        elif snapshot.diagnosis is not None and (room := height - len(lines) - 1) > 1:
            lines += [(Run(" " * width),), *score_lines(snapshot, width, room)]
        self._entitle(board)
        self.draw((lines + [(Run(" " * width),)] * (height - len(lines)))[:height])

    def _entitle(self, board: IncidentBoard | None) -> None:
        """How many there are, and arrows to those out of sight."""
        views, past = (board.open, board.resolved) if board is not None else ((), ())
        seen = sum(view.incident.acknowledged for view in views)
        counts = ((len(views), "open"), (seen, "seen"), (len(past), "past"))
        words = " · ".join(f"{count} {word}" for count, word in counts if count)
        more = f"{'↑' if self._top else ''}{'↓' if self._top + self._shown < len(self._views) else ''}"
        self.entitle("Diagnosis · past" if self._history else "Diagnosis", f"{words} {more}".strip())

    def _follow(self, board: IncidentBoard | None) -> None:
        """Keep the selection on the same incident when others come and go; in another pane on the worst.

        Who only looks at another window comes back to the same one.
        """
        key = self._chosen_id
        self._views = () if board is None else board.resolved if self._history else in_order(board.open)
        keys = [view.incident.id for view in self._views]
        here = keys.index(key) if key in keys else max(0, min(self._chosen, len(keys) - 1))
        self._chosen = here if self.has_class("-active") else 0

    def _incidents(self, board: IncidentBoard, width: int, height: int) -> list[Line]:
        """A line each, as many details as there is room for, and the facts of the selected one."""
        facts = self._facts(self._views[self._chosen], board, width) if height >= LEAST_ROWS else []
        room = height - (len(facts) + 1 if facts else 0)
        count = min(len(self._views), max(1, room - min(2, room // 3)))
        self._top = max(0, min(self._top, self._chosen, len(self._views) - count))
        self._top = max(self._top, self._chosen - count + 1)
        self._shown = count
        shown = self._views[self._top : self._top + count]
        every = [detail_lines(view, board.time, width, tips=not facts) for view in shown]
        details = self._details(every, room - count)
        servers = server_cells(self._views, width)
        lines: list[Line] = []
        for index, (view, below) in enumerate(zip(shown, details, strict=True), self._top):
            lines.append(incident_line(view, board.time, width, self._name_style(index), servers))
            lines += below
        blank: Line = (Run(" " * width),)
        lines += [blank] * (room - len(lines))
        return lines[:room] + ([rule(width), *facts] if facts else [])

    def _details(self, every: list[list[Line]], room: int) -> list[list[Line]]:
        """As many lines below each as there is room for: the selected one's first, then from the top."""
        taken = [0] * len(every)
        chosen = self._chosen - self._top
        for most, order in ((CHOSEN_DETAILS, [chosen]), (DETAILS, range(len(every)))):
            for index in order:
                more = max(0, min(room, min(most, len(every[index])) - taken[index]))
                taken[index] += more
                room -= more
        return [lines[:count] for lines, count in zip(every, taken, strict=True)]

    def _name_style(self, index: int) -> str:
        if index != self._chosen:
            return ""
        return "chosen" if self.has_focus else "chosen-muted"

    def _facts(self, view: IncidentView, board: IncidentBoard, width: int) -> list[Line]:
        """What to check and to do, and what people noted."""
        facts: list[Fact] = [("state", state_words(view, board.time))]
        if also := also_words(view.incident.finding):
            facts.append(("also", ", ".join(also)))
        facts += [("check", text) for text in view.cause.check[:1]]
        facts += [("do", text) for text in view.cause.act[:1]]
        facts += [("note", event.words) for event in view.notes[-1:]]
        return fact_lines(facts, width)[:FACTS]

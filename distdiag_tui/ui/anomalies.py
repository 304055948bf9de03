"""The anomalies pane: what is injected, the scenario that is being composed, the catalogue, the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from distdiag_tui.ui.anomaly_rows import NAME, Row, row_facts, row_line, rows_of
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.facts import Fact, fact_lines, rule, wrapped
from distdiag_tui.ui.messages import AnomalyOrdered

if TYPE_CHECKING:
    from distdiag_tui.anomalies.protocol import Severity
    from distdiag_tui.service.anomaly_desk import Board

LEAST_FACTS: Final = 7  # lines that the facts get before the rows do
LEVELS: Final[tuple[Severity, ...]] = ("low", "medium", "high")

KEYS: Final = (("⏎", "inject"), ("x", "stop"), ("X", "all"), ("[ ]", "severity"), ("e", "plan"), ("g", "run"),
               ("s", "save"), ("o", "open"), ("?", "help"), ("H", "past"), ("v", "dry run"), ("Tab", "pane"),
               ("q", "quit"))  # fmt: skip


class AnomaliesPane(ScenePane):
    """One row each, and below them what is known about the selected one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x,delete", "order('stop')", "stop or unplan", show=False),
        Binding("X", "order('stop_all')", "stop all", show=False),
        Binding("e", "order('add')", "add to the scenario", show=False),
        Binding("g", "order('run')", "run the scenario", show=False),
        Binding("s", "order('save')", "save the scenario", show=False),
        Binding("o", "order('load')", "open a scenario", show=False),
        Binding("v", "order('plan')", "dry run of the scenario", show=False),
        Binding("H", "history", "past", show=False),
        Binding("right_square_bracket", "severity(1)", "more severe", show=False),
        Binding("left_square_bracket", "severity(-1)", "less severe", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="anomalies")
        self._rows: list[Row] = []
        self._chosen = 0
        self._top = 0
        self._history = False
        self._severity: Severity = "medium"

    # -- keys ---------------------------------------------------------------------------------------

    def action_move(self, _: int, rows: int) -> None:
        """Up and down."""
        self._chosen = max(0, min(len(self._rows) - 1, self._chosen + rows))
        self.redraw()

    def action_open(self) -> None:
        """The form of the selected anomaly."""
        self.action_order("open")

    def action_order(self, order: str) -> None:
        """Ask the app to do something with the selected row, or with all."""
        if self._rows:
            self.post_message(AnomalyOrdered(order, self._rows[self._chosen], self._severity))
        elif self._scene.board is not None:
            self.post_message(AnomalyOrdered(order, Row(), self._severity))

    def action_history(self) -> None:
        """What has ended instead of what can be injected, and back."""
        self._history = not self._history
        self._rows, self._chosen, self._top = [], 0, 0
        self.redraw()

    def action_severity(self, step: int) -> None:
        """How much of it the form begins with, and what that means."""
        here = LEVELS.index(self._severity) + step
        self._severity = LEVELS[max(0, min(len(LEVELS) - 1, here))]
        self.redraw()

    # -- drawing ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the rows and the facts."""
        width, height = self.size
        board = self._scene.board
        if width < NAME + 4 or height < 3:
            return
        if board is None:
            self.draw([(Run("…", "muted"),)])
            return
        self._follow(rows_of(board, history=self._history))
        head: list[Line] = [(Run(fit(words, width), "warn"),) for words in _forbidden(board, width)]
        facts = fact_lines(self._facts(board), width)
        room = height - len(head)
        facts = facts[: max(min(LEAST_FACTS, room // 2), room - 1 - len(self._rows))]
        room -= len(facts) + bool(facts)
        lines = head + self._lines(board, width, room)
        title = "Anomalies · past" if self._history else "Anomalies"
        self.entitle(title, f"{_counts(board)} {self._more(room)}".strip())
        lines += [rule(width), *facts] if facts else []
        self.draw(lines + [(Run(" " * width),)] * (height - len(lines)))

    def _follow(self, rows: list[Row]) -> None:
        """Keep the selection on the same thing when rows come and go."""
        key = self._rows[self._chosen].key if self._rows else None
        self._rows = rows
        keys = [row.key for row in rows]
        self._chosen = keys.index(key) if key in keys else max(0, min(self._chosen, len(rows) - 1))

    def _lines(self, board: Board, width: int, room: int) -> list[Line]:
        self._top = max(0, min(self._top, self._chosen, len(self._rows) - room))
        self._top = max(self._top, self._chosen - room + 1)
        if not self._rows:
            return [(Run(fit("nothing was injected yet", width), "muted"),)]
        shown = list(enumerate(self._rows))[self._top : self._top + room]
        return [row_line(row, board, width, self._name_style(index)) for index, row in shown]

    def _more(self, room: int) -> str:
        """Arrows to rows out of sight."""
        return f"{'↑' if self._top else ''}{'↓' if self._top + room < len(self._rows) else ''}"

    def _name_style(self, index: int) -> str:
        if index != self._chosen:
            return ""
        return "chosen" if self.has_focus else "chosen-muted"

    def _facts(self, board: Board) -> list[Fact]:
        facts = row_facts(self._rows[self._chosen], board, self._severity) if self._rows else []
        return [*facts, ("", board.trouble)] if board.trouble else facts


def _counts(board: Board) -> str:
    counts = ((len(board.active), "injected"), (len(board.planned), "planned"))
    return " · ".join(f"{count} {word}" for count, word in counts if count)


def _forbidden(board: Board, width: int) -> list[str]:
    return wrapped(board.forbidden, width) if board.forbidden else []

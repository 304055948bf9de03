"""Leaving the console: what was started here ends with it, unless the person wants to leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.text import countdown
from distdiag_tui.ui.confirm import Answer, Question

if TYPE_CHECKING:
    from distdiag_tui.service.anomaly_desk import AnomalyDesk
    from distdiag_tui.service.desk import Desk
    from distdiag_tui.ui.app import ConsoleApp

LEAVE, STOP = "l", "s"


class LeaveQuestion(Question):
    """There is one at a time."""


class Leaving:
    """Asks once for both desks, as far as there are any yet."""

    def __init__(self, app: ConsoleApp, workloads: Desk | None, anomalies: AnomalyDesk | None) -> None:
        self._app, self._workloads, self._anomalies = app, workloads, anomalies

    def begin(self) -> None:
        """Leave at once if nothing goes on, else ask."""
        if any(isinstance(screen, LeaveQuestion) for screen in self._app.screen_stack):
            return
        runs = [record.id for record in self._workloads.to_ask_about()] if self._workloads else []
        faults = self._faults()
        if not runs and not faults:
            self._app.exit()
            return
        words = f"Started here and still going on: {', '.join((*runs, *faults))}"
        it = "it" if len(runs) + len(faults) == 1 else "them"
        until = "" if not faults else " until its time is over" if it == "it" else "; injections end in time"
        answers = (Answer(STOP, f"stop {it} and leave"), Answer(LEAVE, f"leave {it} running{until}"))
        self._app.push_screen(LeaveQuestion("Leave", words, answers), self._answered)

    def _faults(self) -> list[str]:
        if self._anomalies is None:
            return []
        now = self._anomalies.board.now
        return [f"{record.label} ({countdown(record.left(now))} left)"
                for record in self._anomalies.to_ask_about()]  # fmt: skip

    async def _answered(self, answer: str | None) -> None:
        if answer == LEAVE:
            try:
                if self._workloads is not None:
                    await self._workloads.let_go()
            except DistdiagError as error:
                self._app.tell(str(error), bad=True)
                return
            if self._anomalies is not None:
                self._anomalies.let_go()
        if answer:
            self._app.exit()

"""What the workloads pane asks for, carried out: forms, questions, and the service behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.service.workloads import Wish
from distdiag_tui.ui.errands import Errands
from distdiag_tui.workloads.options import SERVERS

if TYPE_CHECKING:
    from distdiag_tui.service.desk import Desk, KindView
    from distdiag_tui.ui.app import ConsoleApp
    from distdiag_tui.ui.form import Given
    from distdiag_tui.workloads.journal import RunRecord
    from distdiag_tui.workloads.protocol import Step


class Ordering(Errands):
    """Between the app and the desk of workloads."""

    def __init__(self, app: ConsoleApp, desk: Desk) -> None:
        super().__init__(app, production=desk.production)
        self.desk = desk
        self._typed: dict[str, dict[str, str]] = {}  # by kind, what was given last

    def order(self, order: str, view: KindView) -> None:
        """Do what the pane asked for with a kind, or its run."""
        match order:
            case "open":
                self._open(view)
            case "new":
                self._open(replace(view, run=None))
            case "stop":
                self._ask_to_stop(view)
            case "more" | "fewer":
                self._step_threads(view, 1 if order == "more" else -1)
            case "cleanup":
                self._ask_to_clean_up(view)
            case "verify":
                self.begin(self.desk.start(Wish(view.kind.id, ("verify",), _where(view)), insist=False))

    def look(self) -> None:
        """Once a tick: how runs go, and what they would not do."""
        self.desk.look()
        for refusal in self.desk.refusals():
            self._app.tell(refusal, bad=True)

    def _open(self, view: KindView) -> None:
        from distdiag_tui.ui.form import Form  # noqa: PLC0415  not needed for a start

        if view.active and view.run is not None and not self._can_change(view.run):
            return
        kind = view.kind.id

        async def submit(steps: tuple[Step, ...], given: Given, insists: bool) -> None:
            if not steps and view.run is not None:
                self.desk.change(view.run.id, given)
                return
            note = await self.desk.start(Wish(kind, steps, given), insist=insists)
            self._typed[kind] = dict(given)
            if note:
                self._app.tell(note)

        form = Form(
            view, self.desk.cluster, self._typed.get(kind, {}), submit, production=self.desk.production
        )
        self._app.push_screen(form)

    def _can_change(self, run: RunRecord) -> bool:
        """Whether it is ours and runs; else it is told."""
        if run.phase != "running":
            self._app.tell(f"{run.id} is {run.phase}; x stops it")
        elif not self.desk.ours(run.id):
            self._app.tell(f"{run.id} was started elsewhere: only stopping works from here")
        else:
            return True
        return False

    def _step_threads(self, view: KindView, step: int) -> None:
        run = view.run
        if run is None or not run.active or run.report is None or not self._can_change(run):
            return
        threads = run.report.threads
        wanted = threads + step * max(1, threads // 8)
        try:
            self.desk.change(run.id, {"threads": str(wanted)})
        except DistdiagError as error:
            self.tell(error)

    def _ask_to_stop(self, view: KindView) -> None:
        run = view.run
        if run is None or not run.active:
            self._app.tell(f"{view.kind.id} is not running")
            return
        words = f"Stop {run.id}, {run.phase} on {run.cluster}?"
        self.ask("Stop", words, "stop it", lambda: self.desk.stop(run.id))

    def _ask_to_clean_up(self, view: KindView) -> None:
        kind, cluster = view.kind, self.desk.cluster
        if view.active:
            self._app.tell(f"{kind.id} is running; stop it first")
            return
        words = f"Drop database {kind.database} with all {kind.title} data on {cluster}?"
        wish, insist = Wish(kind.id, ("cleanup",), _where(view)), self.desk.production
        self.ask("Clean up", words, "drop it", lambda: self.desk.start(wish, insist=insist))


def _where(view: KindView) -> dict[str, object]:
    """The servers that have the data, if not all do."""
    return {SERVERS.name: ",".join(view.where)}

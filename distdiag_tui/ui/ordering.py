"""What the workloads pane asks for, carried out: forms, questions, and the service behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.service.workloads import Wish
from distdiag_tui.workloads.options import SERVERS

if TYPE_CHECKING:
    from distdiag_tui.service.desk import Desk, KindView
    from distdiag_tui.ui.app import ConsoleApp
    from distdiag_tui.ui.form import Given
    from distdiag_tui.workloads.journal import RunRecord
    from distdiag_tui.workloads.protocol import Step

LEAVE, STOP, YES = "l", "s", "y"


class Ordering:
    """Between the app and the desk. What fails is told in one line; nothing is asked twice."""

    def __init__(self, app: ConsoleApp, desk: Desk) -> None:
        self._app, self.desk = app, desk
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
                self._begin(self.desk.start(Wish(view.kind.id, ("verify",), _where(view)), insist=False))

    def quit(self) -> None:
        """Leave, after asking what becomes of what was started here."""
        from distdiag_tui.ui.confirm import Answer, Question  # noqa: PLC0415  not needed for a start

        active = self.desk.to_ask_about()
        if not active:
            self._app.exit()
            return
        words = f"Started here and still going on: {', '.join(record.id for record in active)}"
        answers = (Answer(STOP, "stop it and leave"), Answer(LEAVE, "leave it running"))
        self._app.push_screen(Question("Leave", words, answers), self._leave)

    async def _leave(self, answer: str | None) -> None:
        if answer == LEAVE:
            try:
                await self.desk.let_go()
            except DistdiagError as error:
                self._tell(error)
                return
        if answer:
            self._app.exit()

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
            self._tell(error)

    def _ask_to_stop(self, view: KindView) -> None:
        run = view.run
        if run is None or not run.active:
            self._app.tell(f"{view.kind.id} is not running")
            return
        words = f"Stop {run.id}, {run.phase} on {run.cluster}?"
        self._ask("Stop", words, "stop it", lambda: self.desk.stop(run.id))

    def _ask_to_clean_up(self, view: KindView) -> None:
        kind, cluster = view.kind, self.desk.cluster
        if view.active:
            self._app.tell(f"{kind.id} is running; stop it first")
            return
        words = f"Drop database {kind.database} with all {kind.title} data on {cluster}?"
        wish, insist = Wish(kind.id, ("cleanup",), _where(view)), self.desk.production
        self._ask("Clean up", words, "drop it", lambda: self.desk.start(wish, insist=insist))

    def _ask(self, title: str, text: str, yes: str, action: Callable[[], Awaitable[object]]) -> None:
        from distdiag_tui.ui.confirm import Answer, Question  # noqa: PLC0415  as above

        def answered(answer: str | None) -> None:
            if answer == YES:
                self._begin(action())

        production = "  PRODUCTION" if self.desk.production else ""
        self._app.push_screen(Question(title + production, text, (Answer(YES, yes),)), answered)

    def _begin(self, action: Awaitable[object]) -> None:
        """In the background: stopping takes seconds, and the screen goes on."""

        async def run() -> None:
            try:
                await action
            except DistdiagError as error:
                self._tell(error)

        self._app.run_worker(run(), group="workloads", exit_on_error=True)

    def _tell(self, error: DistdiagError) -> None:
        self._app.tell(str(error), bad=True)


def _where(view: KindView) -> dict[str, object]:
    """The servers that have the data, if not all do."""
    return {SERVERS.name: ",".join(view.where)}

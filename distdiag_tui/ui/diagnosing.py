"""What the diagnosis pane and the story ask for, carried out: screens, notes, files, and the desk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.text import plain
from distdiag_tui.ui.errands import Errands

if TYPE_CHECKING:
    from distdiag_tui.diagnosis.cause import Obdiag
    from distdiag_tui.service.incident_board import IncidentView
    from distdiag_tui.service.incident_desk import IncidentDesk
    from distdiag_tui.ui.app import ConsoleApp

NOTHING = "nothing is wrong: there is no incident here"
RECORDED = "this is a recording: its servers cannot be asked"


class Diagnosing(Errands):
    """Between the app and the desk of incidents. Without `asks` there is no server to ask, as in a replay."""

    def __init__(self, app: ConsoleApp, desk: IncidentDesk, *, asks: bool) -> None:
        super().__init__(app, production=False)  # nothing here changes a cluster
        self.desk, self._asks = desk, asks

    def order(self, order: str, incident: str) -> None:
        """Do what was asked for, with an incident or without; what is in the way is told."""
        if order == "heat":
            self._heat()
            return
        view = self.desk.board.find(incident)
        if view is None:
            self._app.tell(NOTHING)
            return
        try:
            self._do(order, view)
        except DistdiagError as error:
            self.tell(error)

    def _do(self, order: str, view: IncidentView) -> None:
        match order:
            case "open":
                self._open(view)
            case "acknowledge":
                self._acknowledge(view)
            case "export":
                self.begin(self._export(view))
            case "statements":
                self._statements(view)
            case "facts" | "obdiag" if not self._asks:
                self._app.tell(RECORDED)
            case "facts":
                self.desk.fetch_facts(view.incident.id)
                self._app.tell("fetching facts")
            case "obdiag":
                self._obdiag(view)

    def _open(self, view: IncidentView) -> None:
        from distdiag_tui.ui.story import StoryScreen  # noqa: PLC0415  not needed for a start

        self._app.push_screen(StoryScreen(view.incident.id, self._app.scene, asks=self._asks))

    def _heat(self) -> None:
        from distdiag_tui.ui.heat import HeatScreen  # noqa: PLC0415  not needed for a start

        self._app.push_screen(HeatScreen(self._app.scene))

    def _acknowledge(self, view: IncidentView) -> None:
        if view.incident.state != "open":
            self._app.tell("it is over: there is nothing to acknowledge")
        elif view.incident.acknowledged:
            self._app.tell("it is acknowledged already")
        else:
            self.desk.acknowledge(view.incident.id)
            self._app.tell(f"acknowledged {_label(view)}")

    async def write_note(self, incident: str) -> None:
        """The form, ready to be typed into."""
        from distdiag_tui.ui.note import NoteForm  # noqa: PLC0415  not needed for a start

        if (view := self.desk.board.find(incident)) is None:
            self._app.tell(NOTHING)
            return

        def keep(text: str) -> None:
            self.desk.note(view.incident.id, text)
            self._app.tell(f"noted on {_label(view)}")

        await self._app.push_screen(NoteForm(f"Note on {_label(view)}", keep))

    async def _export(self, view: IncidentView) -> None:
        words, fields = await self.desk.export(view.incident.id, Path.cwd())
        self._app.tell(f"saved {words} and {fields.suffix}")

    def _statements(self, view: IncidentView) -> None:
        from distdiag_tui.ui.note import Statements  # noqa: PLC0415  not needed for a start
        from distdiag_tui.ui.story_text import statements  # noqa: PLC0415

        if not (text := statements(view)):
            self._app.tell("there is no SQL for this cause")
            return
        self._app.push_screen(Statements(f"SQL on {_label(view)}", text))

    def _obdiag(self, view: IncidentView) -> None:
        """Run one of its commands, the only one at once; or end what runs."""
        name, commands = view.incident.id, view.cause.obdiag
        if any(probe.state == "running" for probe in view.probes):
            words = f"obdiag looks into {_label(view)}."

            async def stop() -> None:
                self.desk.stop_obdiag(name)

            self.ask("obdiag", words, "end it", stop)
        elif not commands:
            self._app.tell("obdiag has nothing for this cause")
        elif len(commands) == 1:
            self._run(name, commands[0], 0)
        else:
            self._choose(view)

    def _choose(self, view: IncidentView) -> None:
        from distdiag_tui.ui.confirm import Answer, Question  # noqa: PLC0415  not needed for a start

        name, commands = view.incident.id, view.cause.obdiag
        answers = [
            Answer(str(number), f"{each.words}: {each.line}") for number, each in enumerate(commands, 1)
        ]

        def chosen(answer: str | None) -> None:
            if answer:
                self._run(name, commands[int(answer) - 1], int(answer) - 1)

        where = (
            ""
            if self.desk.board.obdiag
            else "; it is not installed here, so the command is shown to be copied"
        )
        self._app.push_screen(Question("obdiag", f"What to run on {_label(view)}{where}", answers), chosen)

    def _run(self, incident: str, command: Obdiag, which: int) -> None:
        try:
            self.desk.obdiag(incident, which)
        except DistdiagError as error:
            self.tell(error)
        else:
            here = bool(self.desk.board.obdiag)
            self._app.tell(f"{'running' if here else 'not installed here:'} {command.line}")


def _label(view: IncidentView) -> str:
    return plain(f"{view.cause.title} on {view.incident.server}", 60)

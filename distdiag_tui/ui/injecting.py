"""What the anomalies pane asks for, carried out: forms, questions, and the service behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.ui.anomaly_rows import planned_words
from distdiag_tui.ui.errands import Errands

if TYPE_CHECKING:
    from distdiag_tui.anomalies.protocol import Severity
    from distdiag_tui.service.anomaly_desk import AnomalyDesk
    from distdiag_tui.ui.anomaly_form import Deed
    from distdiag_tui.ui.anomaly_rows import Row
    from distdiag_tui.ui.app import ConsoleApp

NONE_PLANNED = "nothing is planned yet; e plans it"


class Injecting(Errands):
    """Between the app and the desk of anomalies."""

    def __init__(self, app: ConsoleApp, desk: AnomalyDesk) -> None:
        super().__init__(app, production=False)  # where there is nothing to be injected
        self.desk = desk
        self._typed: dict[str, Dose] = {}  # by anomaly, what was given last
        self._scenario = "scenario"

    def order(self, order: str, row: Row, severity: Severity) -> None:
        """Do what the pane asked for with a row, or with all."""
        match order:
            case "open" | "add":
                self._open(row, severity, "add" if order == "add" or row.dose else "inject")
            case "stop":
                self._stop(row)
            case "stop_all":
                self._stop_all()
            case "run":
                self._run()
            case "save":
                self._save()
            case "load":
                self._load()
            case "plan":
                self._plan()

    # -- one ----------------------------------------------------------------------------------------

    def _open(self, row: Row, severity: Severity, first: Deed) -> None:
        from distdiag_tui.ui.anomaly_form import AnomalyForm, Place  # noqa: PLC0415  not needed for a start

        board = self.desk.board
        view = next((each for each in board.catalogue if each.anomaly.id == row.anomaly), None)
        if view is None or (why := board.forbidden or view.refused):
            self._app.tell(why if view else f"{row.anomaly} is not in the catalogue", bad=True)
            return
        dose = self._proposal(row, severity)
        taken = (dose.server,) if dose.server else self._selected()

        async def act(deed: Deed, doses: Sequence[Dose]) -> None:
            await self._act(deed, doses, row.dose)
            if deed != "plan":
                self._typed[row.anomaly] = replace(doses[0], server="")

        place = Place(self.desk.cluster, tuple(self.desk.servers), taken)
        self._app.push_screen(AnomalyForm(view, place, dose, act, first))

    async def _act(self, deed: Deed, doses: Sequence[Dose], old: Dose | None) -> None:
        if deed == "inject":
            await self.desk.inject(doses)
            self._app.tell(f"injecting {', '.join(dose.label for dose in doses)}")
        elif deed == "plan":
            await self._show(doses)
        else:
            self.desk.add(doses, instead=old)
            self._app.tell(f"planned {', '.join(dose.label for dose in doses)}")

    def _proposal(self, row: Row, severity: Severity) -> Dose:
        """What the form begins with: the row's own, else what was typed last at the pane's severity."""
        if row.dose is not None:
            return row.dose
        if (record := row.record) is not None:
            server = record.server or record.address
            return Dose(record.anomaly, server, record.severity, record.seconds, 0.0, record.injector)
        return replace(self._typed.get(row.anomaly, Dose(row.anomaly)), severity=severity)

    def _selected(self) -> tuple[str, ...]:
        """The server that is selected in the topology, or that makes up what is selected."""
        scene = self._app.scene
        subject, servers = scene.subject, scene.snapshot.servers if scene.snapshot else ()
        inside = {each.address for each in servers
                  if subject.zone in ("", each.zone) and subject.server in ("", each.name)}  # fmt: skip
        names = tuple(name for name, address in self.desk.servers.items() if address in inside)
        return names if len(names) == 1 else ()

    def _stop(self, row: Row) -> None:
        if row.dose is not None:
            self.desk.remove(row.dose)
            self._app.tell(f"{row.dose.label} is not planned any more")
        elif (record := row.record) is None or not record.active:
            self._app.tell(f"{row.anomaly} of this row does not go on")
        else:
            words = f"Stop {record.label}, {record.phase}, and undo it?"
            self.ask("Stop", words, "stop it", lambda: self.desk.stop([record.id]))

    # -- all ----------------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        active = self.desk.board.active
        if not active and not self.desk.sweeps:
            self._app.tell("nothing is injected")
            return
        labels = ", ".join(record.label for record in active)
        words = f"Stop all {len(active)} on {self.desk.cluster}, whoever made them, and undo them? {labels}"
        if self.desk.sweeps:
            words += "  What Chaos Mesh does there for this user, known or forgotten, is deleted."
        self.ask("Stop all", words, "stop them", self._do_stop_all)

    async def _do_stop_all(self) -> None:
        if words := await self.desk.stop_all():
            self._app.tell(words)

    def _run(self) -> None:
        if planned := self._planned():
            words = f"Inject on {self.desk.cluster}: {'; '.join(map(planned_words, planned))}?"
            self.ask("Run the scenario", words, "inject", lambda: self.desk.inject(planned, self._scenario))

    def _plan(self) -> None:
        if planned := self._planned():
            self.begin(self._show(planned))

    def _save(self) -> None:
        if not (planned := self._planned()):
            return
        from distdiag_tui.ui.files import SaveForm  # noqa: PLC0415  not needed for a start

        def write(file: Path) -> None:
            from distdiag_tui.config.scenario import write_scenario  # noqa: PLC0415  pydantic costs 50 ms

            write_scenario(file, file.stem, list(planned))
            self._scenario = file.stem
            self._app.tell(f"saved {file}")

        self._app.push_screen(SaveForm("Save the scenario", f"{self._scenario}.toml", write))

    def _load(self) -> None:
        from distdiag_tui.ui.files import FileForm  # noqa: PLC0415  not needed for a start

        def read(file: Path) -> None:
            from distdiag_tui.config.scenario import load_scenario  # noqa: PLC0415  pydantic costs 50 ms

            name, doses = load_scenario(file)
            self.desk.add(doses)
            self._scenario = name
            self._app.tell(f"planned {len(doses)} of {name}; g runs them")

        if why := self.desk.board.forbidden:
            self._app.tell(why, bad=True)
            return
        self._app.push_screen(FileForm("Open a scenario", f"{self._scenario}.toml", "Open", read))

    def _planned(self) -> tuple[Dose, ...]:
        """The scenario; that there is none is told, and so is why it would be in vain."""
        planned = self.desk.board.planned
        if not planned:
            self._app.tell(self.desk.board.forbidden or NONE_PLANNED, bad=bool(self.desk.board.forbidden))
        return planned

    async def _show(self, doses: Sequence[Dose]) -> None:
        from distdiag_tui.ui.reading import Reading  # noqa: PLC0415  not needed for a start

        lines = await self.desk.plan(doses)
        self._app.push_screen(Reading("Dry run: nothing is done", lines))

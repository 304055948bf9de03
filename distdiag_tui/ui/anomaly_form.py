"""The form that injects an anomaly, or plans it: on which servers, how much of it, when and for how long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from textual import on
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static

from distdiag_tui.anomalies.dose import Dose, read_severity
from distdiag_tui.anomalies.protocol import SEVERITIES
from distdiag_tui.model.text import duration, plain, read_seconds
from distdiag_tui.ui.fields import Choice, FieldScreen, buttons, labelled, typing
from distdiag_tui.ui.picks import Picks

if TYPE_CHECKING:
    from distdiag_tui.anomalies.entry import Means
    from distdiag_tui.service.anomaly_desk import AnomalyView

Deed = Literal["inject", "add", "plan"]
Act = Callable[[Deed, Sequence[Dose]], Awaitable[None]]
"""Does what the form asks for; DistdiagError says what is wrong."""

WORDS: Final[Mapping[Deed, str]] = {"inject": "Inject", "add": "Add to scenario", "plan": "Dry run"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where: the cluster, its servers, and those that are taken from the start."""

    cluster: str
    servers: Sequence[str]
    taken: Sequence[str]


class AnomalyForm(FieldScreen):
    """`first` is what Enter does."""

    def __init__(self, view: AnomalyView, place: Place, dose: Dose, act: Act, first: Deed = "inject") -> None:
        super().__init__(f"{view.anomaly.title} on {plain(place.cluster, 30)}")
        self._view, self._place, self._dose, self._act, self._first = view, place, dose, act, first

    def fields(self) -> Iterator[Widget]:
        """What it does and risks, the rows, the buttons, and how it is made."""
        anomaly, dose = self._view.anomaly, self._dose
        yield Static(anomaly.about, markup=False)
        yield Static(f"Risk: {anomaly.risk} {anomaly.spreads}".strip(), markup=False, classes="risk")
        servers = Picks(self._place.servers, self._place.taken, "servers")
        yield labelled("servers", servers, "Space takes one, or leaves it", classes="tall")
        yield labelled("severity", Choice(SEVERITIES, dose.severity, "severity"), "how much of it")
        yield labelled("duration", typing(duration(dose.seconds), "duration"), "how long, such as 45s or 2m")
        yield labelled("start", typing(duration(dose.start), "start"), "how long until it begins")
        if len(self._view.means) > 1:
            ways = [means.injector for means in self._view.means]
            chosen = dose.injector if dose.injector in ways else ways[0]
            yield labelled("injector", Choice(ways, chosen, "injector"), "how it is made")
        order = sorted(WORDS, key=lambda deed: deed != self._first)
        yield buttons(*((deed, WORDS[deed]) for deed in order))
        yield Static("", id="about", markup=False, classes="hint")

    @on(Select.Changed)
    def _explain(self) -> None:
        """How it is made as things are chosen."""
        means, severity = self._means(), read_severity(self._chosen("severity"))
        self.query_one("#about", Static).update(f"{means.injector}: {means.describe(severity)}")

    def _means(self) -> Means:
        wanted = self._chosen("injector") if len(self._view.means) > 1 else ""
        return next((each for each in self._view.means if each.injector == wanted), self._view.means[0])

    def _seconds(self, name: str) -> float:
        return read_seconds(self.query_one(f"#{name}", Input).value)

    def _chosen(self, name: str) -> str:
        return str(self.query_one(f"#{name}", Choice).value)

    # -- what is asked for --------------------------------------------------------------------------

    @on(Input.Submitted)
    def action_go(self) -> None:
        """What the first button does."""
        self._go(self._first)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        self._go(next(deed for deed in WORDS if deed == event.button.id))

    def _go(self, deed: Deed) -> None:
        servers = self.query_one(Picks).taken
        if not servers:
            self.complain("on which server? ← → go to one, Space takes it")
            return
        self.carry_out(lambda: self._act(deed, self._doses(servers)), closes=deed != "plan")

    def _doses(self, servers: Sequence[str]) -> list[Dose]:
        """One for each server; ConfigError for what is no time."""
        severity = read_severity(self._chosen("severity"))
        seconds, start = self._seconds("duration"), self._seconds("start")
        injector = self._means().injector if len(self._view.means) > 1 else ""
        return [Dose(self._view.anomaly.id, each, severity, seconds, start, injector) for each in servers]

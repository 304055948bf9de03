"""The rows of the anomalies pane: what each is about, how it looks, and what is known about it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from distdiag_tui.anomalies.entry import SILENT
from distdiag_tui.model.marks import INJECTED, REVERTED
from distdiag_tui.model.metrics import metric
from distdiag_tui.model.text import duration
from distdiag_tui.ui.canvas import Line, Run, fit
from distdiag_tui.ui.facts import Fact, wrapped
from distdiag_tui.ui.injected import state, style

if TYPE_CHECKING:
    from distdiag_tui.anomalies.dose import Dose
    from distdiag_tui.anomalies.entry import Anomaly
    from distdiag_tui.anomalies.injection import Injection
    from distdiag_tui.anomalies.protocol import Severity
    from distdiag_tui.service.anomaly_desk import AnomalyView, Board

NAME: Final = 18
WAYS: Final = 20  # cells for the injectors, where there is room
STATE: Final = 8
ROOMY: Final = 66
WAY: Final = {1: "↑", -1: "↓"}
SHORT: Final = {"low": "low", "medium": "med", "high": "high"}


@dataclass(frozen=True, slots=True)
class Row:
    """One of the three: an injection, a planned one, an entry of the catalogue."""

    record: Injection | None = None
    dose: Dose | None = None
    view: AnomalyView | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """The same as long as it is about the same thing."""
        if self.record is not None:
            return ("record", self.record.id)
        if self.dose is not None:
            return ("dose", self.dose.anomaly, self.dose.server, self.dose.start)
        return ("view", self.view.anomaly.id if self.view is not None else "")

    @property
    def anomaly(self) -> str:
        """The id of what it is about."""
        if self.record is not None:
            return self.record.anomaly
        if self.dose is not None:
            return self.dose.anomaly
        return self.view.anomaly.id if self.view is not None else ""


def rows_of(board: Board, *, history: bool) -> list[Row]:
    """What goes on, what is planned, and then the catalogue, or what has ended."""
    rows = [Row(record=record) for record in board.active]
    rows += [Row(dose=dose) for dose in board.planned]
    if history:
        return rows + [Row(record=record) for record in board.ended]
    return rows + [Row(view=view) for view in board.catalogue]


# -- a row, in exactly `width` cells ------------------------------------------------------------------


def row_line(row: Row, board: Board, width: int, chosen: str) -> Line:
    """With the name in the style `chosen`, "" if it is not."""
    if row.record is not None:
        if row.record.active:
            return _active_line(row.record, board.now, width, chosen)
        return _ended_line(row.record, width, chosen)
    if row.dose is not None:
        return _planned_line(row.dose, width, chosen)
    assert row.view is not None
    return _entry_line(row.view, width, chosen, possible=not (board.forbidden or row.view.refused))


def _active_line(record: Injection, now: float, width: int, chosen: str) -> Line:
    glyph = "◔" if record.phase == "waiting" else INJECTED
    if record.wrong:
        text = f"{record.label} {state(record, now)}: {record.message}"
        text = wrapped(text, width - 2, rows=1)[0]
        return (Run(f"{glyph} ", "bad"), Run(fit(text, width - 2), chosen or "bad"))
    return (Run(f"{glyph} ", style(record)),
            *_label_and(record.label, record.severity, state(record, now), width - 2, chosen))  # fmt: skip


def _planned_line(dose: Dose, width: int, chosen: str) -> Line:
    start = f"+{dose.start:g}s " if dose.start else ""
    words = f"{start}{dose.seconds:g}s"
    return (Run("+ ", "muted"), *_label_and(dose.label, dose.severity, words, width - 2, chosen))


def _label_and(label: str, severity: str, words: str, width: int, chosen: str) -> Line:
    """What and where on the left; how much and how long on the right."""
    level = f"{SHORT[severity]:>5} "
    words = f"{words:>{STATE}}"
    room = width - len(level) - len(words)
    return (Run(fit(label, room), chosen or "title"), Run(level, "muted"), Run(words, "value"))


def _ended_line(record: Injection, width: int, chosen: str) -> Line:
    failed = record.phase == "failed"
    clock, lasted = _clock(record.applied or record.started), duration(_lasted(record))
    right = f" {clock} {lasted:>6}"
    why = ""
    if width >= ROOMY:
        why = fit(f"  {record.message or record.why}", width // 3)
    head = Run("✗ " if failed else f"{REVERTED} ", "bad" if failed else "muted")
    label = Run(fit(record.label, width - 2 - len(right) - cell_len(why)), chosen or "title")
    return (head, label, Run(right, "value"), Run(why, "bad" if failed else "muted"))


def _entry_line(view: AnomalyView, width: int, chosen: str, *, possible: bool) -> Line:
    name = Run(fit(view.anomaly.id, NAME), chosen or ("title" if possible else "muted"))
    room = width - NAME - 3
    if width < ROOMY:
        return (Run("  "), name, Run(" "), Run(fit(_ways(view, room), room), "muted"))
    about = wrapped(view.anomaly.about, room - WAYS, rows=1)[0]
    return (Run("  "), name, Run(" "), Run(fit(_ways(view, WAYS), WAYS), "muted"),
            Run(fit(about, room - WAYS), "muted"))  # fmt: skip


def _ways(view: AnomalyView, room: int) -> str:
    """The injectors, or the first one and how many more there are."""
    names = [means.injector for means in view.means]
    every = ", ".join(names)
    return (every if len(every) <= room else f"{names[0]} +{len(names) - 1}") if names else "not here"


# -- facts --------------------------------------------------------------------------------------------


def row_facts(row: Row, board: Board, severity: Severity) -> list[Fact]:
    """What is known about a row; `severity` is how much of it one would get."""
    view = next((view for view in board.catalogue if view.anomaly.id == row.anomaly), None)
    if row.record is not None:
        facts = _record_facts(row.record, board.now)
    elif row.dose is not None:
        facts = [("planned", planned_words(row.dose)), *_made(view, row.dose.severity)]
    else:
        facts = [*_what(view), *_made(view, severity)]
    over = row.record is not None and not row.record.active
    return [*facts, *_outlook(view.anomaly)] if view is not None and not over else facts


def _record_facts(record: Injection, now: float) -> list[Fact]:
    facts: list[Fact] = [("", record.message)] if record.message else []
    facts.append(("state", _state_words(record, now)))
    if record.why and record.why != record.message:
        facts.append(("why", record.why))
    if record.words and record.active:
        facts.append(("at", record.words))
    if record.events:
        facts.append(("event", record.events[-1]))
    facts.append(("made", f"{record.severity}, {record.injector}: {record.made}"))
    facts.append(("server", f"{record.server} {record.address}".strip()))
    facts.append(("name", " of ".join(filter(None, (record.id, record.scenario)))))
    return facts


def _state_words(record: Injection, now: float) -> str:
    if record.phase == "waiting":
        return f"begins {state(record, now)}, for {duration(record.seconds)}"
    since = f" since {_clock(record.applied)}" if record.applied else ""
    if record.active:
        left = f", ends in {state(record, now)}" if record.phase == "active" else ""
        return f"{record.phase}{since}{left}"
    if record.applied is None:
        return f"{record.phase} at {_clock(record.started)}"
    until = f" to {_clock(record.reverted)}" if record.reverted else ""
    return f"{record.phase}, {_clock(record.applied)}{until}, {duration(_lasted(record))}"


def planned_words(dose: Dose) -> str:
    """What, where, how much, for how long and when."""
    after = f" after {duration(dose.start)}" if dose.start else ""
    return f"{dose.label} {dose.severity} for {duration(dose.seconds)}{after}"


def _what(view: AnomalyView | None) -> list[Fact]:
    if view is None:
        return []
    refused = [("", view.refused)] if view.refused else []
    return [*refused, ("what", view.anomaly.about), ("risk", view.anomaly.risk)]


def _made(view: AnomalyView | None, severity: Severity) -> list[Fact]:
    if view is None:
        return []
    means = view.means or view.anomaly.means
    return [(severity if index == 0 else "or", f"{each.injector}: {each.describe(severity)}")
            for index, each in enumerate(means)]  # fmt: skip


def _outlook(anomaly: Anomaly) -> list[Fact]:
    symptoms = ", ".join(f"{metric(each.metric).title}{WAY[each.way]}" for each in anomaly.symptoms)
    facts = [("shows", symptoms or SILENT)]
    return [*facts, ("spreads", anomaly.spreads)] if anomaly.spreads else facts


def _lasted(record: Injection) -> float | None:
    if record.applied is None:
        return None
    return (record.reverted or record.applied) - record.applied


def _clock(moment: float | None) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))

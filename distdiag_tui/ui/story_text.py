"""The story of an incident in words: what it is, what to check and to do, what was fetched, what happened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from distdiag_tui.model.findings import sureness
from distdiag_tui.model.text import duration, three_digits
from distdiag_tui.ui.canvas import Line, Run, fit
from distdiag_tui.ui.folding import paragraph, table, typed
from distdiag_tui.ui.incident_rows import also_words, bar, lasted, moment, sign, state_words

if TYPE_CHECKING:
    from distdiag_tui.incidents.fact import Fact, Probe
    from distdiag_tui.service.incident_board import IncidentView

WIDE_BAR: Final = 20
SHOWN_OUTPUT: Final = 60  # lines of obdiag's, the newest
BULLET: Final = "· "
CLAUSE: Final = re.compile(r" (?=(?:from|join|left join|where|group by|order by|limit) )", re.IGNORECASE)
CLOCK: Final = 12  # cells of the time of an event


def head_lines(view: IncidentView, now: float, width: int) -> list[Line]:
    """Where, what, how sure, since when; always in sight."""
    incident, finding = view.incident, view.incident.finding
    glyph, style = sign(view)
    state = f" {state_words(view, now)}"
    where = f"{incident.server} · {incident.zone}" if incident.zone else incident.server
    room = width - 2 - len(state)
    cells = min(cell_len(where), max(room - cell_len(view.cause.title) - 2, room // 2))
    where, title = fit(where, cells), fit(f"  {view.cause.title}", room - cells)
    sure = sureness(finding.confidence, calibrated=finding.calibrated)
    sure += "" if finding.calibrated else " not calibrated"
    words = f" {sure}  since {moment(incident.opened, now)}, {lasted(view, now)}"
    strength = f"{three_digits(incident.worst or finding.strength)}× its alarm threshold at worst"
    if len(words) + len(strength) + WIDE_BAR + 2 <= width:
        words += f"  {strength}"
    return [
        (Run(f"{glyph} ", style), Run(where, "title"), Run(title, style), Run(state, "value")),
        (Run(bar(finding.confidence, WIDE_BAR), style), Run(fit(words, width - WIDE_BAR), "value")),
    ]


def what_lines(view: IncidentView, width: int) -> list[Line]:
    """What that is, what else it could be."""
    finding = view.incident.finding
    lines = paragraph(finding.said, width, "value") if finding.said else []
    if view.cause.about:
        lines += paragraph(view.cause.about, width, "muted")
    if also := also_words(finding):
        lines += paragraph(", ".join(also), width, first="or: ")
    lines += [
        line
        for fact in view.facts
        if fact.says
        for line in paragraph(fact.says, width, "value", first=BULLET)
    ]
    return lines


def section_lines(view: IncidentView, now: float, width: int, *, obdiag: str, asks: bool) -> list[Line]:
    """All else, below headings. `obdiag` is where that is; without `asks` no server can be asked."""
    lines: list[Line] = []
    for title, body in (
        ("What to check", _bullets(view.cause.check, width)),
        ("What to do", _bullets(view.cause.act, width)),
        ("Facts", _facts(view, now, width, asks=asks)),
        ("See it yourself", _looks(view, width)),
        ("obdiag", _probes(view, now, width, obdiag=obdiag, asks=asks)),
        ("Timeline", _timeline(view, now, width)),
    ):
        if body:
            lines += [(Run(" " * width),), _heading(title, width), *body]
    return lines


def _heading(title: str, width: int) -> Line:
    return (Run(f"{title} ", "group"), Run("─" * (width - len(title) - 1), "muted"))


def _bullets(texts: Iterable[str], width: int) -> list[Line]:
    return [line for text in texts for line in paragraph(text, width, first=BULLET)]


# -- facts ------------------------------------------------------------------------------------------------


def _facts(view: IncidentView, now: float, width: int, *, asks: bool) -> list[Line]:
    lines = [line for fact in view.facts for line in _fact(fact, now, width)]
    if not asks:
        lines += paragraph("a recording cannot be asked", width, "muted")
    elif view.fetching:
        lines += paragraph("fetching …", width, "busy")
    elif not view.facts and view.cause.facts:
        lines += paragraph("nothing was fetched yet; f fetches it", width, "muted")
    return lines


def _fact(fact: Fact, now: float, width: int) -> list[Line]:
    title = f"{fact.title} "
    at = f" at {moment(fact.time, now)}"
    lines: list[Line] = [(Run(fit(title, width - len(at)), "title"), Run(at, "muted"))]
    if fact.missing:
        lines += paragraph(fact.missing, width, "warn")
    elif not fact.rows:
        lines += paragraph("nothing of the kind", width, "muted")
    else:
        lines += table(fact.columns, fact.rows, width)
    return lines


def _looks(view: IncidentView, width: int) -> list[Line]:
    lines = []
    for look in view.looks:
        lines += paragraph(look.words, width, first=BULLET)
        lines += paragraph(_clauses(look.sql), width, "muted", first="  ")
    return lines


def _clauses(sql: str) -> str:
    """Each on a line of its own.

    >>> _clauses("select a from b where c = 1 limit 2").splitlines()
    ['select a', 'from b', 'where c = 1', 'limit 2']
    """
    return CLAUSE.sub("\n", sql)


def statements(view: IncidentView) -> str:
    """All SQL of the cause, to be copied: what to look for stands above each as a comment."""
    parts = []
    for look in view.looks:
        parts.append(f"-- {look.words}\n{_clauses(look.sql).rstrip().rstrip(';')};")
    return "\n\n".join(parts)


# -- obdiag -----------------------------------------------------------------------------------------------


def _probes(view: IncidentView, now: float, width: int, *, obdiag: str, asks: bool) -> list[Line]:
    lines: list[Line] = []
    for each in view.cause.obdiag:
        lines += paragraph(f"{each.words}:", width, first=BULLET)
        lines += paragraph(each.line, width, "muted", first="  ")
    if view.cause.obdiag:
        if not asks:
            lines += paragraph("a recording cannot be asked: to be run on the cluster", width, "muted")
        elif not obdiag:
            lines += paragraph("obdiag is not installed here: to be run where it is", width, "muted")
        elif not view.probes:
            lines += paragraph(
                "o runs one of them" if len(view.cause.obdiag) > 1 else "o runs it", width, "muted"
            )
    for probe in view.probes:
        lines += _probe(probe, now, width)
    return lines


def _probe(probe: Probe, now: float, width: int) -> list[Line]:
    until = now if probe.ended is None else probe.ended
    words = {"running": f"runs for {duration(max(0.0, until - probe.began))}",
             "done": f"done after {duration(until - probe.began)}",
             "failed": "failed", "absent": "not installed"}[probe.state]  # fmt: skip
    style = {"running": "busy", "failed": "bad"}.get(probe.state, "value")
    lines = paragraph(f"{probe.command}: {words}, {moment(probe.began, now)}", width, style)
    if probe.trouble:
        lines += paragraph(probe.trouble, width, "bad")
    cut = len(probe.lines) - SHOWN_OUTPUT
    if cut > 0:
        lines += paragraph(f"… {cut} lines before", width, "muted")
    return lines + [line for text in probe.lines[-SHOWN_OUTPUT:] for line in typed(text, width)]


def _timeline(view: IncidentView, now: float, width: int) -> list[Line]:
    lines = []
    for event in view.incident.timeline:
        by = f" ({event.by})" if event.by else ""
        words = event.words if event.words.startswith(event.kind) else f"{event.kind}: {event.words}"
        lines += paragraph(f"{words.rstrip(': ')}{by}", width, first=f"{moment(event.time, now):{CLOCK}}")
    return lines

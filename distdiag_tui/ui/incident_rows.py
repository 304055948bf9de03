"""How an incident is told in a few lines: where, what, how sure, since when, on what evidence."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from distdiag_tui.model.findings import sureness
from distdiag_tui.model.metrics import metric
from distdiag_tui.model.text import DASH, duration, figure
from distdiag_tui.ui.canvas import Line, Run, fit
from distdiag_tui.ui.folding import folded, packed
from distdiag_tui.ui.glyphs import ODD, OVER, SEEN, SICK

if TYPE_CHECKING:
    from distdiag_tui.model.findings import Evidence, Finding
    from distdiag_tui.service.incident_board import IncidentView

ROOMY: Final = 66  # cells from which a row holds everything
BAR: Final = 10  # cells of a confidence bar
SURE: Final = 6  # cells of a confidence in words
SERVER: Final = 20  # cells of a server's name at most
LEAST_TITLE: Final = 12  # cells that the cause keeps when a server's name is long
MOST_ALSO: Final = 3  # other causes that are named
LEAST_ALSO: Final = 0.05  # confidence from which another cause is worth its place
DAY: Final = 72000.0  # s after which a time of day needs its date


def sign(view: IncidentView) -> tuple[str, str]:
    """Its glyph, and the style of that."""
    if view.incident.state != "open":
        return OVER, "muted"
    if view.incident.acknowledged:
        return SEEN, "muted"
    return (SICK, "bad") if view.found else (ODD, "warn")


def state_words(view: IncidentView, now: float) -> str:
    """What has become of it."""
    incident = view.incident
    if incident.state != "open":
        ended = incident.updated if incident.ended is None else incident.ended
        return f"{incident.state} {moment(ended, now)}"
    quiet = "" if view.found else f"quiet for {duration(max(0.0, now - incident.updated))}"
    return ", ".join(filter(None, ("acknowledged" if incident.acknowledged else "open", quiet)))


def lasted(view: IncidentView, now: float) -> str:
    """How long it has been, or was."""
    ended = view.incident.ended
    return duration(max(0.0, (now if ended is None else ended) - view.incident.opened))


def moment(when: float, now: float) -> str:
    """A time of day, with its date if it was not today.

    >>> len(moment(1e9, 1e9)), len(moment(1e9, 1.1e9))
    (8, 11)
    """
    shape = "%H:%M:%S" if abs(now - when) < DAY else "%m-%d %H:%M"
    return time.strftime(shape, time.localtime(when))


def bar(confidence: float, cells: int = BAR) -> str:
    """A confidence as so many cells, those that are full in front.

    >>> bar(0.52), bar(math.nan, 4)
    ('█████░░░░░', '░░░░')
    """
    full = 0 if math.isnan(confidence) else round(min(1.0, max(0.0, confidence)) * cells)
    return "█" * full + "░" * (cells - full)


def title_of(name: str) -> str:
    """Of a metric; one that the console does not know keeps its name."""
    try:
        return metric(name).title
    except KeyError:
        return name


def unit_of(name: str) -> str:
    """Of a metric; "" if the console does not know it."""
    try:
        return metric(name).unit
    except KeyError:
        return ""


def worded(value: float, unit: str) -> str:
    """A figure with its unit, which nothing does not need.

    >>> worded(0.0, "s/s"), worded(0.187, "s"), worded(math.nan, "s")
    ('0', '187 ms', '–')
    """
    number, unit = figure(value, unit)
    return number if number == "0" else f"{number} {unit}".rstrip()


def moved(evidence: Evidence) -> str:
    """From what to what, the unit once if it is the same."""
    unit = unit_of(evidence.metric)
    (before, first), (now, second) = figure(evidence.before, unit), figure(evidence.now, unit)
    if first == second or before in ("0", DASH):
        return f"{before} → {now} {second}".rstrip()
    return f"{before} {first} → {now} {second}".rstrip()


def evidence_words(evidence: Evidence, room: int) -> str:
    """A metric in a few words; the peers only where there is room for them."""
    words = f"{title_of(evidence.metric)} {moved(evidence)}"
    if math.isnan(evidence.peers):
        return words
    peers = worded(evidence.peers, unit_of(evidence.metric))
    return full if cell_len(full := f"{words} (peers {peers})") <= room else words


# -- rows, each in exactly `width` cells ------------------------------------------------------------------


def server_cells(views: Sequence[IncidentView], width: int) -> int:
    """Cells of the column of servers."""
    longest = max((cell_len(view.incident.server) for view in views), default=0)
    room = width - 2 - SURE - LEAST_TITLE - 2
    return max(2, min(longest, SERVER, room))


def incident_line(view: IncidentView, now: float, width: int, chosen: str, servers: int) -> Line:
    """Server, cause, how sure and, where there is room, since when; the server in the style `chosen`."""
    glyph, style = sign(view)
    finding = view.incident.finding
    calm = style == "muted"
    sure = f"{sureness(finding.confidence, calibrated=finding.calibrated):>{SURE}}"
    right: tuple[Run, ...] = (Run(sure, "muted" if calm else "value"),)
    if width >= ROOMY:
        since = f"  since {moment(view.incident.opened, now)} {lasted(view, now):>6}"
        right = (
            Run(" "),
            Run(bar(finding.confidence), "muted" if calm else style),
            *right,
            Run(since, "muted"),
        )
    room = width - 2 - servers - 1 - sum(cell_len(run.text) for run in right)
    return (
        Run(f"{glyph} ", style),
        Run(fit(view.incident.server, servers), chosen or ("muted" if calm else "title")),
        Run(" "),
        Run(fit(view.cause.title, room), "muted" if calm else style),
        *right,
    )


def detail_lines(view: IncidentView, now: float, width: int, *, tips: bool) -> list[Line]:
    """What stands below that, the most telling first, indented; with `tips` also what to try."""
    finding, room = view.incident.finding, width - 2
    calm = view.incident.state != "open" or view.incident.acknowledged
    lines: list[Line] = []
    if width < ROOMY:
        since = f" since {moment(view.incident.opened, now)}, {lasted(view, now)}"
        style = "muted" if calm else sign(view)[1]
        lines.append((Run("  "), Run(bar(finding.confidence), style), Run(fit(since, room - BAR), "muted")))
    words = folded(finding.said, room) if finding.said else []
    words += packed([evidence_words(each, room) for each in finding.evidence], room)
    lines += [(Run("  "), Run(fit(row, room), "muted" if calm else "")) for row in words]
    says = [fact.says for fact in view.facts if fact.says]
    told = [(text, "") for text in says[:1]]
    if tips and view.cause.act and view.incident.state == "open":
        told.append((f"try: {view.cause.act[0]}", "muted"))
    for text, style in told:
        lines += [(Run("  "), Run(fit(row, room), "muted" if calm else style)) for row in folded(text, room)]
    return lines


def also_words(finding: Finding) -> list[str]:
    """The other causes that it could well be."""
    from distdiag_tui.diagnosis.causes import find_cause  # noqa: PLC0415  not needed for a start

    return [
        f"{find_cause(cause).title} {sureness(value, calibrated=finding.calibrated)}"
        for cause, value in finding.also[:MOST_ALSO]
        if value >= LEAST_ALSO
    ]

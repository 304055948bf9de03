"""Help: every key, from the table the keys are made from, and how to read the panes."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from distdiag_tui.model.marks import BEGAN, ENDED, INJECTED, REVERTED
from distdiag_tui.model.topology import Status
from distdiag_tui.ui.actions import ACTIONS
from distdiag_tui.ui.glyphs import ODD, ONSET, OVER, SEEN, SHADE, SICK
from distdiag_tui.ui.overlay import Overlay
from distdiag_tui.ui.scene import GLYPHS

WORDS = {
    Status.SLOW: "Slow: no answer for half a second.",
    Status.VIEW_MISSING: "View missing: up, but not every view can be read.",
    Status.REFUSED: "Refused: wrong account or password.",
    Status.UNREACHABLE: "Unreachable: no connection, or no answer for seconds.",
}
READING = (
    *((GLYPHS[status], WORDS[status]) for status in Status if status in WORDS),
    (SICK, "A server with an incident; from its onset on its bars are red."),
    (ODD, "Not as usual, with no cause so far; an incident that is quiet."),
    (f"{SEEN} {OVER}", "An incident that is acknowledged, that is over."),
    ("~62 %", "A confidence that is not calibrated: it only orders."),
    (f"{SHADE} {ONSET}", "In the story: what is usual, and when it was left; dotted: the other servers."),
    ("σ", "How far off, in robust standard deviations of what is usual."),
    ("cards", "Newest figure; lowest–highest and bars over the time span."),
    ("bars", "From 0 to a round figure above the highest, or to 100 %."),
    ("–", "No figure: nothing to measure, or the server does not offer it."),
    (
        f"{BEGAN} {ENDED}  {INJECTED} {REVERTED}",
        "On the time axis: begin and end of a workload, of an anomaly.",
    ),
    ("+ − ⇄ ⇒ ◆ …", "On the time axis: what happened to the cluster; e in the topology lists it."),
    ("█▒░", "Of a resource: used, promised to units, free. In the heat map: more and less."),
    ("dropped", "Samples that did not arrive in their tick, since the start."),
)


def help_table() -> Table:
    """Keys, then the reading aids."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    keys = [(action.shown, action.about) for action in ACTIONS if action.about]
    for name, about in (*keys, ("ctrl+p", "Every command, by name."), ("", ""), *READING):
        table.add_row(Text(name, "bold"), Text(about))
    return table


class HelpScreen(Overlay[None]):
    """Over the panes, which go on below it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,q,enter", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        yield from super().compose()
        with VerticalScroll(id="help") as page:
            page.border_title = "Keys"
            page.border_subtitle = "Esc closes"
            yield Static(help_table())

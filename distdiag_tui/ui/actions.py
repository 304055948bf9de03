"""Every key of the main screen, in one table: bindings, key bar and help are made from it."""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding


class Action(NamedTuple):
    """`bar` is the word in the key bar ("" keeps it out of there); `about` the sentence in help.

    The palette calls it by `name`, or else by `bar`.
    """

    keys: str
    action: str
    shown: str
    bar: str
    about: str
    name: str = ""


ACTIONS = (
    Action("question_mark", "help", "?", "help", ""),
    Action("slash", "filter", "/", "filter", "Narrow the pane; Enter keeps the filter, Escape clears it."),
    Action("up,k", "move(0,-1)", "↑ ↓ ← →", "", "Move; in the topology ← closes and → opens. Also h j k l."),
    Action("down,j", "move(0,1)", "", "", ""),
    Action("left,h", "move(-1,0)", "", "", ""),
    Action("right,l", "move(1,0)", "", "", ""),
    Action("pageup", "move(0,-10)", "PgUp PgDn", "", "Move by ten. Home and End: to the first, to the last."),
    Action("pagedown", "move(0,10)", "", "", ""),
    Action("home", "move(0,-9999)", "", "", ""),
    Action("end", "move(0,9999)", "", "", ""),
    Action("enter", "open", "⏎", "open", "From topology to metrics; from a metric to its plot."),
    Action("", "switch", "Tab", "pane", "Next pane: 1 topology, 2 metrics, 3 workloads, 4 anomalies, "
           "5 diagnosis."),
    Action("1", "pane('topology')", "1", "", "Topology. There: n N next match, or next that is not well; "
           "s order, S turned round; v heat map, i details, e events.", "topology"),
    Action("2", "pane('metrics')", "", "", "", "metrics"),
    Action("3,w", "pane('workloads')", "w", "workloads", "Workloads. There: ⏎ start or change, x stop, "
           "[ ] fewer or more threads, n another run, v verify the data, c clean up."),
    Action("4,a", "pane('anomalies')", "a", "anomalies", "Anomalies. There: ⏎ inject, x stop or unplan, "
           "X stop all, [ ] severity, H past; a scenario: e adds, g runs, v dry run, s saves, o opens."),
    Action("5,d", "pane('diagnosis')", "d", "diagnosis", "Diagnosis. There: ⏎ the story of an incident, "
           "a acknowledge, n note, e export, v heat map, H past; in a story: f facts, s SQL, o obdiag."),
    Action("plus,equals_sign", "zoom(1)", "+ -", "time span", "A longer or shorter time span.",
           "longer time span"),
    Action("minus", "zoom(-1)", "", "", "", "shorter time span"),
    Action("m", "every", "m", "more metrics", "All metrics, or the first look again."),
    Action("p,space", "pause", "p", "pause", "Hold the picture; sampling goes on."),
    Action("exclamation_mark", "worst", "!", "worst", "To the server that needs attention first."),
    Action("t", "theme", "t", "theme", "The next theme."),
    Action("escape", "clear", "Esc", "", "Clear the filter; leave a screen."),
    Action("ctrl+z", "suspend_process", "^Z", "", "Back to the shell for a while; fg returns."),
    Action("q,ctrl+c", "quit", "q", "quit", "Leave."),
)  # fmt: skip

KEY_BAR = (*((a.shown, a.bar) for a in ACTIONS if a.bar), ("ctrl+p", "palette"))


def bindings() -> list[Binding]:
    """For the app's BINDINGS."""
    return [
        # with priority the field is there before the next key of a fast typist is given to anybody
        Binding(a.keys, a.action, a.bar or a.about, show=False, priority=a.action == "filter")
        for a in ACTIONS
        if a.keys
    ]

"""What diagnosis says while nothing is wrong, and what it knows beside incidents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from distdiag_tui.model.text import plain
from distdiag_tui.ui.canvas import Line, Run, fit
from distdiag_tui.ui.folding import packed
from distdiag_tui.ui.glyphs import ODD
from distdiag_tui.ui.incident_rows import BAR, ROOMY, bar, moment
from distdiag_tui.ui.standing import STEPS

if TYPE_CHECKING:
    from distdiag_tui.model.findings import Diagnosis
    from distdiag_tui.model.snapshot import Snapshot

ALARM: Final = 1.0
"""The score from which a server is not as usual."""
NEAR: Final = 0.5  # and from which colour is worth it
MOST_ODD: Final = 3  # servers that are named; the scores below name them all
NAME: Final = 16  # cells of a server's name at most


def odd_servers(snapshot: Snapshot) -> list[str]:
    """Those beyond their alarm threshold of which no finding speaks, the worst first."""
    diagnosis = snapshot.diagnosis
    if diagnosis is None or diagnosis.load_change is not None:
        return []
    found = {finding.server for finding in diagnosis.findings}
    beyond = {name: score for name, score in diagnosis.scores.items() if score >= ALARM and name not in found}
    return sorted(beyond, key=lambda name: -beyond[name])


def learning(diagnosis: Diagnosis | None) -> str:
    """How far it has come before it can judge, "" once it can."""
    if diagnosis is None or diagnosis.warm >= 1:
        return ""
    return f"learning what is usual: {100 * diagnosis.warm:.0f} %"


def load_words(diagnosis: Diagnosis | None) -> str:
    """That the load of all servers has changed, "" if it has not."""
    if diagnosis is None or (change := diagnosis.load_change) is None:
        return ""
    return f"load change ×{change.factor:.2g} since {moment(change.since, diagnosis.time)}"


def gathering_words(diagnosis: Diagnosis) -> list[str]:
    """That servers gather statistics of their tables, nothing if they do not."""
    if diagnosis.gathering is None:
        return []
    return [
        f"gathering statistics since {moment(diagnosis.gathering, diagnosis.time)}",
        "plans are made anew",
    ]


def known_lines(snapshot: Snapshot, width: int, *, wrong: bool) -> list[Line]:
    """What is known beside the incidents; with `wrong` there are some."""
    diagnosis = snapshot.diagnosis
    if diagnosis is None:
        return [] if wrong else [(Run(fit("diagnosis has not begun", width), "muted"),)]
    told = [(words, "busy") for words in (learning(diagnosis), load_words(diagnosis)) if words]
    told += [(words, "busy") for words in packed(gathering_words(diagnosis), width)]
    odd = [] if wrong else odd_servers(snapshot)
    told += [(f"{ODD} {plain(name, 40)}: not as usual, no cause yet", "warn") for name in odd[:MOST_ODD]]
    calm = [] if wrong else _calm_words(diagnosis, len(snapshot.servers), learning=bool(learning(diagnosis)))
    if not wrong and not odd and not learning(diagnosis):
        told.insert(0, ("nothing is wrong", "good"))
    lines = [(Run(fit(row, width), style),) for words, style in told for row in packed([words], width)]
    return [*lines, *((Run(fit(row, width), "muted"),) for row in packed(calm, width))]


def _calm_words(diagnosis: Diagnosis, servers: int, *, learning: bool) -> list[str]:
    words = [f"watching {servers} server{'s' if servers != 1 else ''}"]
    if not math.isnan(diagnosis.false_alarms):
        words.append(f"about {diagnosis.false_alarms:.2g} false alarms an hour")
    elif not learning:
        words.append("false alarms an hour: not known yet")
    words.append(f"model {plain(diagnosis.model, 30)}" if diagnosis.model else "no trained model")
    return words


def nearest_first(names: Iterable[str], scores: Mapping[str, float]) -> list[str]:
    """Servers by how near they are to their alarm; small differences below it do not make rows change places.

    >>> nearest_first(["a", "b", "c", "d"], {"a": 0.1, "b": 0.2, "c": 0.6, "d": 1.5})
    ['d', 'c', 'a', 'b']
    """

    def step(name: str) -> float:
        score = scores.get(name, math.nan)
        if math.isnan(score):
            return 1.0
        return -score if score >= ALARM else -math.floor(score * STEPS) / STEPS

    return sorted(names, key=step)


def score_lines(snapshot: Snapshot, width: int, rows: int) -> list[Line]:
    """How near each server is to its alarm, the nearest first, in at most so many rows."""
    scores = snapshot.diagnosis.scores if snapshot.diagnosis is not None else {}
    if not scores or rows < 2:
        return []
    names = [server.name for server in snapshot.servers if server.name in scores]
    shown = nearest_first(names, scores)[: rows - 1]
    cells = min(NAME, max(map(cell_len, shown), default=0))
    long = BAR if width < ROOMY else 3 * BAR
    lines: list[Line] = [(Run(fit("how near to an alarm", width), "muted"),)]
    for name in shown:
        figure = "   –" if math.isnan(scores[name]) else f"{100 * scores[name]:4.0f} %"
        style = "warn" if scores[name] >= ALARM else "spark" if scores[name] >= NEAR else "muted"
        head = (Run(f"{fit(name, cells)} "), Run(bar(scores[name], long), style))
        lines.append((*head, Run(fit(figure, width - cells - 1 - long), "value")))
    return lines

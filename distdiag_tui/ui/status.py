"""The line at the top that never goes away, and the line of keys at the bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.events import Resize
from textual.widgets import Static

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import duration, figure, plain
from distdiag_tui.ui.canvas import Canvas, Line, Run, ScenePane, cut, fit, width_of
from distdiag_tui.ui.health import incident_run
from distdiag_tui.ui.injected import style, summary
from distdiag_tui.ui.scene import GLYPHS, STATUS_STYLES, Scene, worst_of

if TYPE_CHECKING:
    from distdiag_tui.model.findings import Diagnosis
    from distdiag_tui.workloads.journal import RunRecord

STALE_AFTER = 2.5  # ticks
BAR = "  │ "
MOST_INJECTED = 60  # cells for what is injected
MOST_INCIDENT = 60  # cells for the worst incident


class StatusLine(ScenePane, can_focus=False):
    """Cluster, worst server, load, and how the console itself keeps up."""

    def __init__(self) -> None:
        super().__init__(id="status")

    def redraw(self) -> None:
        """Draw what fits."""
        if width := self.size.width:
            self.draw([status_line(self._scene, width)])


class Complaint(Static):
    """What went wrong, above the keys for a while."""

    def __init__(self) -> None:
        super().__init__(id="wrong", markup=False)
        self.display = False

    def show(self, scene: Scene) -> None:
        """As the scene has it; without it there is no such line."""
        if self.display or scene.wrong:
            self.update(plain(scene.wrong, 600))
            self.display = bool(scene.wrong)


class Part(NamedTuple):
    """A piece of the line. The lower its `rank`, the longer it stays when there is little room."""

    rank: int
    run: Run


def status_line(scene: Scene, width: int) -> Line:
    """What fits into exactly `width` cells; the worst server is the last thing to go."""
    snapshot = scene.snapshot
    if snapshot is None:
        left = [Part(2, Run(" distdiag", "title")), Part(0, Run("  connecting …", "muted"))]
        return _spread(left, [], width)
    return _spread(_left(scene, snapshot, width), _right(scene, snapshot), width)


def _left(scene: Scene, snapshot: Snapshot, width: int) -> list[Part]:
    parts = [Part(8, Run(" distdiag ", "title")), Part(3, Run(f" {plain(snapshot.cluster, 30)}  ", "value"))]
    if snapshot.production:
        parts.append(Part(2, Run("PRODUCTION  ", "bad")))
    servers = _servers(snapshot)
    if cell_len(servers.text) > width:
        servers = Run(fit(servers.text, width), servers.style)
    beside = width // 2 if scene.notice else cell_len(servers.text)
    incident = incident_run(scene, min(MOST_INCIDENT, width - beside - len(BAR)))
    if incident is not None:
        parts.append(Part(0, incident))
        servers = Run(f"{BAR}{servers.text}", servers.style)
    parts.append(Part(0 if incident is None else 2, servers))
    parts.append(Part(9, Run(f" {_product(snapshot)}", "muted")))
    parts += [Part(7, Run(f"{BAR}{words}", "busy")) for words in _events(snapshot.diagnosis)]
    if scene.notice:
        words = cut(scene.notice, width // 2 - (len(BAR) if incident is not None else 0))
        parts.append(Part(2 if incident is None else 1, Run(f"{BAR}{words}", "warn")))
    for view in scene.workloads:
        if view.run is not None and (words := _load_words(view.run)):
            parts.append(
                Part(6, Run(f"{BAR}{plain(words, 80)}", "bad" if view.run.phase == "failed" else "busy"))
            )
    if scene.board is not None and scene.board.active:
        used = cell_len(servers.text) + (cell_len(incident.text) if incident is not None else 0)
        room = min(MOST_INJECTED, width // 2, width - used - len(BAR))
        parts.append(Part(1, Run(f"{BAR}{summary(scene.board, room)}", style(scene.board.active[0]))))
    return parts


def _events(diagnosis: Diagnosis | None) -> Iterator[str]:
    """What all servers do that is no trouble."""
    if diagnosis is None:
        return
    if (change := diagnosis.load_change) is not None:
        yield f"load change ×{change.factor:.2g}"
    if diagnosis.gathering is not None:
        yield "gathering statistics"


def _load_words(run: RunRecord) -> str:
    """A few words on a workload that goes on, or has failed."""
    if run.phase == "failed":
        return f"{run.kind} failed: {run.message}"
    if run.phase != "running":
        return f"{run.kind} {run.phase} {run.fraction:.0%}" if run.active else ""
    if run.report is None:
        return f"{run.kind} starting"
    p95 = "" if run.report.p95 is None else f" p95 {' '.join(figure(run.report.p95, 's'))}"
    return f"{run.kind} {run.report.threads}× {run.report.tps:.0f} tps{p95}"


def _spread(left: list[Part], right: list[Part], width: int) -> Line:
    """Both sides, less the parts of the highest rank that do not fit, with the gap between them."""
    kept: set[Part] = set()
    room = width
    for part in sorted((*left, *right)):
        if (needed := cell_len(part.run.text)) <= room:
            kept.add(part)
            room -= needed
    shown = [[part.run for part in side if part in kept] for side in (left, right)]
    return (*shown[0], Run(" " * room), *shown[1])


def _servers(snapshot: Snapshot) -> Run:
    worst = worst_of(snapshot)
    count = len(snapshot.servers)
    if worst.status.severity == 0:
        return Run(f"{GLYPHS[worst.status]} {'all ' if count > 1 else ''}{count} up", "good")
    others = sum(server.status.severity > 0 for server in snapshot.servers) - 1
    more = f" and {others} more" if others else ""
    age = f" {duration(worst.age)}" if worst.age is not None and not worst.status.answers else ""
    words = f"{GLYPHS[worst.status]} {plain(worst.name, 24)} {worst.status.value}{age}{more}"
    return Run(words, STATUS_STYLES[worst.status])


def _product(snapshot: Snapshot) -> str:
    products = sorted({server.product for server in snapshot.servers if server.product})
    return plain(", ".join(products), 40)


def _right(scene: Scene, snapshot: Snapshot) -> list[Part]:
    """Paused, clock, the tick's latency, the oldest figures on show, samples that did not come."""
    ages = [server.age for server in snapshot.servers if server.age is not None]
    oldest = max(ages, default=0.0)
    late = oldest > STALE_AFTER * max(snapshot.interval, 1.0)
    latency = " ".join(figure(snapshot.health.tick_latency, "s"))
    clock = time.strftime("%H:%M:%S", time.localtime(snapshot.time))
    parts = [
        Part(4, Run(f" {clock} ", "value")),
        Part(7, Run(f"tick {latency:>7} ", "muted")),
        Part(10, Run(f"dropped {snapshot.health.dropped} ", "warn" if late else "muted")),
    ]
    if scene.prometheus is not None and (words := scene.prometheus.words):
        parts.append(Part(11, Run(f"{words} ", "warn" if scene.prometheus.bad else "muted")))
    if late:
        parts.insert(2, Part(5, Run(f"stale {duration(oldest)} ", "warn")))
    if scene.paused:
        parts.insert(0, Part(2, Run(" ⏸ PAUSED", "warn")))
    return parts


class KeyBar(Canvas, can_focus=False):
    """The keys that work here, as many as fit."""

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__(id="keys")
        self._keys = keys

    def show_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """Other keys work now."""
        self._keys = keys
        self.draw([key_line(keys, self.size.width)])

    def on_resize(self, _: Resize) -> None:
        """Show as many as now fit."""
        self.draw([key_line(self._keys, self.size.width)])


def key_line(keys: Sequence[tuple[str, str]], width: int) -> Line:
    """Key and word after key and word, leaving out from the end what does not fit."""
    line: list[Run] = []
    for key, words in keys:
        part = (Run(f" {key} ", "title"), Run(f"{words} ", "muted"))
        if width_of((*line, *part)) > width:
            break
        line += part
    return tuple(line)

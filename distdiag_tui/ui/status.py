"""The line at the top that never goes away, and the line of keys at the bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from textual.events import Resize

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import duration, figure, plain
from distdiag_tui.ui.canvas import Canvas, Line, Run, ScenePane, width_of
from distdiag_tui.ui.scene import GLYPHS, STATUS_STYLES, Scene, worst_of

STALE_AFTER = 2.5  # ticks


class StatusLine(ScenePane, can_focus=False):
    """Cluster, worst server, load, and how the console itself keeps up."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self.load = ""  # a few words about the running workload

    def redraw(self) -> None:
        """Draw what fits."""
        if width := self.size.width:
            self.draw([status_line(self._scene, self.load, width)])


def status_line(scene: Scene, load: str, width: int) -> Line:
    """The parts that fit, the most important ones first to stay."""
    snapshot = scene.snapshot
    if snapshot is None:
        return _spread((Run(" distdiag", "title"), Run("  connecting …", "muted")), (), width)
    head: Line = (Run(" distdiag  ", "title"), Run(f"{plain(snapshot.cluster, 30)}  ", "value"))
    if snapshot.production:
        head = (*head, Run("PRODUCTION  ", "bad"))
    health = _health(scene, snapshot)
    middle: list[Line] = [_servers(snapshot)]
    if width >= 100:
        middle.append((Run(f" {_product(snapshot)}", "muted"),))
    if load:
        middle.append((Run(f"  │ {load}", "busy"),))
    left = list(head)
    for part in middle:
        if width_of((*left, *part, *health)) < width:
            left += part
    return _spread(tuple(left), health, width)


def _servers(snapshot: Snapshot) -> Line:
    worst = worst_of(snapshot)
    count = len(snapshot.servers)
    if worst.status.severity == 0:
        return (Run(f"{GLYPHS[worst.status]} {'all ' if count > 1 else ''}{count} up", "good"),)
    style = STATUS_STYLES[worst.status]
    others = sum(server.status.severity > 0 for server in snapshot.servers) - 1
    more = f" and {others} more" if others else ""
    age = f" {duration(worst.age)}" if worst.age is not None and not worst.status.answers else ""
    words = f"{GLYPHS[worst.status]} {plain(worst.name, 24)} {worst.status.value}{age}{more}"
    return (Run(words, style),)


def _product(snapshot: Snapshot) -> str:
    products = sorted({server.product for server in snapshot.servers if server.product})
    return plain(", ".join(products), 40)


def _health(scene: Scene, snapshot: Snapshot) -> Line:
    """Paused or clock, the tick's latency, the oldest figures on show, samples that did not come."""
    ages = [server.age for server in snapshot.servers if server.age is not None]
    stale = max(ages, default=math.nan)
    late = stale > STALE_AFTER * max(snapshot.interval, 1.0)
    latency = " ".join(figure(snapshot.health.tick_latency, "s"))
    clock = time.strftime("%H:%M:%S", time.localtime(snapshot.time))
    return (
        Run("⏸ PAUSED " if scene.paused else "", "warn"),
        Run(f"{clock} ", "value"),
        Run(f"tick {latency:>7} ", "muted"),
        Run(f"stale {duration(stale)} " if late else "", "warn"),
        Run(f"dropped {snapshot.health.dropped} ", "warn" if late else "muted"),
    )


def _spread(left: Line, right: Line, width: int) -> Line:
    gap = width - width_of(left) - width_of(right)
    return (*left, Run(" " * max(1, gap)), *right)


class KeyBar(Canvas, can_focus=False):
    """The keys that work here, as many as fit."""

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__(id="keys")
        self._keys = keys

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

"""The topology pane: cluster, zones, servers, tenants, as a tree driven by the keyboard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from distdiag_tui.model.marks import INJECTED
from distdiag_tui.model.metrics import METRIC_INDEX, metric
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import duration, figure
from distdiag_tui.model.topology import Server, Subject
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.glyphs import SICK
from distdiag_tui.ui.health import Health, health_of, sick_zones, worst_incident
from distdiag_tui.ui.injected import style
from distdiag_tui.ui.messages import SubjectChosen
from distdiag_tui.ui.scene import CLUSTER, GLYPHS, STATUS_STYLES, server_of, worst_of
from distdiag_tui.ui.spark import TimeAxis, bars, columns_of, nice_ceiling

SPARK: Final = 8
QPS: Final = METRIC_INDEX["qps"]
FIGURES: Final = ("qps", "sql_rt", "cpu_percent", "sessions_active")  # the first where there is little room
ROOMY: Final = 66  # width from which all figures have room
DETAIL_ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class Node:
    """A row of the tree. `open` is None where there is nothing to open."""

    subject: Subject
    depth: int
    name: str
    open: bool | None


def tree(snapshot: Snapshot, toggled: frozenset[Subject], text: str = "") -> list[Node]:
    """The rows in sight, top to bottom: cluster and zones start open, servers closed, `toggled` are not so.

    A filter keeps the servers whose name, zone, address or status match.
    """
    rows = [Node(Subject(), 0, snapshot.cluster, Subject() not in toggled)]
    if Subject() in toggled:
        return rows
    for zone, servers in snapshot.zones.items():
        kept = [s for s in servers if text.lower() in f"{s.name} {s.zone} {s.address} {s.status}".lower()]
        if not kept:
            continue
        subject = Subject(zone)
        rows.append(Node(subject, 1, zone, subject not in toggled))
        if subject not in toggled:
            for server in kept:
                rows += _server_rows(server, toggled)
    return rows


def _server_rows(server: Server, toggled: frozenset[Subject]) -> list[Node]:
    subject = Subject(server.zone, server.name)
    opened = bool(server.tenants) and subject in toggled
    rows = [Node(subject, 2, server.name, opened if server.tenants else None)]
    if opened:
        rows += [Node(Subject(server.zone, server.name, t.name), 3, t.name, None) for t in server.tenants]
    return rows


class TopologyPane(ScenePane):
    """What there is, how it is doing, and which part of it the other panes show."""

    def __init__(self) -> None:
        super().__init__(id="topology")
        self._toggled: frozenset[Subject] = frozenset()
        self._filter = ""
        self._rows: list[Node] = []
        self._chosen = 0
        self._top = 0

    @property
    def filter_text(self) -> str:
        """What the shown servers were narrowed to."""
        return self._filter

    def narrow(self, text: str) -> None:
        """Show only matching servers."""
        self._filter = text
        self.redraw()

    # -- keys ---------------------------------------------------------------------------------------

    def action_move(self, columns: int, rows: int) -> None:
        """Up and down move; left closes or goes to the parent, right opens or goes to the child."""
        if not self._rows:
            return
        if columns:
            self._open_or_step(opening=columns > 0)
        else:
            self._chosen = min(len(self._rows) - 1, max(0, self._chosen + rows))
        self._announce(self._rows[self._chosen].subject)

    def _open_or_step(self, *, opening: bool) -> None:
        row = self._rows[self._chosen]
        if row.open is not None and row.open != opening:
            self._toggled ^= {row.subject}
        elif opening:
            self._chosen = min(len(self._rows) - 1, self._chosen + (row.open is True))
        else:
            above = [i for i in range(self._chosen) if self._rows[i].depth < row.depth]
            self._chosen = above[-1] if above else 0

    def choose_worst(self) -> None:
        """Select the server that needs attention first, and open or clear what hides it."""
        if self._scene.snapshot is None:
            return
        worst = self._neediest(self._scene.snapshot)
        self._toggled -= {CLUSTER, Subject(worst.zone)}
        subject = Subject(worst.zone, worst.name)
        if subject not in (row.subject for row in tree(self._scene.snapshot, self._toggled, self._filter)):
            self._filter = ""
        self._announce(subject)

    def _neediest(self, snapshot: Snapshot) -> Server:
        """That of the worst incident; without one, the one that answers worst."""
        view = worst_incident(self._scene)
        names = (view.incident.zone, view.incident.server) if view is not None else ()
        return next(
            (each for each in snapshot.servers if (each.zone, each.name) == names), worst_of(snapshot)
        )

    def _announce(self, subject: Subject) -> None:
        """Move the mark at once, and let the other panes follow when that is on the screen."""
        self._scene = replace(self._scene, subject=subject)
        self.redraw()
        self.call_after_refresh(self.post_message, SubjectChosen(subject))

    # -- drawing ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the tree, and below it what is known about the selection."""
        width, height = self.size
        snapshot = self._scene.snapshot
        if width < 16 or height < 2:
            return
        if snapshot is None:
            self.draw([(Run("connecting …", "muted"),)])
            return
        sick = sick_zones(self._scene)
        counted = f"{SICK} {sick['']} of {len(snapshot.servers)}" if sick else ""  # some may be out of sight
        self.entitle(f"Topology · /{self._filter}" if self._filter else "Topology", counted)
        self._rows = tree(snapshot, self._toggled, self._filter)
        self._follow_subject()
        details = _details(snapshot, self._scene.subject, width) if height > 3 * DETAIL_ROWS else []
        head = [_header(width)] if width >= ROOMY else []
        room = height - len(details) - len(head)
        self._top = max(0, min(self._top, self._chosen, len(self._rows) - room))
        self._top = max(self._top, self._chosen - room + 1)
        shown = list(enumerate(self._rows))[self._top : self._top + room]
        axis = TimeAxis.fitting(snapshot.tick, SPARK, self._scene.span_ticks)
        lines = []
        for index, row in shown:
            server = server_of(snapshot, row.subject) if row.depth == 2 else None
            health = health_of(self._scene, server) if server is not None else _closed_over(row, sick)
            right = self._right(snapshot, row, server, _spark(snapshot, row.subject, axis, health))
            lines.append(self._line(row, server, health, right, width, chosen=index == self._chosen))
        lines += [(Run(" " * width),)] * (room - len(lines))
        self.draw(head + lines + details)

    def _follow_subject(self) -> None:
        """Keep the selection on the same thing when rows come and go."""
        subjects = [row.subject for row in self._rows]
        if self._scene.subject in subjects:
            self._chosen = subjects.index(self._scene.subject)
        self._chosen = min(self._chosen, len(subjects) - 1)

    def _line(
        self,
        row: Node,
        server: Server | None,
        health: Health | None,
        right: Line,
        width: int,
        *,
        chosen: bool,
    ) -> Line:
        mark = {None: " ", True: "▾", False: "▸"}[row.open]
        glyph, style = _sign(server, health)
        indent = " " * row.depth + mark + " "
        injected = self._injected(server)
        used = len(indent) + (2 if glyph else 0) + len(injected.text) + sum(len(run.text) for run in right)
        name = Run(fit(row.name, width - used), _name_style(chosen=chosen, focused=self.has_focus))
        head = (Run(indent, "muted"), Run(f"{glyph} " if glyph else "", style))
        return (*head, injected, name, *right)

    def _injected(self, server: Server | None) -> Run:
        """The sign of an anomaly, where there is one."""
        board = self._scene.board
        mine = [r for r in board.active if r.address == server.address] if board and server else []
        mine = [record for record in mine if record.phase != "waiting"]
        worst = next((record for record in mine if record.wrong), mine[0] if mine else None)
        return Run(f"{INJECTED} ", style(worst)) if worst is not None else Run("")

    def _right(self, snapshot: Snapshot, row: Node, server: Server | None, spark: Line) -> Line:
        if server is not None and not server.status.answers:
            age = f" {duration(server.age)}" if server.age is not None else ""
            return (Run(f" {server.status.value}{age}", STATUS_STYLES[server.status]),)
        shown = FIGURES if self.size.width >= ROOMY else FIGURES[:1]
        figures = [figure(snapshot.value(row.subject, name), metric(name).unit) for name in shown]
        cells = "".join(f" {number:>5} {unit:<4}" for number, unit in figures)
        return (Run(cells, "value"), *spark)


def _closed_over(row: Node, sick: Mapping[str, int]) -> Health | None:
    """That a server is sick inside of what is closed."""
    hides = row.open is False and row.depth < 2 and sick.get(row.subject.zone)
    return Health(SICK, "bad", math.nan) if hides else None


def _sign(server: Server | None, health: Health | None) -> tuple[str, str]:
    """Glyph and style: how it answers while it does not, else whether it is well."""
    if health is not None and (server is None or server.status.answers):
        return health.glyph, health.style
    return (GLYPHS[server.status], STATUS_STYLES[server.status]) if server is not None else ("", "")


def _spark(snapshot: Snapshot, subject: Subject, axis: TimeAxis, health: Health | None) -> Line:
    """The recent past, from the onset on in the colour of what is wrong."""
    window = snapshot.history.window(subject, axis.span, snapshot.tick)[QPS : QPS + 1]
    past = columns_of(window, axis)[0]
    text = bars(past, nice_ceiling(float(np.max(past, initial=0.0, where=~np.isnan(past)))))[0]
    if health is None or math.isnan(health.since):
        return (Run(text, "spark"),)
    since = axis.column(int(health.since // snapshot.interval)) or 0
    return (Run(text[:since], "spark"), Run(text[since:], health.style))


def _header(width: int) -> Line:
    titles = "".join(f" {metric(name).title:^10}" for name in FIGURES)
    return (Run(" " * (width - len(titles) - SPARK) + titles + " " * SPARK, "muted"),)


def _name_style(*, chosen: bool, focused: bool) -> str:
    if not chosen:
        return "title"
    return "chosen" if focused else "chosen-muted"


def _details(snapshot: Snapshot, subject: Subject, width: int) -> list[Line]:
    """What is known about the selection, below the tree."""
    server = server_of(snapshot, subject)
    if server is None:
        words = [("servers", str(len(snapshot.servers))), *_status_counts(snapshot)]
    else:
        words = [
            ("status", server.status.value),
            ("address", server.address),
            ("server", " ".join(filter(None, (server.product, server.role)))),
            ("up", f"{duration(server.uptime)}, sampled in {' '.join(figure(server.latency or 0, 's'))}"),
        ]
        if server.detail:
            words[3] = ("", server.detail)
    lines: list[Line] = [(Run("─" * width, "muted"),)]
    lines += [
        (Run(fit(name, 8), "muted"), Run(fit(text, width - 8), "value" if name else "bad"))
        for name, text in words[: DETAIL_ROWS - 1]
    ]
    return lines + [(Run(" " * width),)] * (DETAIL_ROWS - len(lines))


def _status_counts(snapshot: Snapshot) -> list[tuple[str, str]]:
    counts: dict[str, int] = {}
    for server in snapshot.servers:
        counts[server.status.value] = counts.get(server.status.value, 0) + 1
    return [("", f"{count} {word}") for word, count in counts.items()] if len(counts) > 1 else [
        ("status", f"all {next(iter(counts), '')}")
    ]  # fmt: skip

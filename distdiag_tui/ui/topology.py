"""The topology pane: cluster, tenants, zones and servers, as a tree or a list driven by the keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.binding import Binding, BindingType

from distdiag_tui.model.metrics import METRIC_INDEX, metric
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import figure
from distdiag_tui.model.topology import Server, Subject
from distdiag_tui.ui.canvas import Line, Run, ScenePane, cut, fit, width_of
from distdiag_tui.ui.glyphs import SICK
from distdiag_tui.ui.health import Health, health_of, sick_zones, worst_incident
from distdiag_tui.ui.messages import SubjectChosen, TopologyOrdered
from distdiag_tui.ui.order import BY_ZONE, ZONES, Order, Sorter
from distdiag_tui.ui.scene import CLUSTER, Scene, worst_of
from distdiag_tui.ui.spark import TimeAxis, columns_of
from distdiag_tui.ui.standing import NEEDY, WELL, Standings, standings
from distdiag_tui.ui.topology_details import DETAIL_ROWS, Census, Details, aside_of, census, word_of
from distdiag_tui.ui.topology_rows import closed_over, injected_run, name_style, sign, spark_run
from distdiag_tui.ui.tree import REST, TENANTS, Key, Node, listed, matches, tree

if TYPE_CHECKING:
    from distdiag_tui.ui.app import ConsoleApp

SPARK: Final = 8
FIGURES: Final = ("qps", "sql_rt", "cpu_percent", "sessions_active")  # the first where there is little room
ROOMY: Final = 66  # width from which all figures have room

_FIRST: Final = (
    ("?", "help"),
    ("/", "search"),
    ("n", "next"),
    ("!", "worst"),
    ("s", "order"),
    ("v", "heat map"),
)
_TOLD: Final = (("i", "details"), ("e", "events"))
_LAST: Final = (("⏎", "metrics"), ("Tab", "pane"), ("w", "workloads"), ("a", "anomalies"), ("d", "diagnosis"),
                ("p", "pause"), ("q", "quit"), ("ctrl+p", "palette"))  # fmt: skip
KEYS: Final = (*_FIRST, *_LAST)
KEYS_TOLD: Final = (*_FIRST, *_TOLD, *_LAST)
"""Once the cluster has told what it is made of."""


class TopologyPane(ScenePane):
    """What there is, how it is doing, and which part of it the other panes show."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next(1)", "next match, or next that is not well", show=False),
        Binding("N", "next(-1)", "the one before", show=False),
        # with priority, for the very next key belongs to the picker
        Binding("s", "pick", "order by a metric", show=False, priority=True),
        Binding("S", "turn", "turn the order round", show=False),
        Binding("v", "order('heat')", "heat map of servers", show=False),
        Binding("i", "order('inside')", "details of a server", show=False),
        Binding("e", "order('events')", "events", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="topology")
        self.order = BY_ZONE
        self._opened: dict[Key, bool] = {}
        self._filter = ""
        self._rows: list[Node] = []
        self._key: Key = (CLUSTER, "")
        self._chosen = 0
        self._top = 0
        self._sorter = Sorter()
        self._standing: Standings = {}
        self._servers: dict[tuple[str, str], Server] = {}  # by zone and name
        self._census: Census = {}
        self._details = Details()

    @property
    def filter_text(self) -> str:
        """What the shown servers were narrowed to."""
        return self._filter

    def narrow(self, text: str) -> None:
        """Show only matching servers."""
        self._filter = text
        self._lay_out()
        self.redraw()

    def put_in_order(self, order: Order) -> None:
        """Servers in another order from now on; the selection stays in sight."""
        self.order = order
        self._lay_out()
        self.redraw()

    def show(self, scene: Scene) -> None:
        """Draw another scene. Rows are made anew only when there is something new to them."""
        before, self._scene = self._scene, scene
        if before.snapshot is not scene.snapshot or before.incidents is not scene.incidents:
            self._look(scene)
            self._lay_out()
        elif before.subject != scene.subject:
            self._follow_subject()
        self.redraw()

    def _look(self, scene: Scene) -> None:
        """What is asked of every row, found once."""
        self._standing = standings(scene)
        if (snapshot := scene.snapshot) is not None:
            self._servers = {(server.zone, server.name): server for server in snapshot.servers}
            self._census = census(snapshot, self._standing)

    # -- keys ---------------------------------------------------------------------------------------

    def action_move(self, columns: int, rows: int) -> None:
        """Up and down move; left closes or goes to the parent, right opens or goes to the child."""
        if not self._rows:
            return
        if columns:
            self._open_or_step(opening=columns > 0)
            self._announce(self._rows[self._chosen].key)
        else:
            self._chosen = min(len(self._rows) - 1, max(0, self._chosen + rows))
            self._announce(self._rows[self._chosen].key, same=True)

    def _open_or_step(self, *, opening: bool) -> None:
        row = self._rows[self._chosen]
        if opening and row.part == REST:
            self._opened[row.subject, ""] = True
        elif row.open is not None and row.open != opening:
            self._opened[row.key] = opening
        elif opening:
            self._chosen = min(len(self._rows) - 1, self._chosen + (row.open is True))
        else:
            above = [i for i in range(self._chosen) if self._rows[i].depth < row.depth]
            self._chosen = above[-1] if above else 0

    def action_next(self, step: int) -> None:
        """The next server that matches the filter, or without one the next that needs attention."""
        snapshot = self._scene.snapshot
        if snapshot is None:
            return
        if self._filter:
            wanted = [each for each in self._sorted(snapshot) if matches(each, self._filter.lower())]
        else:
            wanted = [
                each for each in self._sorted(snapshot)
                if self._standing.get(each.name, WELL).rank >= NEEDY
            ]  # fmt: skip
        here = self._scene.subject
        if wanted:
            names = [(each.zone, each.name) for each in wanted]
            at = names.index((here.zone, here.server)) if (here.zone, here.server) in names else None
            place = (0 if step > 0 else -1) if at is None else (at + step) % len(names)
            self.reveal(Subject(*names[place]))

    def _sorted(self, snapshot: Snapshot) -> list[Server]:
        """All servers, from top to bottom, whatever is open."""
        if self.order.by == ZONES:
            return [server for servers in snapshot.zones.values() for server in servers]
        return self._sorter.sort(snapshot, list(snapshot.servers), self.order, self._standing)

    def choose_worst(self) -> None:
        """Select the server that needs attention first."""
        if self._scene.snapshot is not None:
            worst = self._neediest(self._scene.snapshot)
            self.reveal(Subject(worst.zone, worst.name))

    def _neediest(self, snapshot: Snapshot) -> Server:
        """That of the worst incident; without one, the one that answers worst."""
        view = worst_incident(self._scene)
        names = (view.incident.zone, view.incident.server) if view is not None else ()
        return next(
            (each for each in snapshot.servers if (each.zone, each.name) == names), worst_of(snapshot)
        )

    def reveal(self, subject: Subject) -> bool:
        """Select something, and open or clear what hides it; False, and all stays, if it is in no row."""
        snapshot, before = self._scene.snapshot, dict(self._opened)
        if snapshot is None:
            return False
        self._open_up(subject)
        for text in (self._filter, ""):
            if any(row.key == (subject, "") for row in self._laid_out(snapshot, subject, text)):
                self._filter = text
                self._announce((subject, ""))
                return True
        self._opened = before
        return False

    def _open_up(self, subject: Subject) -> None:
        """The branches that it is in."""
        self._opened.pop((CLUSTER, ""), None)
        if self._opened.get((Subject(subject.zone), "")) is False:
            del self._opened[Subject(subject.zone), ""]
        if subject.tenant:
            branch = (Subject(subject.zone, subject.server), "") if subject.server else (CLUSTER, TENANTS)
            self._opened[branch] = True

    def action_order(self, order: str) -> None:
        """Ask the app to look further."""
        self.post_message(TopologyOrdered(order))

    async def action_pick(self) -> None:
        """Let the person pick an order."""
        await cast("ConsoleApp", self.app).pick_order()

    def action_turn(self) -> None:
        """The order the other way round."""
        self.put_in_order(self.order.other_way())

    def _announce(self, key: Key, *, same: bool = False) -> None:
        """Move the mark at once, and let the other panes follow when that is on the screen.

        With `same` the rows are those that are there.
        """
        self._key = key
        self._scene = replace(self._scene, subject=key[0])
        if not same:
            self._lay_out()
        self.redraw()
        self.call_after_refresh(self.post_message, SubjectChosen(key[0]))

    # -- drawing ------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """The rows, of which only those in sight are drawn."""
        if (snapshot := self._scene.snapshot) is not None:
            self._rows = self._laid_out(snapshot, self._scene.subject, self._filter)
            self._follow_subject()

    def _laid_out(self, snapshot: Snapshot, selected: Subject, text: str) -> list[Node]:
        if self.order.by == ZONES:
            return tree(snapshot, self._opened, text, self._standing, selected)
        return listed(snapshot, self._sorted(snapshot), self._opened, text)

    def _follow_subject(self) -> None:
        """Keep the selection on the same thing when rows come and go."""
        subject = self._scene.subject
        if self._key[0] != subject:
            self._key = (subject, "")
        chosen = next((index for index, row in enumerate(self._rows) if row.key == self._key), self._chosen)
        self._chosen = min(chosen, len(self._rows) - 1)

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
        narrowed = f"/{self._filter}" if self._filter else ""
        self.entitle(" · ".join(filter(None, ("Topology", self.order.words, narrowed))), counted)
        details = self._details.lines(self._scene, width, height) if height > 3 * DETAIL_ROWS else []
        head = [self._header(width)] if width >= ROOMY else []
        room = height - len(details) - len(head)
        self._top = max(0, min(self._top, self._chosen, len(self._rows) - room))
        self._top = max(self._top, self._chosen - room + 1)
        shown = self._rows[self._top : self._top + room]
        lines = self._lines(snapshot, shown, width, sick)
        lines += [(Run(" " * width),)] * (room - len(lines))
        self.draw(head + lines + details)

    def _lines(self, snapshot: Snapshot, rows: list[Node], width: int, sick: Mapping[str, int]) -> list[Line]:
        """A line a row, with the past of the first figure."""
        axis = TimeAxis.fitting(snapshot.tick, SPARK, self._scene.span_ticks)
        index = METRIC_INDEX[self._figures[0]]
        subjects = [row.subject for row in rows]
        past = columns_of(snapshot.history.traces(subjects, index, axis.span, snapshot.tick), axis)
        lines = []
        for place, row in enumerate(rows):
            whole = row.subject.server and not row.subject.tenant
            server = self._servers.get((row.subject.zone, row.subject.server)) if whole else None
            health = health_of(self._scene, server) if server is not None else closed_over(row, sick)
            spark = spark_run(snapshot, past[place], axis, health)
            right = self._right(snapshot, row, server, spark) if not row.part else ()
            chosen = place + self._top == self._chosen
            lines.append(self._line(snapshot, row, server, health, right, width, chosen=chosen))
        return lines

    @property
    def _figures(self) -> tuple[str, ...]:
        """The metrics of the columns, that which servers are sorted by in front."""
        name = self.order.metric
        return (name, *(each for each in FIGURES if each != name))[: len(FIGURES)] if name else FIGURES

    def _header(self, width: int) -> Line:
        titles = "".join(f" {metric(name).title:^10}" for name in self._figures)
        return (Run(" " * (width - len(titles) - SPARK) + titles + " " * SPARK, "muted"),)

    def _line(
        self,
        snapshot: Snapshot,
        row: Node,
        server: Server | None,
        health: Health | None,
        right: Line,
        width: int,
        *,
        chosen: bool,
    ) -> Line:
        glyph, style = sign(server, health)
        indent = " " * row.depth + {None: " ", True: "▾", False: "▸"}[row.open] + " "
        injected = injected_run(self._scene, server)
        beside = aside_of(snapshot, row, self._census)
        room = width - len(indent) - (2 if glyph else 0) - width_of((injected, *beside, *right))
        name = Run(
            cut(f"{row.name} ", room) if beside else fit(row.name, room),
            name_style(row, chosen=chosen, focused=self.has_focus),
        )
        gap = Run(" " * (room - width_of((name,))))
        head = (Run(indent, "muted"), Run(f"{glyph} " if glyph else "", style))
        return (*head, injected, name, *beside, gap, *right)

    def _right(self, snapshot: Snapshot, row: Node, server: Server | None, spark: Line) -> Line:
        """Figures and the recent past of the first of them, or a word in its place."""
        word = word_of(snapshot, row, server, SPARK)
        if server is not None and not server.status.answers:
            return (word,)
        shown = self._figures if self.size.width >= ROOMY else self._figures[:1]
        figures = [figure(snapshot.value(row.subject, name), metric(name).unit) for name in shown]
        cells = "".join(f" {number:>5} {unit:<4}" for number, unit in figures)
        return (Run(cells, "value"), *((word,) if word.text else spark))

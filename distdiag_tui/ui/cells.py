"""Every server as one cell, shaded by one metric, zone by zone: where it is hot, and which server that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from distdiag_tui.model.metrics import CATALOGUE, METRIC_INDEX, Bad
from distdiag_tui.model.text import figure
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.facts import rule
from distdiag_tui.ui.heat import shade
from distdiag_tui.ui.messages import SubjectWanted
from distdiag_tui.ui.order import matrix_of
from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.screens import ExactScreen
from distdiag_tui.ui.spark import nice_ceiling
from distdiag_tui.ui.standing import NEEDY, WELL, Standings, state_of, standings
from distdiag_tui.ui.status import KeyBar, StatusLine

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Server

USUAL: Final = "cpu_percent"
"""The metric it begins with, if servers are not sorted by one."""
LABEL: Final = 12  # cells of a zone's name at most
WIDEST: Final = 4  # cells of a server, with what parts it from the next
ASIDE: Final = 7  # lines below the map
OUT: Final = 4.0  # robust standard deviations from which a cell stands out
SPREAD: Final = 1.4826  # of a normal distribution's standard deviation to its median absolute deviation
LEAST: Final = 0.15  # of the median that a deviation is at least: what hardly moves does not stand out

KEYS: Final = (("Esc", "back"), ("← → ↑ ↓", "server"), ("⏎", "go there"), ("[ ]", "metric"), ("s", "pick it"),
               ("n", "next not well"), ("!", "worst"), ("p", "pause"), ("?", "help"), ("q", "quit"))  # fmt: skip


class Block(NamedTuple):
    """A zone: its servers by their index in the snapshot."""

    zone: str
    servers: Sequence[int]


class Plan(NamedTuple):
    """Cells a server, and servers a row."""

    cells: int
    across: int

    def rows(self, blocks: Sequence[Block]) -> int:
        """Lines that all blocks need."""
        return sum(-(-len(block.servers) // self.across) for block in blocks)


def plan(blocks: Sequence[Block], width: int, height: int) -> Plan:
    """As wide cells as let all servers fit, the narrowest if they do not.

    >>> plan([Block("a", range(40)), Block("b", range(30))], 80, 4)
    Plan(cells=3, across=26)
    """
    for cells in range(WIDEST, 1, -1):
        wide = Plan(cells, max(1, width // cells))
        if wide.rows(blocks) <= height:
            return wide
    return Plan(1, max(1, width))


def deviations(column: NDArray[np.float32], bad: Bad) -> NDArray[np.float64]:
    """How far each is beyond the median of all, in robust standard deviations, in the direction that is bad."""
    known = column[~np.isnan(column)].astype(float)
    if len(known) < 3:
        return np.zeros(len(column))
    middle = float(np.median(known))
    spread = SPREAD * float(np.median(np.abs(known - middle)))
    spread = max(spread, LEAST * abs(middle) / OUT, 1e-12)
    off = np.nan_to_num((column - middle) / spread)
    signed: NDArray[np.float64] = -off if bad is Bad.LOW else np.abs(off) if bad is Bad.NEITHER else off
    return signed


class Cells(ScenePane):
    """The map, and below it what is known of the server under the cursor."""

    def __init__(self, scene: Scene, name: str) -> None:
        super().__init__(id="cells")
        self.add_class("pane")
        self.metric = METRIC_INDEX[name or USUAL]
        self._scene = scene
        self._blocks: list[Block] = []
        self._here = 0  # index of the server under the cursor
        self._plan = Plan(1, 1)
        self._top = 0
        self._standing: Standings = {}
        self._matrix: NDArray[np.float32] = np.empty((0, len(CATALOGUE)), dtype=np.float32)
        self._off: dict[int, NDArray[np.float64]] = {}  # by metric, how far each server is off
        self._take(scene)
        servers = scene.snapshot.servers if scene.snapshot is not None else ()
        chosen = scene.subject
        self._here = next(
            (i for i, s in enumerate(servers) if (s.zone, s.name) == (chosen.zone, chosen.server)), 0
        )

    def show(self, scene: Scene) -> None:
        """Another scene; the cursor stays on its server."""
        before, new = self._scene.snapshot, scene.snapshot
        name = before.servers[self._here].name if before is not None and before.servers else ""
        self._take(scene)
        if new is not None and new is not before:
            names = [server.name for server in new.servers]
            self._here = names.index(name) if name in names else 0
        self.redraw()

    def _take(self, scene: Scene) -> None:
        self._scene, snapshot = scene, scene.snapshot
        if snapshot is None:
            return
        zones: dict[str, list[int]] = {}
        for index, server in enumerate(snapshot.servers):
            zones.setdefault(server.zone, []).append(index)
        self._blocks = [Block(zone, servers) for zone, servers in zones.items()]
        self._matrix, self._off = matrix_of(snapshot, snapshot.servers), {}
        self._standing = standings(scene)

    @property
    def server(self) -> Server | None:
        """The one under the cursor."""
        snapshot = self._scene.snapshot
        return snapshot.servers[self._here] if snapshot is not None and snapshot.servers else None

    # -- keys ---------------------------------------------------------------------------------------

    def step_metric(self, step: int) -> None:
        """The next or previous metric of the catalogue."""
        self.metric = (self.metric + step) % len(CATALOGUE)
        self.redraw()

    def take_metric(self, name: str) -> None:
        """That metric."""
        self.metric = METRIC_INDEX[name]
        self.redraw()

    def move(self, columns: int, rows: int) -> None:
        """To the cell beside it, or below it, over the borders of zones."""
        order = [index for block in self._blocks for index in block.servers]
        if not order:
            return
        if columns:
            place = max(0, min(len(order) - 1, order.index(self._here) + columns))
            self._here = order[place]
        else:
            grid = self._grid()
            y, x = next((y, row.index(self._here)) for y, row in enumerate(grid) if self._here in row)
            there = grid[max(0, min(len(grid) - 1, y + rows))]
            self._here = there[min(x, len(there) - 1)]
        self.redraw()

    def next_needy(self, step: int) -> None:
        """The next server that needs attention."""
        snapshot = self._scene.snapshot
        order = [index for block in self._blocks for index in block.servers]
        wanted = [
            index for index in order
            if snapshot and self._standing.get(snapshot.servers[index].name, WELL).rank >= NEEDY
        ]  # fmt: skip
        if wanted:
            places = {index: place for place, index in enumerate(order)}
            here = places[self._here]
            beyond = [i for i in wanted if (places[i] - here) * step > 0]
            self._here = (beyond or wanted)[0 if step > 0 else -1]
            self.redraw()

    def choose_worst(self) -> None:
        """The server whose figure stands out most."""
        if len(self._matrix):
            self._here = int(np.argmax(self._deviations(self.metric)))
            self.redraw()

    def _deviations(self, index: int) -> NDArray[np.float64]:
        if index not in self._off:
            self._off[index] = deviations(self._matrix[:, index], CATALOGUE[index].bad)
        return self._off[index]

    def _grid(self) -> list[Sequence[int]]:
        """Servers of each row."""
        across = self._plan.across
        return [
            block.servers[first : first + across]
            for block in self._blocks
            for first in range(0, len(block.servers), across)
        ]

    # -- drawing ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the rows in sight, and what is under the cursor."""
        width, height = self.size
        snapshot = self._scene.snapshot
        if snapshot is None or width < 2 * LABEL or height < 4:
            return
        label = min(LABEL, max(len(block.zone) for block in self._blocks)) + 1 if self._blocks else 1
        aside = self._aside(snapshot, width, min(ASIDE, height // 3))
        room = height - len(aside)
        self._plan = plan(self._blocks, width - label, room)
        grid = self._grid()
        here = next((y for y, row in enumerate(grid) if self._here in row), 0)
        self._top = max(0, min(self._top, here, len(grid) - room))
        self._top = max(self._top, here - room + 1)
        lines = self._map(snapshot, label, width)[self._top : self._top + room]
        row = CATALOGUE[self.metric]
        more = f"{'↑' if self._top else ''}{'↓' if self._top + room < len(grid) else ''}"
        self.entitle(f"Heat map · {row.title}", " ".join(filter(None, (self._scale(), more))))
        self.draw(lines + [(Run(" " * width),)] * (room - len(lines)) + aside)

    def _top_of_scale(self) -> float:
        column = self._matrix[:, self.metric]
        highest = float(np.nanmax(column)) if not np.isnan(column).all() else 0.0
        percent = CATALOGUE[self.metric].unit == "%" and highest <= 100
        return 100.0 if percent else nice_ceiling(highest)

    def _scale(self) -> str:
        top = " ".join(figure(self._top_of_scale(), CATALOGUE[self.metric].unit)).rstrip()
        return f"░▒▓█ up to {top} · shades with colour stand out"

    def _map(self, snapshot: Snapshot, label: int, width: int) -> list[Line]:
        top, column = self._top_of_scale(), self._matrix[:, self.metric].tolist()
        out = (self._deviations(self.metric) >= OUT).tolist()
        lines: list[Line] = []
        for block in self._blocks:
            needy = sum(
                self._standing.get(snapshot.servers[i].name, WELL).rank >= NEEDY for i in block.servers
            )
            heads = (Run(fit(block.zone, label), "title"), Run(fit(len(block.servers), label), "muted"),
                     Run(fit(f"{needy} not well" if needy else "", label), "warn"))  # fmt: skip
            for number, first in enumerate(range(0, len(block.servers), self._plan.across)):
                servers = block.servers[first : first + self._plan.across]
                cells = [self._cell(snapshot.servers[i], i, column[i] / top, out=out[i]) for i in servers]
                runs = [
                    Run("".join(cell.text for cell in group), style)
                    for style, group in groupby(cells, key=lambda cell: cell.style)
                ]
                blank = Run(" " * (width - label - self._plan.cells * len(servers)))
                head = heads[number] if number < len(heads) else Run(" " * label)
                lines.append((head, *runs, blank))
        return lines

    def _cell(self, server: Server, index: int, value: float, *, out: bool) -> Run:
        """A shade; or a sign where there is more to say of a server than a figure."""
        standing = self._standing.get(server.name, WELL)
        gap = " " * (self._plan.cells > 1)
        wide = self._plan.cells - len(gap)
        if standing.rank >= NEEDY and standing.glyph != WELL.glyph:
            text, style = fit(standing.glyph, wide), standing.style
        elif math.isnan(value):
            text, style = fit("·", wide), "muted"
        else:
            text, style = (shade(value) if value > 0 else "░") * wide, "warn" if out else "spark"
        return Run(text + gap, "chosen" if index == self._here else style)

    def _aside(self, snapshot: Snapshot, width: int, rows: int) -> list[Line]:
        """The server under the cursor, its figure among all, and in what it stands out else."""
        server = self.server
        if server is None or rows < 2:
            return []
        row, column = CATALOGUE[self.metric], self._matrix[:, self.metric]
        value = float(column[self._here])
        standing = self._standing.get(server.name, WELL)
        member = snapshot.layout.members.get(server.name) if snapshot.layout is not None else None
        states = [] if server.status.answers else [server.status.value]
        words = [server.zone, *states, state_of(member), f"{row.title} {_worded(value, row.unit)}"]
        if not math.isnan(value):
            place = int(np.sum(column < value if row.bad is Bad.LOW else column > value)) + 1
            middle = _worded(float(np.nanmedian(column)), row.unit)
            words += [f"no. {place} of {int(np.sum(~np.isnan(column)))}", f"median {middle}"]
        name = fit(server.name, min(len(server.name), 30))
        glyph = Run(f"{standing.glyph} ", standing.style)
        text = fit(f"  {' · '.join(filter(None, words))}", width - 2 - len(name))
        lines: list[Line] = [rule(width), (glyph, Run(name, "value"), Run(text))]
        lines += self._others(width, rows - 2)
        return lines + [(Run(" " * width),)] * (rows - len(lines))

    def _others(self, width: int, rows: int) -> list[Line]:
        """The metrics in which it is furthest from the median."""
        if rows < 1:
            return []
        off = [
            (float(self._deviations(index)[self._here]), index)
            for index, row in enumerate(CATALOGUE)
            if row.bad is not Bad.NEITHER and not np.isnan(self._matrix[self._here, index])
        ]
        most = [index for deviation, index in sorted(off, reverse=True) if deviation >= OUT]
        across = max(1, width // 38)
        if not most:
            return [(Run(fit("in no other metric it stands out from the rest", width), "muted"),)]
        cells = [fit(self._other(index), width // across) for index in most[: across * rows]]
        rows_of = [cells[first : first + across] for first in range(0, len(cells), across)]
        return [(Run(fit("".join(part), width)),) for part in rows_of]

    def _other(self, index: int) -> str:
        row = CATALOGUE[index]
        column = self._matrix[:, index]
        now, usual = (_worded(float(v), row.unit) for v in (column[self._here], np.nanmedian(column)))
        return f"{row.title:<15} {now:>9} (median {usual})"


def _worded(value: float, unit: str) -> str:
    return " ".join(figure(value, unit)).rstrip()


class CellsScreen(ExactScreen):
    """Over the main screen until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,v", "app.back", show=False),
        Binding("up,k", "step(0,-1)", show=False),
        Binding("down,j", "step(0,1)", show=False),
        Binding("left,h", "step(-1,0)", show=False),
        Binding("right,l", "step(1,0)", show=False),
        Binding("pageup", "step(0,-10)", show=False),
        Binding("pagedown", "step(0,10)", show=False),
        Binding("home", "step(-99999,0)", show=False),
        Binding("end", "step(99999,0)", show=False),
        Binding("left_square_bracket", "metric(-1)", show=False),
        Binding("right_square_bracket", "metric(1)", show=False),
        Binding("s,m", "pick", show=False),
        Binding("n", "needy(1)", show=False),
        Binding("N", "needy(-1)", show=False),
        Binding("exclamation_mark", "worst", show=False),
        Binding("enter", "go", show=False),
    ]

    def __init__(self, scene: Scene, metric: str) -> None:
        super().__init__()
        self._status = StatusLine()
        self.cells = Cells(scene, metric)
        self._scene = scene

    def compose(self) -> ComposeResult:
        """Status line, map, keys."""
        yield self._status
        yield self.cells
        yield KeyBar(KEYS)

    def on_mount(self) -> None:
        """Draw what is known at once."""
        self.set_focus(self.cells)
        self.show(self._scene)

    def show(self, scene: Scene) -> None:
        """Draw a scene."""
        self._status.show(scene)
        self.cells.show(scene)

    def action_step(self, columns: int, rows: int) -> None:
        """Another server."""
        self.cells.move(columns, rows)

    def action_metric(self, step: int) -> None:
        """The next or previous metric."""
        self.cells.step_metric(step)

    def action_needy(self, step: int) -> None:
        """The next server that is not well."""
        self.cells.next_needy(step)

    def action_worst(self) -> None:
        """The server whose figure stands out most."""
        self.cells.choose_worst()

    def action_pick(self) -> None:
        """Any metric, by its name."""
        from distdiag_tui.ui.picker import MetricPicker  # noqa: PLC0415  not needed for a start

        def picked(name: str | None) -> None:
            if name:
                self.cells.take_metric(name)

        self.app.push_screen(MetricPicker("Heat map of", CATALOGUE[self.cells.metric].id), picked)

    def action_go(self) -> None:
        """To the server under the cursor, in the topology."""
        if (server := self.cells.server) is not None:
            self.post_message(SubjectWanted(Subject(server.zone, server.name)))

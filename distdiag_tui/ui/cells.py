"""Every server as one cell, zone by zone, shaded by a metric: where it is hot, and which server that is."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from distdiag_tui.model.metrics import CATALOGUE, METRIC_INDEX, Bad
from distdiag_tui.model.text import figure
from distdiag_tui.ui.canvas import Line, Run, ScenePane, cut, fit
from distdiag_tui.ui.cell_map import (
    GAP,
    OUT,
    OUTLIER,
    Block,
    Plan,
    blocks_of,
    cell,
    deviations,
    plan,
    under_cursor,
)
from distdiag_tui.ui.facts import rule
from distdiag_tui.ui.order import matrix_of
from distdiag_tui.ui.spark import nice_ceiling
from distdiag_tui.ui.standing import NEEDY, WELL, Standing, Standings, standings, state_of, worst_sign

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot
    from distdiag_tui.model.topology import Server
    from distdiag_tui.ui.scene import Scene

SHOWN: Final = (
    "cpu_percent", "sql_rt", "qps", "sessions_active", "lock_wait_time", "log_sync_rt", "io_read_rt",
    "memory_percent", "memstore_percent", "log_write_rt", "rpc_rt", "queue_rt", "data_disk_percent",
)  # fmt: skip
"""The first is what it begins with, if servers are not sorted by a metric; the others where there is room."""
LABEL: Final = 12  # cells of a zone's name at most
ASIDE: Final = 6  # lines below the map
OTHER: Final = 46  # cells of another metric in which a server stands out

LEGEND: Final = f"░▒▓█ share of the scale · {OUTLIER} stands out"


class Cells(ScenePane):
    """The map of a metric, of others where there is room, and what is under the cursor."""

    def __init__(self, scene: Scene, name: str) -> None:
        super().__init__(id="cells")
        self.add_class("pane")
        self.metric = METRIC_INDEX[name or SHOWN[0]]
        self._blocks: list[Block] = []
        self._plan = Plan(1, 1)
        self._top = 0
        self._standing: Standings = {}
        self._matrix: NDArray[np.float32] = np.empty((0, len(CATALOGUE)), dtype=np.float32)
        self._off: dict[int, NDArray[np.float64]] = {}  # by metric, how far each server is off
        self._painted: dict[tuple[int, Plan], list[Line]] = {}  # rows of cells, without the cursor
        self._take(scene)
        servers = scene.snapshot.servers if scene.snapshot is not None else ()
        wanted = (scene.subject.zone, scene.subject.server)
        self._here = next((i for i, each in enumerate(servers) if (each.zone, each.name) == wanted), 0)

    def show(self, scene: Scene) -> None:
        """Another scene; the cursor stays on its server."""
        name = self.server.name if self.server is not None else ""
        if scene.snapshot is not self._scene.snapshot or scene.incidents is not self._scene.incidents:
            self._take(scene)
            names = [server.name for server in scene.snapshot.servers] if scene.snapshot is not None else []
            self._here = names.index(name) if name in names else 0
        self._scene = scene
        self.redraw()

    def _take(self, scene: Scene) -> None:
        self._scene, snapshot = scene, scene.snapshot
        if snapshot is not None:
            self._blocks = blocks_of(snapshot)
            self._matrix, self._off, self._painted = matrix_of(snapshot, snapshot.servers), {}, {}
            self._standing = standings(scene)

    @property
    def server(self) -> Server | None:
        """The one under the cursor."""
        snapshot = self._scene.snapshot
        return snapshot.servers[self._here] if snapshot is not None and snapshot.servers else None

    # -- keys ---------------------------------------------------------------------------------------

    def take_metric(self, index: int) -> None:
        """Another metric, by its place in the catalogue."""
        self.metric = index % len(CATALOGUE)
        self.redraw()

    def move(self, columns: int, rows: int) -> None:
        """To the cell beside it, or below it, over the borders of zones."""
        order = [index for block in self._blocks for index in block.servers]
        if columns and order:
            place = max(0, min(len(order) - 1, order.index(self._here) + columns))
            self._here = order[place]
        elif order:
            grid = [self._plan.servers(*row) for row in self._plan.rows(self._blocks)]
            y, x = next((y, row.index(self._here)) for y, row in enumerate(grid) if self._here in row)
            there = grid[max(0, min(len(grid) - 1, y + rows))]
            self._here = there[min(x, len(there) - 1)]
        self.redraw()

    def next_needy(self, step: int) -> None:
        """The next server that needs attention, around the end."""
        snapshot = self._scene.snapshot
        if snapshot is None:
            return
        order = [index for block in self._blocks for index in block.servers]
        here = order.index(self._here)
        ahead = (
            [*order[here + 1 :], *order[:here]]
            if step > 0
            else [*order[:here][::-1], *order[here + 1 :][::-1]]
        )
        self._here = next((i for i in ahead if self._standing_of(snapshot, i).rank >= NEEDY), self._here)
        self.redraw()

    def choose_worst(self) -> None:
        """The server whose figure stands out most."""
        if len(self._matrix):
            self._here = int(np.argmax(self._deviations(self.metric)))
            self.redraw()

    def _standing_of(self, snapshot: Snapshot, index: int) -> Standing:
        return self._standing.get(snapshot.servers[index].name, WELL)

    def _deviations(self, index: int) -> NDArray[np.float64]:
        if index not in self._off:
            self._off[index] = deviations(self._matrix[:, index], CATALOGUE[index].bad)
        return self._off[index]

    # -- drawing ------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the panels, or the rows of one that are in sight, and what is under the cursor."""
        width, height = self.size
        snapshot = self._scene.snapshot
        if snapshot is None or not snapshot.servers or width < 2 * LABEL or height < 4:
            return
        label = min(LABEL, max(cell_len(block.zone) for block in self._blocks)) + 1
        aside = self._aside(snapshot, width, min(ASIDE, height // 3))
        room = height - len(aside)
        self._plan = plan(self._blocks, label, width, room)
        more = self._scroll(room - 1)
        lines = self._panels(snapshot, label, width)
        if len(lines) > room:
            lines = [lines[0], *lines[1 + self._top : room + self._top]]
        self.entitle("Heat map · a cell a server", " ".join(filter(None, (LEGEND, more))))
        self.draw(lines + [(Run(" " * width),)] * (room - len(lines)) + aside)

    def _scroll(self, room: int) -> str:
        """Keep the cursor in sight; arrows to where there is more."""
        grid = [self._plan.servers(*row) for row in self._plan.rows(self._blocks)]
        here = next((y for y, row in enumerate(grid) if self._here in row), 0)
        self._top = max(0, min(self._top, here, len(grid) - room))
        self._top = max(self._top, here - room + 1)
        return f"{'↑' if self._top else ''}{'↓' if self._top + room < len(grid) else ''}"

    def _panels(self, snapshot: Snapshot, label: int, width: int) -> list[Line]:
        """Side by side, then below each other with a line between them."""
        beside = self._plan.beside
        wide = (width - GAP * (beside - 1)) // beside
        others = [METRIC_INDEX[name] for name in SHOWN if METRIC_INDEX[name] != self.metric]
        wanted = [self.metric, *others][: beside * self._plan.below]
        lines: list[Line] = []
        for first in range(0, len(wanted), beside):
            panels = [self._panel(snapshot, index, label, wide) for index in wanted[first : first + beside]]
            blank = Run(" " * (width - wide * len(panels) - GAP * (len(panels) - 1)))
            lines += [(Run(" " * width),)] if lines else []
            for parts in zip(*panels, strict=True):
                joined = [run for part in parts for run in (Run(" " * GAP), *part)]
                lines.append((*joined[1:], blank))
        return lines

    def _panel(self, snapshot: Snapshot, index: int, label: int, width: int) -> list[Line]:
        """A metric's name above the cells of all servers."""
        row, top = CATALOGUE[index], self._top_of_scale(index)
        name = cut(row.title, width - 4)
        scale = f"  █ {_worded(top, row.unit)}"
        lines: list[Line] = [
            (
                Run(name, "value" if index == self.metric else "group"),
                Run(fit(scale, width - cell_len(name)), "muted"),
            )
        ]
        key = (index, self._plan)
        if key not in self._painted:
            self._painted[key] = [
                self._cells(snapshot, index, block, number, label, width)
                for block, number in self._plan.rows(self._blocks)
            ]
        lines += self._painted[key]
        for y, (block, number) in enumerate(self._plan.rows(self._blocks), 1):
            if self._here in self._plan.servers(block, number):
                lines[y] = self._cells(snapshot, index, block, number, label, width, cursor=True)
        return lines

    def _cells(
        self,
        snapshot: Snapshot,
        index: int,
        block: Block,
        number: int,
        label: int,
        width: int,
        *,
        cursor: bool = False,
    ) -> Line:
        """One row of cells behind the zone's name; neighbours of one style are one run."""
        top, column, off = self._top_of_scale(index), self._matrix[:, index], self._deviations(index)
        servers = self._plan.servers(block, number)
        cells = [
            cell(
                self._standing_of(snapshot, i),
                float(column[i]) / top,
                self._plan.cells,
                out=bool(off[i] >= OUT),
            )
            for i in servers
        ]
        if cursor:
            here = servers.index(self._here)
            cells[here] = under_cursor(cells[here])
        runs = [
            Run("".join(c.text for c in group), style)
            for style, group in groupby(cells, key=lambda c: c.style)
        ]
        blank = Run(" " * (width - label - self._plan.cells * len(servers)))
        return (self._label(snapshot, block, number, label), *runs, blank)

    def _label(self, snapshot: Snapshot, block: Block, number: int, width: int) -> Run:
        """The zone's name; below it how many servers, and how many of them need attention."""
        if number == 1:
            return Run(fit(len(block.servers), width), "muted")
        needy = (
            [s for i in block.servers if (s := self._standing_of(snapshot, i)).rank >= NEEDY]
            if number < 3
            else []
        )
        if number == 2 and needy:
            glyph, style = worst_sign(needy)
            return Run(fit(f"{glyph} {len(needy)}", width), style)
        return Run(fit("" if number else block.zone, width), max(needy).style if needy else "title")

    def _top_of_scale(self, index: int) -> float:
        """Where all are alike they are in the middle, so that nothing glares."""
        column = self._matrix[:, index]
        if np.isnan(column).all():
            return 1.0
        highest, middle = float(np.nanmax(column)), float(np.nanmedian(column))
        return (
            100.0
            if CATALOGUE[index].unit == "%" and highest <= 100
            else nice_ceiling(max(highest, 2 * middle))
        )

    def _aside(self, snapshot: Snapshot, width: int, rows: int) -> list[Line]:
        """The server under the cursor, its figure among all, and in what else it stands out."""
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
        name = cut(server.name, 30)
        text = fit(f"  {' · '.join(filter(None, words))}", width - 2 - cell_len(name))
        head = (Run(f"{standing.glyph} ", standing.style), Run(name, "value"), Run(text))
        lines: list[Line] = [rule(width), head, *self._others(width, rows - 2)]
        return lines + [(Run(" " * width),)] * (rows - len(lines))

    def _others(self, width: int, rows: int) -> list[Line]:
        """The metrics in which it is furthest from the median."""
        off = [
            (float(self._deviations(index)[self._here]), index)
            for index in range(len(CATALOGUE))
            if index != self.metric
        ]
        most = [index for deviation, index in sorted(off, reverse=True) if deviation >= OUT]
        if not most:
            calm: Line = (Run(fit("in nothing else does it stand out", width), "muted"),)
            return [calm][:rows]
        across = max(1, width // OTHER)
        cells = [fit(self._other(index), width // across) for index in most[: across * rows]]
        lines: list[Line] = [
            (Run(fit("".join(cells[first : first + across]), width)),)
            for first in range(0, len(cells), across)
        ]
        return lines

    def _other(self, index: int) -> str:
        row, column = CATALOGUE[index], self._matrix[:, index]
        now, usual = (_worded(float(v), row.unit) for v in (column[self._here], np.nanmedian(column)))
        return f"{row.title:<15} {now:>9} (median {usual})"


def _worded(value: float, unit: str) -> str:
    return " ".join(figure(value, unit)).rstrip()

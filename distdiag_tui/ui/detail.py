"""One metric alone: full width, with axes, and every server as a line."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from distdiag_tui.model.metrics import CATALOGUE, GROUPS
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import figure
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.machines import host_words
from distdiag_tui.ui.plot import cell_text, clock_marks, mark_words, plot_lines
from distdiag_tui.ui.scene import GLYPHS, STATUS_STYLES, Scene
from distdiag_tui.ui.screens import ExactScreen
from distdiag_tui.ui.spark import nice_ceiling, stretched
from distdiag_tui.ui.status import KeyBar, StatusLine

SCALE: Final = 10  # cells of the value axis on the left
NAMES: Final = 8  # cells of the names on the right, at the end of each line
COLOURS: Final = 6
MARK: Final = -2  # the owner of a cell that belongs to a mark of the time axis
MOST_ROWS: Final = 12  # servers listed below the plot

KEYS = (("Esc", "back"), ("← →", "metric"), ("↑ ↓", "single out a server"), ("+ -", "time span"),
        ("p", "pause"), ("?", "help"), ("q", "quit"))  # fmt: skip


class Plot(ScenePane):
    """The plot, its axes, and a table of the servers."""

    def __init__(self, metric: int, scene: Scene) -> None:
        super().__init__(id="plot")
        self.metric = metric
        self._scene = scene
        self._single = -1  # the server singled out, -1 for none
        self.add_class("pane")

    def step_metric(self, step: int) -> None:
        """The next or previous metric of the catalogue."""
        self.metric = (self.metric + step) % len(CATALOGUE)
        self.redraw()

    def step_server(self, step: int) -> None:
        """Single out the next server, in the end none again."""
        count = len(self._scene.snapshot.servers) if self._scene.snapshot else 0
        self._single = (self._single + 1 + step) % (count + 1) - 1
        self.redraw()

    def redraw(self) -> None:
        """Draw axes, lines and the table."""
        snapshot = self._scene.snapshot
        width, height = self.size
        if snapshot is None or width < SCALE + NAMES + 10 or height < 8:
            return
        row = CATALOGUE[self.metric]
        self.entitle(f"{row.title} · {GROUPS[row.group]}", f"{self._scene.span / 60:.0f} min")
        table = min(len(snapshot.servers), MOST_ROWS, height // 3)
        plot_width = width - SCALE - NAMES
        marks = self._marks(snapshot, plot_width)
        plot_height = height - table - 4 - bool(marks)
        past = self._past(snapshot, 2 * plot_width)
        top = _top(past, row.unit)
        words = host_words(snapshot, Subject()) if row.group == "host" else ""
        about = f"{row.about} ({words})" if words and len(row.about) + len(words) + 3 <= width else row.about
        lines: list[Line] = [(Run(fit(about, width), "muted"),)]
        lines += self._plot(snapshot, past, top, (plot_width, plot_height), set(marks))
        if marks:
            lines.append((Run(" " * SCALE), Run(mark_words(marks, plot_width + NAMES), "busy")))
        clock = clock_marks(snapshot.time, self._scene.span, plot_width)
        lines.append((Run(" " * SCALE), Run(clock, "muted")))
        lines += self._table(snapshot, past, table, width)
        self.draw(lines)

    def _past(self, snapshot: Snapshot, columns: int) -> list[NDArray[np.float64]]:
        """Of every server."""
        span = self._scene.span_ticks
        ticks = span + columns  # the first column may begin before the span does
        servers = [Subject(server.zone, server.name) for server in snapshot.servers]
        window = snapshot.history.traces(servers, self.metric, ticks, snapshot.tick)
        return list(stretched(window, snapshot.tick, columns, span))

    def _marks(self, snapshot: Snapshot, width: int) -> dict[int, str]:
        """What is written below the plot, by column; of two in one column the later one."""
        span, found = self._scene.span, {}
        for mark in self._scene.marks:
            x = int((1 - (snapshot.time - mark.time) / span) * width)
            if 0 <= x < width:
                found[x] = f"{mark.glyph} {mark.words}"
        return found

    def _plot(
        self,
        snapshot: Snapshot,
        past: list[NDArray[np.float64]],
        top: float,
        size: tuple[int, int],
        marked: set[int],
    ) -> list[Line]:
        width, height = size
        order = sorted(range(len(past)), key=lambda server: server == self._single)  # that one on top
        dots, owner = plot_lines([past[server] for server in order], top, width, height)
        owners = np.array([*order, -1])[owner]
        names = _end_names(past, top, height)
        scale = _scale_marks(top, CATALOGUE[self.metric].unit, height)
        lines: list[Line] = []
        for y in range(height):
            mark = f"{scale[y]:>{SCALE - 2}} ┤" if y in scale else " " * (SCALE - 1) + "│"
            runs = [Run(mark, "muted"), *_runs(dots[y].tolist(), owners[y].tolist(), marked, self._style)]
            if (server := names.get(y, -1)) >= 0:
                runs.append(Run(fit(f" {snapshot.servers[server].name}", NAMES), self._style(server)))
            lines.append(tuple(runs))
        return lines

    def _style(self, server: int) -> str:
        if server == MARK:
            return "busy"
        if server < 0:
            return ""
        if self._single >= 0 and server != self._single:
            return "muted"
        return f"line{server % COLOURS + 1}"

    def _table(
        self, snapshot: Snapshot, past: list[NDArray[np.float64]], rows: int, width: int
    ) -> list[Line]:
        unit = CATALOGUE[self.metric].unit
        head = f"{'  server':26}{'now':>12}{'lowest':>12}{'mean':>12}{'highest':>12}"
        lines: list[Line] = [(Run(" " * width),), (Run(fit(head, width), "muted"),)]
        first = max(0, self._single - rows + 1)
        for number, server in list(enumerate(snapshot.servers))[first : first + rows]:
            now = snapshot.value(Subject(server.zone, server.name), CATALOGUE[self.metric].id)
            known = past[number][~np.isnan(past[number])]
            spread = (known.min(), known.mean(), known.max()) if len(known) else (np.nan,) * 3
            cells = "".join(fit(" ".join(figure(float(v), unit)), 12, right=True) for v in (now, *spread))
            mark = "▸ " if number == self._single else "  "
            lines.append((
                Run(mark),
                Run("━━ ", self._style(number)),
                Run(f"{GLYPHS[server.status]} ", STATUS_STYLES[server.status]),
                Run(fit(server.name, 19), "title"),
                Run(fit(cells, width - 26), "value"),
            ))  # fmt: skip
        return lines


def _end_names(past: list[NDArray[np.float64]], top: float, height: int) -> dict[int, int]:
    """Rows at which servers' names stand, each at the end of its line or next to it."""
    places: dict[int, int] = {}
    for server, values in enumerate(past):
        known = values[~np.isnan(values)]
        free = [y for y in range(height) if y not in places]
        if len(known) and free:
            wanted = height - 1 - round(min(known[-1] / top, 1.0) * (height - 1))
            places[min(free, key=lambda y: abs(y - wanted))] = server
    return places


def _top(past: list[NDArray[np.float64]], unit: str) -> float:
    highest = max((float(np.nanmax(v)) for v in past if not np.isnan(v).all()), default=0.0)
    return 100.0 if unit == "%" and highest <= 100 else nice_ceiling(highest)


def _scale_marks(top: float, unit: str, height: int) -> dict[int, str]:
    """Row and text of the value axis: bottom, top and what lies between."""
    steps = 4 if height >= 12 else 2
    rows = {height - 1 - round(i * (height - 1) / steps): top * i / steps for i in range(steps + 1)}
    return {y: " ".join(figure(value, unit)) for y, value in rows.items()}


def _runs(dots: list[int], owners: list[int], marked: set[int], style: Callable[[int], str]) -> list[Run]:
    """Neighbouring cells of the same owner as one run; marked columns are dotted where no line is."""
    cells = [
        (MARK, "┊") if x in marked and not pattern else (owner, cell_text(pattern))
        for x, (owner, pattern) in enumerate(zip(owners, dots, strict=True))
    ]
    return [
        Run("".join(text for _, text in group), style(owner))
        for owner, group in groupby(cells, key=lambda cell: cell[0])
    ]


class MetricScreen(ExactScreen):
    """Over the main screen until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,backspace", "app.back", show=False),
        Binding("left,h", "metric(-1)", show=False),
        Binding("right,l", "metric(1)", show=False),
        Binding("up,k", "server(-1)", show=False),
        Binding("down,j", "server(1)", show=False),
    ]

    def __init__(self, metric: int, scene: Scene) -> None:
        super().__init__()
        self._status = StatusLine()
        self.plot = Plot(metric, scene)
        self._scene = scene

    def compose(self) -> ComposeResult:
        """Status line, plot, keys."""
        yield self._status
        yield self.plot
        yield KeyBar(KEYS)

    def on_mount(self) -> None:
        """Draw what is known at once."""
        self.plot.focus()
        self.show(self._scene)

    def show(self, scene: Scene) -> None:
        """Draw a scene."""
        self._status.show(scene)
        self.plot.show(scene)

    def action_metric(self, step: int) -> None:
        """The next or previous metric."""
        self.plot.step_metric(step)

    def action_server(self, step: int) -> None:
        """Single out a server."""
        self.plot.step_server(step)

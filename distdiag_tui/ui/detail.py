"""One metric alone: full width, with axes, and every server as a line; of many the worst, and their mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Final, cast

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from textual.binding import Binding, BindingType

from distdiag_tui.model.metrics import CATALOGUE, GROUPS, Metric
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import figure
from distdiag_tui.model.topology import Subject
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.machines import host_words
from distdiag_tui.ui.order import Order, Sorter
from distdiag_tui.ui.plot import cell_text, clock_marks, mark_words, plot_lines
from distdiag_tui.ui.scene import GLYPHS, STATUS_STYLES, Scene
from distdiag_tui.ui.screens import PageScreen
from distdiag_tui.ui.spark import nice_ceiling, stretched
from distdiag_tui.ui.windows import WINDOWS, read_window

if TYPE_CHECKING:
    from distdiag_tui.prometheus.windows import Window
    from distdiag_tui.ui.app import ConsoleApp

SCALE: Final = 10  # cells of the value axis on the left
NAMES: Final = 8  # cells of the names on the right, at the end of each line
COLOURS: Final = 6
MARK: Final = -2  # the owner of a cell that belongs to a mark of the time axis
MOST_ROWS: Final = 12  # servers listed below the plot
MOST_LINES: Final = 24  # servers that are lines, all of them; of more the first few by the metric
MEAN: Final = -3  # the owner of the line of what they do on average

KEYS = (("Esc", "back"), ("← →", "metric"), ("↑ ↓", "single out a server"), ("+ -", "time span"),
        ("w", "hours, days"), ("p", "pause"), ("?", "help"), ("q", "quit"))  # fmt: skip


class Plot(ScenePane):
    """The plot, its axes, and a table of the servers."""

    def __init__(self, metric: int, scene: Scene) -> None:
        super().__init__(id="plot")
        self.metric = metric
        self._scene = scene
        self._picked = ""  # of the server singled out
        self._single = -1  # and its place among all, -1 for none
        self._sorter = Sorter()
        self._listed: list[int] = []  # servers in the order of the table
        self._window: Window | None = None  # hours or days that are shown instead of the scene's span
        self._window_words = ""
        self._windowed: tuple[object, NDArray[np.float64]] | None = None  # its values, and for what they are
        self.add_class("pane")

    @property
    def points(self) -> int:
        """How many values of a server fit side by side."""
        return max(2, 2 * (self.size.width - SCALE - NAMES))

    def show_window(self, window: Window | None, words: str = "") -> None:
        """Show hours or days, which `words` name, or with None the scene's span again."""
        self._window, self._window_words, self._windowed = window, words, None
        self.redraw()

    def step_metric(self, step: int) -> None:
        """The next or previous metric of the catalogue."""
        self.metric = (self.metric + step) % len(CATALOGUE)
        self.redraw()

    def step_server(self, step: int) -> None:
        """Single out the next server, in the end none again."""
        self._list()
        here = self._listed.index(self._single) if self._single in self._listed else -1
        here = (here + 1 + step) % (len(self._listed) + 1) - 1
        servers = self._scene.snapshot.servers if self._scene.snapshot is not None else ()
        self._picked = servers[self._listed[here]].name if here >= 0 else ""
        self.redraw()

    def _list(self) -> None:
        """As configured; many by the metric, those that are worst first."""
        snapshot = self._scene.snapshot
        servers = list(snapshot.servers) if snapshot is not None else []
        places = {server.name: index for index, server in enumerate(servers)}
        self._single = places.get(self._picked, -1)
        if snapshot is None or len(servers) <= MOST_LINES:
            self._listed = list(range(len(servers)))
            return
        order = Order(CATALOGUE[self.metric].id)
        self._listed = [places[each.name] for each in self._sorter.sort(snapshot, servers, order, {})]

    def redraw(self) -> None:
        """Draw axes, lines and the table."""
        snapshot = self._scene.snapshot
        width, height = self.size
        if snapshot is None or width < SCALE + NAMES + 10 or height < 8:
            return
        row = CATALOGUE[self.metric]
        self._list()
        many = len(self._listed) > MOST_LINES
        drawn = self._listed[:COLOURS] if many else self._listed
        if self._single in self._listed:
            drawn = [server for server in drawn if server != self._single] + [self._single]  # on top
        words = (
            f"the first {COLOURS} of {len(self._listed)} servers, grey: the mean of all · " if many else ""
        )
        span, end = self._scene.span, snapshot.time
        if self._window is not None:
            span, end = self._window.seconds, self._window.begin + self._window.seconds
        time = self._window_words or f"{span / 60:.0f} min"
        self.entitle(f"{row.title} · {GROUPS[row.group]}", f"{words}{time}")
        table = min(len(snapshot.servers), MOST_ROWS, height // 3)
        listed = self._in_sight(table)
        plot_width = width - SCALE - NAMES
        marks = self._marks(snapshot, plot_width)
        plot_height = height - table - 4 - bool(marks)
        past = self._past(snapshot, list({*drawn, *listed}), 2 * plot_width)
        drawn = [MEAN, *drawn] if many else drawn
        top = _top([past[server] for server in drawn], row.unit)
        lines: list[Line] = [(Run(fit(_about(snapshot, row, width), width), "muted"),)]
        lines += self._plot(
            snapshot, {each: past[each] for each in drawn}, top, (plot_width, plot_height), set(marks)
        )
        if marks:
            lines.append((Run(" " * SCALE), Run(mark_words(marks, plot_width + NAMES), "busy")))
        clock = clock_marks(end, span, plot_width)
        lines.append((Run(" " * SCALE), Run(clock, "muted")))
        lines += self._table(snapshot, {each: past[each] for each in listed}, width)
        self.draw(lines)

    def _in_sight(self, rows: int) -> list[int]:
        """The servers of the table's rows, among them the one singled out."""
        place = self._listed.index(self._single) if self._single in self._listed else 0
        first = max(0, place - rows + 1)
        return self._listed[first : first + rows]

    def _past(
        self, snapshot: Snapshot, servers: list[int], columns: int
    ) -> Mapping[int, NDArray[np.float64]]:
        """Of these servers, and of all: the cluster's own ratio, or its sum divided among them."""
        if self._window is not None:
            return self._of_window(self._window, snapshot, servers, columns)
        of = [snapshot.servers[server] for server in servers]
        subjects = [Subject(), *(Subject(each.zone, each.name) for each in of)]
        span = self._scene.span_ticks
        ticks = span + columns  # the first column may begin before the span does
        window = snapshot.history.traces(subjects, self.metric, ticks, snapshot.tick)
        past = stretched(window, snapshot.tick, columns, span)
        among = 1 if CATALOGUE[self.metric].under else max(1, len(snapshot.servers))
        return {MEAN: past[0] / among, **dict(zip(servers, past[1:], strict=True))}

    def _of_window(
        self, window: Window, snapshot: Snapshot, servers: list[int], columns: int
    ) -> Mapping[int, NDArray[np.float64]]:
        """Of hours or days, which are the same at every tick; the mean of all is that of their values."""
        wanted = (columns, [server.name for server in snapshot.servers])
        if self._windowed is None or self._windowed[0] != wanted:
            spread = np.linspace(0, 1, columns)
            self._windowed = wanted, np.array([window.at(name, spread) for name in wanted[1]])
        every = self._windowed[1]
        there = np.isfinite(every).sum(axis=0)
        mean = np.where(there > 0, np.nansum(every, axis=0) / np.maximum(there, 1), np.nan)
        return {MEAN: mean, **{server: every[server] for server in servers}}

    def _marks(self, snapshot: Snapshot, width: int) -> dict[int, str]:
        """What is written below the plot, by column; of two in one column the later one."""
        if self._window is not None:
            return {}
        span, found = self._scene.span, {}
        for mark in self._scene.marks:
            x = int((1 - (snapshot.time - mark.time) / span) * width)
            if 0 <= x < width:
                found[x] = f"{mark.glyph} {mark.words}"
        return found

    def _plot(
        self,
        snapshot: Snapshot,
        past: Mapping[int, NDArray[np.float64]],
        top: float,
        size: tuple[int, int],
        marked: set[int],
    ) -> list[Line]:
        width, height = size
        dots, owner = plot_lines(list(past.values()), top, width, height)
        owners = np.array([*past, -1])[owner]
        names = _end_names(past, top, height)
        scale = _scale_marks(top, CATALOGUE[self.metric].unit, height)
        lines: list[Line] = []
        for y in range(height):
            mark = f"{scale[y]:>{SCALE - 2}} ┤" if y in scale else " " * (SCALE - 1) + "│"
            runs = [Run(mark, "muted"), *_runs(dots[y].tolist(), owners[y].tolist(), marked, self._style)]
            if (server := names.get(y, -1)) != -1:
                name = "mean" if server == MEAN else snapshot.servers[server].name
                runs.append(Run(fit(f" {name}", NAMES), self._style(server)))
            lines.append(tuple(runs))
        return lines

    def _style(self, server: int) -> str:
        if server == MARK:
            return "busy"
        if server == MEAN:
            return "muted"
        if server < 0:
            return ""
        if self._single >= 0 and server != self._single:
            return "muted"
        if len(self._listed) > MOST_LINES:
            place = self._listed.index(server)
            return f"line{place + 1}" if place < COLOURS else "muted" if server != self._single else "value"
        return f"line{server % COLOURS + 1}"

    def _table(self, snapshot: Snapshot, past: Mapping[int, NDArray[np.float64]], width: int) -> list[Line]:
        unit = CATALOGUE[self.metric].unit
        head = f"{'  server':26}{'now':>12}{'lowest':>12}{'mean':>12}{'highest':>12}"
        lines: list[Line] = [(Run(" " * width),), (Run(fit(head, width), "muted"),)]
        for number, values in past.items():
            server = snapshot.servers[number]
            now = snapshot.value(Subject(server.zone, server.name), CATALOGUE[self.metric].id)
            known = values[~np.isnan(values)]
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


def _about(snapshot: Snapshot, row: Metric, width: int) -> str:
    """What the metric is; of a machine's, how its figures come, where there is room."""
    words = host_words(snapshot, Subject()) if row.group == "host" else ""
    return f"{row.about} ({words})" if words and len(row.about) + cell_len(words) + 3 <= width else row.about


def _end_names(past: Mapping[int, NDArray[np.float64]], top: float, height: int) -> dict[int, int]:
    """Rows at which servers' names stand, each at the end of its line or next to it."""
    places: dict[int, int] = {}
    for server, values in past.items():
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


class MetricScreen(PageScreen):
    """Over the main screen until Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,backspace", "app.back", show=False),
        Binding("left,h", "metric(-1)", show=False),
        Binding("right,l", "metric(1)", show=False),
        Binding("up,k", "server(-1)", show=False),
        Binding("down,j", "server(1)", show=False),
        Binding("w", "window", show=False),
    ]

    def __init__(self, metric: int, scene: Scene) -> None:
        self.plot = Plot(metric, scene)
        super().__init__(self.plot, KEYS, scene)
        self._long = 0  # which of WINDOWS is shown, counted from 1

    def action_metric(self, step: int) -> None:
        """The next or previous metric."""
        self.plot.show_window(None)
        self.plot.step_metric(step)
        self._ask()

    def action_window(self) -> None:
        """The next of the hours and days that Prometheus has, in the end the live span again."""
        self._long = (self._long + 1) % (len(WINDOWS) + 1)
        self._ask()

    def _ask(self) -> None:
        """For what is wanted now; an answer to what was wanted before comes too late."""
        self.workers.cancel_node(self)
        if self._long:
            self.run_worker(self._read(*WINDOWS[self._long - 1]))
        else:
            self.plot.show_window(None)

    async def _read(self, words: str, seconds: float) -> None:
        window = await read_window(cast("ConsoleApp", self.app), self.plot.metric, seconds, self.plot.points)
        if window is None:
            self._long = 0
        self.plot.show_window(window, words if window is not None else "")

    def action_server(self, step: int) -> None:
        """Single out a server."""
        self.plot.step_server(step)

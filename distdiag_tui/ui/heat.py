"""Every server against every cause, and how alike the servers move: two tables of shades."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from distdiag_tui.ui.calm import nearest_first
from distdiag_tui.ui.canvas import Line, Run, ScenePane, fit
from distdiag_tui.ui.scene import Scene
from distdiag_tui.ui.screens import ExactScreen
from distdiag_tui.ui.status import Complaint, KeyBar, StatusLine

if TYPE_CHECKING:
    from distdiag_tui.model.findings import Diagnosis
    from distdiag_tui.model.snapshot import Snapshot

NAME: Final = 16  # cells of a server's name at most
SCORE: Final = 6
CELL: Final = 5
SHADES: Final = " ░▒▓█"
STRONG: Final = 0.5
LEAST: Final = 0.005  # heat that is shown
TITLE: Final = 16  # cells that the last cause has for its title

KEYS: Final = (("Esc", "back"), ("↑ ↓ ← →", "scroll"), ("Tab", "heat map or influence"), ("p", "pause"),
               ("?", "help"), ("q", "quit"))  # fmt: skip


def worst_first(diagnosis: Diagnosis, snapshot: Snapshot) -> list[str]:
    """All servers: those of findings by rank, then by score."""
    found = [finding.server for finding in diagnosis.findings]
    names = nearest_first((server.name for server in snapshot.servers), diagnosis.scores)
    return list(dict.fromkeys((*found, *names)))


def hottest(heat: Mapping[tuple[str, str], float]) -> list[str]:
    """The causes that any server has heat of, the hottest first."""
    most: dict[str, float] = {}
    for (_, cause), value in heat.items():
        most[cause] = max(most.get(cause, 0.0), _number(value))
    return sorted(
        (cause for cause, value in most.items() if value >= LEAST), key=lambda cause: (-most[cause], cause)
    )


def _number(value: float) -> float:
    return 0.0 if math.isnan(value) else value


# -- lines ------------------------------------------------------------------------------------------------


def stair(names: Sequence[str], before: int, width: int, head: str = "") -> list[Line]:
    """Names of columns that are narrower than they, each on its own line, with a stem down to its column."""
    lines: list[Line] = []
    for index, name in enumerate(names):
        left = fit(head if index == len(names) - 1 else "", before)
        stems = "".join(f"{'│':<{CELL}}" for _ in range(index))
        room = width - before - CELL * index
        lines.append((Run(left, "muted"), Run(stems, "muted"), Run(fit(name, room), "title")))
    return lines


def shade(value: float) -> str:
    """One cell for 0 to 1, whatever its sign.

    >>> [shade(value) for value in (math.nan, 0.0, 0.1, -0.5, 1.0)]
    [' ', ' ', '░', '▒', '█']
    """
    if math.isnan(value) or value == 0:
        return " "
    return SHADES[min(4, max(1, math.ceil(abs(value) * 4)))]


def heat_cell(value: float) -> Run:
    """A shade and percent."""
    if math.isnan(value) or value < LEAST:
        return Run(fit(" ·", CELL), "muted")
    return Run(
        f"{shade(value)}{100 * value:>3.0f} ", "bad" if value >= STRONG else "warn" if value >= 0.2 else ""
    )


def influence_cell(value: float) -> Run:
    """A shade and hundredths, with its sign."""
    if math.isnan(value):
        return Run(fit(" ·", CELL), "muted")
    number = round(100 * value)
    return Run(
        f"{shade(value)}{number:>3} ", "busy" if value >= STRONG else "warn" if value <= -STRONG else ""
    )


class Sheet(ScenePane):
    """A table that is larger than the screen: its corner moves."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._top = self._left = 0
        self.add_class("pane")

    def scroll_by(self, columns: int, rows: int) -> None:
        """Its corner; drawing keeps it inside."""
        self._left, self._top = max(0, self._left + columns), max(0, self._top + rows)
        self.redraw()

    def corner(self, columns: int, rows: int, shown: tuple[int, int]) -> tuple[int, int]:
        """Where it is, so that no room is left empty."""
        self._left = max(0, min(self._left, columns - shown[0]))
        self._top = max(0, min(self._top, rows - shown[1]))
        return self._left, self._top

    def fill(self, title: str, lines: list[Line], subtitle: str = "") -> None:
        """Draw all, and blank the rest."""
        width, height = self.size
        self.entitle(title, subtitle)
        self.draw((lines + [(Run(" " * width),)] * (height - len(lines)))[:height])


class HeatMap(Sheet):
    """Servers down, causes across."""

    def redraw(self) -> None:
        """Draw the part in sight."""
        width, height = self.size
        snapshot = self._scene.snapshot
        diagnosis = snapshot.diagnosis if snapshot is not None else None
        if width < NAME + SCORE + CELL or height < 4 or snapshot is None:
            return
        if diagnosis is None:
            self.fill("Heat map", [(Run(fit("diagnosis has not begun", width), "muted"),)])
            return
        from distdiag_tui.diagnosis.causes import find_cause  # noqa: PLC0415  not needed for a start

        servers, causes = worst_first(diagnosis, snapshot), hottest(diagnosis.heat)
        name_cells = _name_cells(servers)
        before = name_cells + SCORE + 1
        across = min(len(causes), max(1, (width - before - TITLE) // CELL + 1), max(1, height // 2 - 1))
        down = height - max(1, across)
        left, top = self.corner(len(causes), len(servers), (across, down))
        shown = causes[left : left + across]
        head = f"{'server':{name_cells}}{'alarm':>{SCORE}}"
        lines = stair([find_cause(cause).title for cause in shown], before, width, head)
        if not shown:
            lines = [(Run(fit("no server looks like any cause", width), "muted"),)]
        for name in servers[top : top + down]:
            score = diagnosis.scores.get(name, math.nan)
            figure = f"{'–' if math.isnan(score) else f'{100 * score:.0f} %':>{SCORE}} "
            style = "bad" if score >= 1 else "value"
            cells = [heat_cell(diagnosis.heat.get((name, cause), 0.0)) for cause in shown]
            line = (Run(fit(name, name_cells), "title"), Run(figure, style), *cells)
            lines.append((*line, Run(" " * (width - before - CELL * len(shown)))))
        more = _arrows(left, top, len(causes) - left - across, len(servers) - top - down)
        self.fill("Heat map · what each looks like, in %", lines, more)


class Influence(Sheet):
    """Servers down and across, the worst first."""

    def redraw(self) -> None:
        """Draw the part in sight."""
        width, height = self.size
        snapshot = self._scene.snapshot
        diagnosis = snapshot.diagnosis if snapshot is not None else None
        if width < NAME + CELL or height < 4 or snapshot is None:
            return
        title = "Influence · how alike they deviate, in %"
        if diagnosis is None or not diagnosis.influence:
            self.fill(title, [(Run(fit("no servers deviate together", width), "muted"),)])
            return
        paired = {name for pair in diagnosis.influence for name in pair}
        names = [name for name in worst_first(diagnosis, snapshot) if name in paired]
        name_cells = _name_cells(names)
        before = name_cells + 1
        across = min(len(names), max(1, (width - before) // CELL), max(1, height // 2 - 1))
        down = height - across
        left, top = self.corner(len(names), len(names), (across, down))
        shown = names[left : left + across]
        lines = stair(shown, before, width)
        for name in names[top : top + down]:
            cells = [_pair(diagnosis.influence, name, other) for other in shown]
            line = (Run(fit(name, name_cells), "title"), Run(" "), *cells)
            lines.append((*line, Run(" " * (width - before - CELL * len(shown)))))
        more = _arrows(left, top, len(names) - left - across, len(names) - top - down)
        self.fill(title, lines, more)


def _name_cells(names: Sequence[str]) -> int:
    return min(NAME, max(len("server"), *map(cell_len, names)))


def _pair(influence: Mapping[tuple[str, str], float], name: str, other: str) -> Run:
    if name == other:
        return Run(fit(" \\", CELL), "muted")
    return influence_cell(influence.get((name, other), influence.get((other, name), math.nan)))


def _arrows(left: int, above: int, right: int, below: int) -> str:
    """Where there is more out of sight."""
    return " ".join(
        arrow for arrow, count in (("←", left), ("→", right), ("↑", above), ("↓", below)) if count > 0
    )


class HeatScreen(ExactScreen):
    """Over the main screen until Escape; side by side where there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,backspace,v", "app.back", show=False),
        Binding("up,k", "scroll(0,-1)", show=False),
        Binding("down,j", "scroll(0,1)", show=False),
        Binding("left,h", "scroll(-1,0)", show=False),
        Binding("right,l", "scroll(1,0)", show=False),
        Binding("pageup", "scroll(0,-10)", show=False),
        Binding("pagedown", "scroll(0,10)", show=False),
        Binding("home", "scroll(-9999,-9999)", show=False),
        Binding("end", "scroll(0,9999)", show=False),
        Binding("tab,shift+tab", "other", show=False),
    ]

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._status, self._wrong = StatusLine(), Complaint()
        self.sheets: tuple[Sheet, ...] = (HeatMap("heat"), Influence("influence"))
        self._scene = scene
        self._here = 0

    def compose(self) -> ComposeResult:
        """Status line, both tables, what went wrong, keys."""
        yield self._status
        with Horizontal(id="panes"):
            yield from self.sheets
        yield self._wrong
        yield KeyBar(KEYS)

    def on_mount(self) -> None:
        """Draw what is known at once."""
        self._front()
        self.show(self._scene)

    def show(self, scene: Scene) -> None:
        """Draw a scene."""
        self._status.show(scene)
        self._wrong.show(scene)
        for sheet in self.sheets:
            sheet.show(scene)

    def action_scroll(self, columns: int, rows: int) -> None:
        """The table that is in front."""
        self.sheets[self._here].scroll_by(columns, rows)

    def action_other(self) -> None:
        """The other table."""
        self._here = 1 - self._here
        self._front()

    def _front(self) -> None:
        for index, sheet in enumerate(self.sheets):
            sheet.set_class(index == self._here, "-active")
        self.set_focus(self.sheets[self._here])

"""Partial updates of the screen: a terminal that got only them shows what a full update would show."""

from __future__ import annotations

import random

import pyte
import pytest
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.pilot import Pilot
from textual.screen import Screen

from distdiag_tui.ui.canvas import Canvas, Line, Run
from distdiag_tui.ui.compositor import ExactCompositor, ExactUpdate

WIDTH, HEIGHT = 61, 9
STYLES = ("", "good", "bad")
CONSOLE = Console(width=WIDTH, height=HEIGHT, color_system="truecolor", force_terminal=True)
Pixels = list[list[tuple[str, str, str, bool]]]


class Wall(Screen[None]):
    """Three canvases side by side, one of them in a frame."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = ExactCompositor()
        self.canvases = [Canvas(id="left"), Canvas(id="framed"), Canvas(id="right")]

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield from self.canvases

    def render_all(self) -> str:
        """The bytes of a full update."""
        return self._compositor.render_full_update().render_segments(CONSOLE)


class WallApp(App[None]):
    """An app that keeps the updates that would go to its terminal."""

    CSS = """
    Canvas { width: 1fr; height: 100%; }
    #framed { border: round white; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.wall = Wall()
        self.looks = {
            "": Style(color="#ffffff", bgcolor="#000000"),
            "good": Style(color="#00ff00", bgcolor="#000000", bold=True),
            "bad": Style(color="#ff0000", bgcolor="#202020"),
        }
        self.updates: list[CompositorUpdate] = []

    def get_default_screen(self) -> Screen[None]:
        return self.wall

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate):
            self.updates.append(renderable)
        super()._display(screen, renderable)


class Terminal:
    """What a terminal shows after the bytes it got."""

    def __init__(self, text: str) -> None:
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self._screen)
        self.feed(text)

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    def pixels(self) -> Pixels:
        """Text and colours of every cell."""
        rows = (self._screen.buffer[y] for y in range(HEIGHT))
        return [[(c.data, c.fg, c.bg, c.bold) for c in (row[x] for x in range(WIDTH))] for row in rows]

    def row(self, y: int) -> str:
        return self._screen.display[y]


class Stage:
    """A running app, the terminal that follows it, and what it did last."""

    def __init__(self, app: WallApp, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot
        self.terminal = Terminal(app.wall.render_all())

    async def draw(self, drawing: list[list[Line]]) -> list[CompositorUpdate]:
        """Draw in all canvases; the updates this caused, which the terminal got."""
        self.app.updates.clear()
        for canvas, lines in zip(self.app.wall.canvases, drawing, strict=True):
            canvas.draw(lines)
        await self._pilot.pause()
        updates = list(self.app.updates)
        for update in updates:
            self.terminal.feed(update.render_segments(CONSOLE))
        return updates

    def check(self) -> None:
        """The terminal shows what a new one would show."""
        wanted = Terminal(self.app.wall.render_all()).pixels()
        for y, (shown, right) in enumerate(zip(self.terminal.pixels(), wanted, strict=True)):
            assert shown == right, f"row {y}"


def random_run(dice: random.Random) -> Run:
    letters = "ab12 █▁…" if dice.random() < 0.7 else "ab你好"
    return Run("".join(dice.choices(letters, k=dice.randint(0, 7))), dice.choice(STYLES))


def random_line(dice: random.Random) -> Line:
    return tuple(random_run(dice) for _ in range(dice.randint(0, 4)))


def edited(line: Line, dice: random.Random) -> Line:
    """Much as before, as most figures are from tick to tick."""
    runs = []
    for run in line:
        if not run.text or dice.random() < 0.5:
            runs.append(run)
            continue
        at = dice.randrange(len(run.text))
        text = f"{run.text[:at]}{dice.choice('xyz 好')}{run.text[at + 1 :]}"
        runs.append(Run(text, dice.choice((run.style, dice.choice(STYLES)))))
    return tuple(runs)


def next_drawing(drawing: list[list[Line]], dice: random.Random) -> list[list[Line]]:
    """Another drawing: some lines the same, some edited, some new, some gone."""
    drawn = []
    for lines in drawing:
        count = dice.choice((len(lines), len(lines), dice.randint(1, HEIGHT + 1)))
        grown = [*lines, *(random_line(dice) for _ in range(count - len(lines)))][:count]
        drawn.append(
            [
                dice.choices((line, edited(line, dice), random_line(dice)), weights=(5, 4, 1))[0]
                for line in grown
            ]
        )
    return drawn


@pytest.mark.parametrize("seed", range(6))
async def test_partial_updates_show_what_a_full_one_would(seed: int) -> None:
    dice = random.Random(seed)
    app = WallApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        stage = Stage(app, pilot)
        drawing = [[random_line(dice) for _ in range(HEIGHT)] for _ in app.wall.canvases]
        partial = 0
        for _ in range(25):
            drawing = next_drawing(drawing, dice)
            updates = await stage.draw(drawing)
            partial += sum(isinstance(update, ExactUpdate) for update in updates)
            stage.check()
        assert partial >= 15, "the steps were hardly partial updates"


async def test_an_unchanged_drawing_sends_nothing() -> None:
    app = WallApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        stage = Stage(app, pilot)
        drawing: list[list[Line]] = [[(Run("qps ", "good"), Run("12 你"))] for _ in range(3)]
        assert await stage.draw(drawing)
        assert await stage.draw([[*lines] for lines in drawing]) == []
        stage.check()


async def test_only_the_changed_cells_are_sent() -> None:
    app = WallApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        stage = Stage(app, pilot)
        await stage.draw([[(Run("qps "), Run("1234"))], [], [(Run("left alone"),)]])
        (update,) = await stage.draw([[(Run("qps "), Run("1264"))], [], [(Run("left alone"),)]])
        assert isinstance(update, ExactUpdate)
        assert update.spans == [(0, 6, 7)]
        sent = update.render_segments(CONSOLE)
        assert sent.startswith("\x1b[1;7H")
        only = Terminal(sent)
        assert only.row(0).split() == ["6"], "one figure, and nothing else"
        assert stage.terminal.row(0).startswith("qps 1264")
        textual_own = ChopsUpdate(update.chops, update.spans, update.chop_ends).render_segments(CONSOLE)
        assert len(sent) < len(textual_own)


async def test_a_change_in_one_canvas_does_not_touch_its_neighbours() -> None:
    app = WallApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        stage = Stage(app, pilot)
        (update,) = await stage.draw([[(Run("x" * 200),)], [], [(Run("y" * 200, "bad"),)]])
        assert isinstance(update, ExactUpdate)
        left, framed, right = (canvas.region for canvas in app.wall.canvases)
        only = Terminal(update.render_segments(CONSOLE)).row(0)
        assert only == "x" * left.width + " " * framed.width + "y" * right.width
        stage.check()

"""Only changed cells are sent, and they lead to the same screen as a full repaint."""

from __future__ import annotations

from collections.abc import Callable

import pyte
import pytest
from staged import NARROW, WIDE, Stage, press, server, settled
from textual._compositor import CompositorUpdate
from textual.pilot import Pilot

from distdiag_tui.model.topology import Status

Cell = tuple[str, str, str, bool, bool]


class Watcher:
    """A terminal that is fed with every update of the screen, as the driver would be."""

    def __init__(self, pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = pilot.app
        self.terminal, self._stream = _terminal(pilot.app.size.width, pilot.app.size.height)
        self.written = 0
        original: Callable[..., None] = pilot.app._display

        def display(screen: object, renderable: object) -> None:
            if isinstance(renderable, CompositorUpdate):
                self._take(renderable.render_segments(self.app.console))
            original(screen, renderable)

        monkeypatch.setattr(pilot.app, "_display", display)
        self._take(self._whole())
        self.written = 0

    def _take(self, text: str) -> None:
        self.written += len(text.encode())
        self._stream.feed(text)

    def _whole(self) -> str:
        return self.app.screen._compositor.render_full_update().render_segments(self.app.console)

    def check(self) -> None:
        """What the updates made is what a full repaint makes."""
        wanted, stream = _terminal(*self.app.size)
        stream.feed(self._whole())
        for y in range(self.app.size.height):
            assert _cells(self.terminal, y) == _cells(wanted, y), f"row {y}"


def _terminal(width: int, height: int) -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(width, height)
    screen.reset_mode(pyte.modes.DECAWM)  # a newline after the last cell is not to wrap twice
    return screen, pyte.Stream(screen)


def _cells(screen: pyte.Screen, y: int) -> list[Cell]:
    row = [screen.buffer[y][x] for x in range(screen.columns)]
    return [(c.data, c.fg, c.bg, c.bold, c.reverse) for c in row]


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
async def test_partial_updates_make_the_same_screen(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage([*Stage().servers, server("服务器一号", "zone3")])
    async with stage.console(size) as pilot:
        watcher = Watcher(pilot, monkeypatch)
        for _ in range(5):
            await stage.shown(pilot)
            watcher.check()
        for keys in ("down down right", "2", "m down", "end", "1", "plus", "p p", "2 slash l o", "escape"):
            await press(pilot, *keys.split())
            await stage.shown(pilot)
            watcher.check()
        stage.change("n2", status=Status.UNREACHABLE, detail="connection refused", age=12.0)
        stage.change("服务器一号", name="服务器2a号x")
        for keys in ("exclamation_mark", "2", "enter", "right", "down", "escape", "question_mark", "escape"):
            await press(pilot, keys)
            await stage.shown(pilot)
            watcher.check()
        await press(pilot, "t")
        await stage.shown(pilot)
        watcher.check()


@pytest.mark.parametrize("where", ["", "2", "2 m", "2 enter"])
async def test_a_tick_in_which_nothing_happened_writes_next_to_nothing(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    stage.busy = False
    async with stage.console(past=120) as pilot:
        await press(pilot, *where.split())
        await stage.shown(pilot, 2)
        watcher = Watcher(pilot, monkeypatch)
        for _ in range(5):
            await stage.shown(pilot)
        watcher.check()
        assert 0 < watcher.written / 5 < 600  # the clock, and the times below the axis of one metric


async def test_an_update_holds_just_the_changed_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.busy = False
    async with stage.console(past=120) as pilot:
        watcher = Watcher(pilot, monkeypatch)
        taken: list[str] = []
        monkeypatch.setattr(watcher, "_take", taken.append)
        await stage.shown(pilot)
        await settled(pilot)
        sent = "".join(taken)
        assert "distdiag" not in sent
        assert "QPS" not in sent
        assert sent.count("\x1b[") < 60

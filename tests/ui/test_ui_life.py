"""What happens to a console that runs: sizes, faults, many servers, hostile text."""

from __future__ import annotations

import asyncio
import unicodedata
from contextvars import Context
from pathlib import Path

import pytest
from staged import (
    NARROW,
    WIDE,
    Stage,
    console_of,
    press,
    resized,
    row_with,
    rows_of,
    server,
    settled,
    text_of,
)
from textual.pilot import Pilot

from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Status, Tenant
from distdiag_tui.ui import launch
from distdiag_tui.ui.actions import ACTIONS
from distdiag_tui.ui.app import ConsoleApp

SIZES = [(80, 24), (300, 100), (40, 10), (160, 48), (100, 5), (24, 8), (20, 6), (10, 3), (1, 1), (160, 48)]
NASTY = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "[red]x[/]",
    "[/nothing]",
    "[@click=app.quit]q[/]",
    "[link=file:///etc/passwd]a",
    "two\nlines\r\tand",
    "\u202eright to left\u2066",
    "服务器一号" * 6,
    "e\u0301\u0301\u0301",
    "❤\ufe0f👩\u200d👧",
    "nul\x00\x7f\x85",
    "\ud800",
    "\ue000\U000e0001",
    "{0} %s %(x)s \\",
    "",
    " ",
    "x" * 5000,
)


def harmless(pilot: Pilot[None]) -> str:
    """The screen's text, once it is proven that none of it acts, and that every row has the right width."""
    strips = pilot.app.screen._compositor.render_strips()
    for strip in strips:
        assert strip.cell_length == pilot.app.size.width
        assert all(segment.control is None for segment in strip)
        assert not [c for c in strip.text if unicodedata.category(c)[0] == "C"]
        assert not any(segment.style and (segment.style.link or segment.style.meta) for segment in strip)
    return "\n".join(strip.text for strip in strips)


@pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text)[:24])
async def test_hostile_text_is_only_text(text: str) -> None:
    stage = Stage()
    stage.servers[0] = server(
        text, text or "z", product=text, role=text, tenants=(Tenant(1, text), Tenant(1002, text + "2"))
    )
    stage.change("n2", status=Status.REFUSED, detail=text)
    stage.feed.engine.cluster = text
    async with stage.console(past=3) as pilot:
        harmless(pilot)
        for keys in ("down down right", "down", "end", "exclamation_mark", "2 enter", "down", "escape t"):
            await press(pilot, *keys.split())
            await stage.shown(pilot)
            harmless(pilot)
        await resized(pilot, *NARROW)
        await press(pilot, "1")
        assert "refused" in harmless(pilot)
        assert pilot.app.is_running


@pytest.mark.parametrize("where", ["", "2", "2 enter", "slash", "question_mark", "ctrl+p"])
async def test_any_size_while_running(where: str) -> None:
    stage = Stage()
    async with stage.console() as pilot:
        before = [[row.find(name) for row in rows_of(pilot)] for name in ("Topology", "n3", "QPS", "palette")]
        await press(pilot, *where.split())
        for size in SIZES:
            await resized(pilot, *size)
            await stage.shown(pilot)
            await press(pilot, "down", "up")
            assert len(rows_of(pilot)) == size[1]
        assert pilot.app._exception is None
        await press(pilot, "escape", "1")
        places = [[row.find(name) for row in rows_of(pilot)] for name in ("Topology", "n3", "QPS", "palette")]
        assert places == before


@pytest.mark.parametrize("size", SIZES)
async def test_any_size_from_the_start(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        for keys in ("down", "2", "m", "plus", "end", "enter", "down", "escape", "slash x enter"):
            await press(pilot, *keys.split())
            await stage.shown(pilot)
        assert pilot.app._exception is None


async def test_a_console_without_any_answer_yet() -> None:
    stage = Stage()
    async with stage.console(past=0) as pilot:
        for action in ACTIONS:
            keys = [key for key in action.keys.split(",") if key and key not in ("q", "ctrl+c")]
            await press(pilot, *keys)
        await press(pilot, "escape", "escape", "1")
        assert "connecting …" in text_of(pilot)
        await stage.tick(3)
        if console_of(pilot).scene.paused:
            await press(pilot, "p")
        await stage.shown(pilot)
        assert "● all 3 up" in text_of(pilot)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
async def test_a_server_that_is_gone_is_told_by_glyph_and_word(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        stage.change("n2", status=Status.UNREACHABLE, detail="connection refused", age=12.0)
        await stage.shown(pilot)
        assert "✖ n2 unreachable 12s" in rows_of(pilot)[0]
        tree = next(row for row in rows_of(pilot)[1:] if "n2" in row)
        assert "✖ n2" in tree
        assert "unreachable 12s" in tree
        await press(pilot, "exclamation_mark")
        assert "connection refused" in text_of(pilot)
        stage.change("n2", status=Status.UP, detail="", age=0.1)
        await stage.shown(pilot, 2)
        assert "● all 3 up" in rows_of(pilot)[0]
        assert "unreachable" not in text_of(pilot)


async def test_a_screenshot_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Stage().console() as pilot:
        folder = tmp_path / "gone"
        folder.mkdir()
        monkeypatch.chdir(folder)
        folder.rmdir()
        console_of(pilot).action_save_screenshot()
        await settled(pilot)
        assert "the screen is not saved: [Errno 2]" in rows_of(pilot)[46]


async def test_what_is_told_goes_away_though_nothing_ticks_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Stage().console() as pilot:
        app = console_of(pilot)
        app.tell("an older one")
        monkeypatch.setattr("distdiag_tui.ui.app.NOTICE_SECONDS", 0.01)
        Context().run(app.tell, "saved it")  # as from a task that was there before the console
        assert app.scene.notice == "saved it"
        async with asyncio.timeout(20):
            while app.scene.notice:
                await pilot.pause(0.01)
        await settled(pilot)
        assert "saved it" not in text_of(pilot)


async def test_what_could_not_be_opened_is_told_while_the_console_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, apps, run_async = Stage(), [], ConsoleApp.run_async

    async def headless(app: ConsoleApp, **_: object) -> None:
        apps.append(app)
        await run_async(app, headless=True, size=WIDE)

    def fails(_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(ConsoleApp, "run_async", headless)
    monkeypatch.setattr(launch, "require_terminal", lambda: None)
    monkeypatch.setattr(launch, "leave_with_terminal", lambda _: None)
    monkeypatch.setattr(launch, "live_engine", lambda *_: stage.engine)
    monkeypatch.setattr(launch, "_make_incident_desk", fails)
    target = Target("shop", (Endpoint("127.0.0.1", 1),))
    console = asyncio.create_task(launch.run_console(target, launch.ConsoleOptions()))
    stage.source.put(stage.frame())
    async with asyncio.timeout(60):
        while not (apps and "no space left" in apps[0].scene.wrong):
            assert not console.done()
            await asyncio.sleep(0.01)
    assert apps[0].is_running
    apps[0].exit()
    with pytest.raises(OSError, match="no space left"):
        await console


async def test_names_of_wide_characters_are_shown_in_full() -> None:
    stage = Stage([server("服务器一号", "可用区一"), *(server(f"s{n}", "可用区二") for n in range(30))])
    async with stage.console(past=3) as pilot:
        assert "▸ 可用区一  1 " in text_of(pilot)
        await press(pilot, "down", "right", "down")
        for keys, words in (
            ("", "服务器一号 · 1 min"),
            ("v", "● 服务器一号"),
            ("i", "服务器一号"),
            ("e tab", "· 服务器一号"),
        ):
            await press(pilot, *keys.split())
            assert words in text_of(pilot)
            await press(pilot, "escape")


@pytest.mark.parametrize("status", Status)
async def test_every_status_has_a_glyph_and_a_word_on_the_screen(status: Status) -> None:
    stage = Stage()
    stage.change("n3", status=status, age=None)
    async with stage.console(past=2) as pilot:
        row = row_with(pilot, "n3 ")
        word = "all 3 up" if status is Status.UP else status.value
        assert word in (row if not status.answers else rows_of(pilot)[0])
        await press(pilot, "end")
        assert status.value in text_of(pilot)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
async def test_two_hundred_servers_scroll(size: tuple[int, int]) -> None:
    stage = Stage([server(f"s{number:03}", f"zone{number // 40 + 1}") for number in range(200)])
    async with stage.console(size, past=3) as pilot:
        assert "● all 200 up" in text_of(pilot)
        assert "s199" not in text_of(pilot)
        await press(pilot, "end", "right", "end")
        assert "s199" in text_of(pilot)
        await press(pilot, *["pageup"] * 2)
        assert "s179" in text_of(pilot)
        await press(pilot, "home", "2", "enter")
        await stage.shown(pilot)
        await press(pilot, "up")
        assert "▸ ━━ ● s000" in text_of(pilot)

"""Every key of a metric's own screen."""

from __future__ import annotations

import pytest
from staged import NARROW, WIDE, Stage, burst, console_of, press, row_with, rows_of, server, text_of
from textual.pilot import Pilot

from distdiag_tui.model.metrics import CATALOGUE
from distdiag_tui.model.topology import Status
from distdiag_tui.ui.detail import MetricScreen
from distdiag_tui.ui.help import HelpScreen

both_sizes = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
BRAILLE = {chr(code) for code in range(0x2801, 0x2900)}


def metric_screen(pilot: Pilot[None]) -> MetricScreen:
    assert isinstance(pilot.app.screen, MetricScreen)
    return pilot.app.screen


@both_sizes
async def test_it_shows_a_line_and_a_row_for_every_server(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        await press(pilot, "2", "enter")
        text = text_of(pilot)
        assert "QPS · SQL" in text
        assert BRAILLE & set(text)
        for words in ("now", "lowest", "mean", "highest", "22:14:49", "┤"):
            assert words in text
        before = [row_with(pilot, f"● n{number}") for number in (1, 2, 3)]
        assert all(row.count("/s") == 4 for row in before)
        await stage.shown(pilot, 2)
        assert [row_with(pilot, f"● n{number}") for number in (1, 2, 3)] != before


@both_sizes
async def test_left_and_right_walk_through_the_catalogue(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        await press(pilot, "2", "enter")
        for keys in (("right", "left"), ("l", "h")):
            await press(pilot, keys[0])
            assert "SQL time · SQL" in text_of(pilot)
            await press(pilot, keys[1])
            assert "QPS · SQL" in text_of(pilot)
        await press(pilot, "left")
        assert CATALOGUE[-1].about in text_of(pilot)
        await press(pilot, "right")
        assert CATALOGUE[0].about in text_of(pilot)


@both_sizes
async def test_every_metric_can_be_drawn(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        await press(pilot, "2", "enter")
        for row in CATALOGUE:
            assert f" {row.title} · " in text_of(pilot)
            await burst(pilot, "right")


@both_sizes
async def test_up_and_down_single_out_a_server(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        await press(pilot, "2", "enter")
        assert "▸" not in text_of(pilot)
        for key, name in [("down", "n1"), ("j", "n2"), ("down", "n3"), ("k", "n2"), ("up", "n1")]:
            await press(pilot, key)
            assert f"▸ ━━ ● {name}" in text_of(pilot)
        await press(pilot, "up")
        assert "▸" not in text_of(pilot)


async def test_more_servers_than_rows_scroll_with_the_one_singled_out() -> None:
    stage = Stage([server(f"s{number:02}") for number in range(20)])
    async with stage.console(NARROW, past=3) as pilot:
        await press(pilot, "2", "enter")
        for number in range(20):
            await press(pilot, "down")
            assert f"▸ ━━ ● s{number:02}" in text_of(pilot)
        stage.servers = stage.servers[:2]  # the one singled out is gone
        await stage.shown(pilot)
        assert "s00" in text_of(pilot)


async def test_the_one_singled_out_stays_so_when_others_come_and_go() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await press(pilot, "2", "enter", "down", "down")
        assert "▸ ━━ ● n2" in text_of(pilot)
        every = stage.servers
        stage.servers = every[1:]
        await stage.shown(pilot)
        assert "▸ ━━ ● n2" in text_of(pilot)
        stage.servers = every[::2]
        await stage.shown(pilot)
        assert "▸" not in text_of(pilot)


@both_sizes
async def test_spans_and_pause_work_here_too(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        await press(pilot, "2", "enter", "plus")
        assert "2 min" in text_of(pilot)
        await press(pilot, "minus")
        assert "1 min" in text_of(pilot)
        await press(pilot, "p")
        held = rows_of(pilot)
        await stage.shown(pilot, 3)
        assert rows_of(pilot) == held
        await press(pilot, "p")
        assert rows_of(pilot) != held


@both_sizes
@pytest.mark.parametrize("key", ["escape", "enter", "backspace"])
async def test_back(size: tuple[int, int], key: str) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        before = rows_of(pilot)
        await press(pilot, "2", "enter", key, "1")
        assert rows_of(pilot) == before
        assert pilot.app.focused is console_of(pilot).main.topology


async def test_the_main_screen_has_caught_up_when_one_comes_back() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await press(pilot, "2", "enter", "plus", "plus")
        await stage.shown(pilot, 5)
        await press(pilot, "escape")
        assert "22:14:54" in rows_of(pilot)[0]
        assert "cluster · 5 min" in text_of(pilot)


@both_sizes
async def test_help_here_comes_back_here(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        await press(pilot, "2", "enter", "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        await press(pilot, "escape")
        metric_screen(pilot)


async def test_keys_of_the_main_screen_do_nothing_that_is_not_seen() -> None:
    async with Stage().console() as pilot:
        app = console_of(pilot)
        await press(pilot, "2", "enter")
        before = (app.scene.subject, app.main.active, app.main.topology.filter_text)
        await press(pilot, "1", "tab", "slash", "pagedown", "home", "end")
        metric_screen(pilot)
        assert (app.scene.subject, app.main.active, app.main.topology.filter_text) == before


@both_sizes
async def test_of_many_servers_the_worst_are_lines(size: tuple[int, int]) -> None:
    stage = Stage([server(f"s{number:02}") for number in range(40)])  # the busier, the higher the number
    async with stage.console(size, past=30) as pilot:
        await press(pilot, "2", "enter")
        assert "the first 6 of 40 servers" in text_of(pilot)
        listed = [row.split("● ")[1].split()[0] for row in rows_of(pilot) if "━━ ●" in row]
        assert listed[:3] == ["s39", "s38", "s37"]
        assert " mean" in text_of(pilot)
        await press(pilot, "up")
        assert "▸ ━━ ● s00" in text_of(pilot)
        await press(pilot, "up", "down", "down", "down")
        assert "▸ ━━ ● s39" in text_of(pilot)


async def test_a_server_without_figures_has_dashes_and_its_glyph() -> None:
    stage = Stage()
    stage.change("n2", status=Status.UNREACHABLE, detail="no route", age=None)
    async with stage.console() as pilot:
        await press(pilot, "2", "enter")
        assert row_with(pilot, "━━ ✖ n2").count("–") >= 4

"""The heat map with a cell a server, at sizes of clusters and terminals."""

from __future__ import annotations

import numpy as np
import pytest
from scripted import Script, frame, sample, server
from staged import NARROW, WIDE, Stage, burst, console_of, on_main, press, row_with, text_of
from staged_cluster import StagedCluster, sick_cluster
from staged_incidents import incident
from textual.pilot import Pilot

from distdiag_tui.engine import Engine
from distdiag_tui.model.metrics import Bad
from distdiag_tui.model.topology import Status, Subject
from distdiag_tui.ui.cell_map import OUT, Block, cell, deviations, plan, under_cursor
from distdiag_tui.ui.cells_screen import CellsScreen
from distdiag_tui.ui.order import figures_of
from distdiag_tui.ui.standing import WELL, Standing

both_sizes = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])


def under(pilot: Pilot[None]) -> str:
    assert isinstance(pilot.app.screen, CellsScreen)
    server = pilot.app.screen.cells.server
    assert server is not None
    return server.name


@pytest.mark.parametrize(("size", "servers"), [(WIDE, 3), (NARROW, 30), (WIDE, 1000), (NARROW, 1000)])
async def test_every_server_is_a_cell_that_can_be_gone_to(size: tuple[int, int], servers: int) -> None:
    async with StagedCluster(servers).console(size, past=2) as pilot:
        await press(pilot, "v", "home")
        assert under(pilot) == "observer-001"
        await press(pilot, "right")
        assert under(pilot) == ("observer-004" if servers > 3 else "observer-002")
        await press(pilot, "end")
        last = under(pilot)
        assert last in text_of(pilot)
        await press(pilot, "up", "down", "enter")
        assert on_main(pilot)
        assert console_of(pilot).scene.subject == Subject("zone3", last)
        assert console_of(pilot).main.active is console_of(pilot).main.topology
        assert last in text_of(pilot)


async def test_enter_twice_in_a_burst_goes_there_once() -> None:
    async with StagedCluster(30).console(past=2) as pilot:
        await press(pilot, "v", "end")
        await burst(pilot, "enter", "enter")
        assert pilot.app._exception is None
        assert on_main(pilot)
        assert console_of(pilot).scene.subject == Subject("zone3", "observer-030")


@both_sizes
async def test_what_is_not_well_is_a_sign_and_the_next_key(size: tuple[int, int]) -> None:
    stage = sick_cluster()
    stage.incidents.put(incident("cpu_hog_sql", "observer-021", zone="zone3"))
    async with stage.console(size, past=3) as pilot:
        await press(pilot, "v")
        assert "✖" in row_with(pilot, "zone2")
        assert "▲" in row_with(pilot, "zone3")
        for key, name in [("n", 5), ("n", 11), ("n", 14), ("n", 21), ("n", 5), ("N", 21)]:
            await press(pilot, key)
            assert under(pilot) == f"observer-{name:03}"
        assert "no. 1 of 29" in text_of(pilot)


async def test_a_hot_server_stands_out_and_is_found() -> None:
    stage = StagedCluster(300)
    stage.hot("observer-100", 140013, 3.0)
    async with stage.console(past=3) as pilot:
        await press(pilot, "v", "exclamation_mark")
        assert under(pilot) == "observer-100"
        assert "CPU time" in row_with(pilot, "(median ")


async def test_another_metric_by_brackets_and_by_name() -> None:
    async with StagedCluster(30).console(NARROW, past=3) as pilot:
        await press(pilot, "v")
        assert " · CPU " in text_of(pilot)
        await press(pilot, "right_square_bracket")
        assert " · CPU time " in text_of(pilot)
        await press(pilot, "left_square_bracket", "left_square_bracket")
        assert " · queue time " in text_of(pilot)
        await press(pilot, "s", *"tps", "enter")
        assert " · TPS " in text_of(pilot)
        assert isinstance(pilot.app.screen, CellsScreen)
        await press(pilot, "escape", "s", *"qps", "enter", "v")
        assert " · QPS " in text_of(pilot), "it begins with what servers are sorted by"


async def test_stopped_servers_are_counted_by_a_sign_though_they_answer() -> None:
    stage = StagedCluster(300)
    for number in (1, 4, 7):
        stage.keeps(f"observer-{number:03}", stopped=True)
    async with stage.console(NARROW, past=2) as pilot:
        await press(pilot, "v")
        assert "▲ 3" in text_of(pilot)
        assert "● 3" not in text_of(pilot)


async def test_a_small_cluster_has_one_too() -> None:
    async with Stage().console(past=3) as pilot:
        await press(pilot, "v", "down", "down")
        assert under(pilot) == "n3"
        await press(pilot, "v")
        assert on_main(pilot)


async def test_the_cursor_stays_on_its_server_when_others_go() -> None:
    stage = StagedCluster(30)
    async with stage.console(past=3) as pilot:
        await press(pilot, "v", "end")
        assert under(pilot) == "observer-030"
        stage.servers = stage.servers[:29][::-1]
        stage.rates, stage._totals = stage.rates[:29], stage._totals[:29]
        await stage.shown(pilot, 2)
        assert under(pilot) == "observer-029"


@pytest.mark.parametrize("servers", [1, 10, 334, 5000])
@pytest.mark.parametrize("room", [(70, 14), (156, 40), (20, 3)])
def test_a_plan_has_a_place_for_every_server(servers: int, room: tuple[int, int]) -> None:
    blocks = [Block("a", range(servers)), Block("b", range(servers, 2 * servers - 1))]
    made = plan(blocks, 6, *room)
    placed = [i for row in made.rows(blocks) for i in made.servers(*row)]
    assert placed == list(range(2 * servers - 1))
    assert 6 + made.cells * made.across <= room[0]


def test_what_stands_out_depends_on_which_direction_is_bad() -> None:
    column = np.array([10, 11, 10, 9, 10, 90, 1, np.nan], dtype=np.float32)
    for bad, out in ((Bad.HIGH, [5]), (Bad.LOW, [6]), (Bad.NEITHER, [5, 6])):
        assert [i for i, off in enumerate(deviations(column, bad)) if off >= OUT] == out
    seldom = np.array([0] * 8 + [1, 1], dtype=np.float32)
    assert (deviations(seldom, Bad.HIGH) < OUT).all()
    assert not deviations(np.full(9, 7.0, dtype=np.float32), Bad.HIGH).any()


def test_a_cell_says_by_its_sign_what_its_colour_says() -> None:
    sick = Standing(9.0, "▲", "bad")
    assert [cell(WELL, share, 3, out=False).text for share in (0.0, 0.3, 1.0, np.nan)] == [
        "░░ ",
        "▒▒ ",
        "██ ",
        "·  ",
    ]
    assert cell(sick, 0.3, 3, out=True) == ("▲  ", "bad")
    assert [cell(WELL, 0.7, cells, out=True).text for cells in (1, 2, 3)] == ["!", "▓!", "▓▓!"]
    assert [under_cursor(cell(WELL, 0.3, n, out=False)).text for n in (1, 2, 4)] == ["+", "+ ", "[ ] "]
    assert [under_cursor(cell(sick, 0.3, n, out=False)).text for n in (1, 2, 4)] == ["▲", "▲ ", "[▲] "]


def test_figures_stay_while_an_answer_is_late_and_go_with_the_server() -> None:
    up, gone = (server("n1", status=status) for status in (Status.UP, Status.UNREACHABLE))
    engine = Engine(Script(()), "late")
    for tick in (1, 2):
        engine.take(frame(tick, {"n1": sample(float(tick), t1={})}, (up,)))
    measured = figures_of(engine.take(frame(3, {"n1": sample(3.0, t1={})}, (up,))), [up], "rpc_in_rate")
    assert measured == [10.0]
    late = [engine.take(frame(tick, {}, (up,))) for tick in (4, 5, 6)]
    assert [figures_of(each, [up], "rpc_in_rate")[0] for each in late[:2]] == [10.0, 10.0]
    assert np.isnan(figures_of(late[2], [up], "rpc_in_rate")[0])
    assert np.isnan(figures_of(late[0], [gone], "rpc_in_rate")[0])

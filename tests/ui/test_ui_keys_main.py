"""Every key of the main screen."""

from __future__ import annotations

import pytest
from staged import (
    NARROW,
    WIDE,
    Stage,
    burst,
    console_of,
    on_main,
    press,
    row_with,
    rows_of,
    server,
    settled,
    text_of,
)
from textual.widgets import Input

from distdiag_tui.model.metrics import CATALOGUE, FIRST_LOOK
from distdiag_tui.model.topology import Host, Status, Subject
from distdiag_tui.ui.actions import ACTIONS
from distdiag_tui.ui.cells_screen import CellsScreen
from distdiag_tui.ui.detail import MetricScreen
from distdiag_tui.ui.help import HelpScreen
from distdiag_tui.ui.scene import SPANS
from distdiag_tui.ui.screens import PANES

both_sizes = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
N1 = Subject("zone1", "n1")


@both_sizes
@pytest.mark.parametrize("where", ["", "2", "2 enter", "slash", "question_mark", "ctrl+p"])
async def test_no_key_breaks_anything_anywhere(size: tuple[int, int], where: str) -> None:
    keys = [key for action in ACTIONS for key in action.keys.split(",") if key]
    stage = Stage()
    async with stage.console(size) as pilot:
        for key in keys:
            if key in ("q", "ctrl+c"):
                continue
            await press(pilot, *where.split(), key)
            await stage.shown(pilot)
            assert pilot.app._exception is None
            while len(pilot.app.screen_stack) > 1:
                over = len(pilot.app.screen_stack)
                await press(pilot, "escape")
                assert len(pilot.app.screen_stack) < over


async def test_the_selection_moves_and_stops_at_both_ends() -> None:
    async with Stage().console() as pilot:
        app = console_of(pilot)
        assert app.scene.subject == Subject()
        await press(pilot, "up")
        assert app.scene.subject == Subject()
        await press(pilot, "down", "j")
        assert app.scene.subject == N1
        await press(pilot, "k")
        assert app.scene.subject == Subject("zone1")
        await press(pilot, "end")
        assert app.scene.subject == Subject("zone3", "n3")
        await press(pilot, "down")
        assert app.scene.subject == Subject("zone3", "n3")
        await press(pilot, "home")
        assert app.scene.subject == Subject()
        await press(pilot, "pagedown")
        assert app.scene.subject == Subject("zone3", "n3")
        await press(pilot, "pageup")
        assert app.scene.subject == Subject()


async def test_branches_open_and_close() -> None:
    async with Stage().console() as pilot:
        app = console_of(pilot)
        await press(pilot, "down", "down", "right")
        assert "▾ ● n1" in text_of(pilot)
        assert "sys" in text_of(pilot)
        await press(pilot, "l")
        assert app.scene.subject == Subject("zone1", "n1", "sys")
        await press(pilot, "left")
        assert app.scene.subject == N1
        await press(pilot, "h")
        assert "▸ ● n1" in text_of(pilot)
        await press(pilot, "left", "left")
        assert "▸ zone1" in text_of(pilot)
        assert "● n1" not in text_of(pilot)
        await press(pilot, "left", "left")
        assert "▸ shop" in text_of(pilot)
        assert "zone2" not in text_of(pilot)
        await press(pilot, "right", "right", "right")
        assert "● n1" in text_of(pilot)


@both_sizes
async def test_the_metrics_are_those_of_the_selection(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        figures = []
        for keys in (["1"], ["1", "down", "down"], ["1", "down", "down"]):
            await press(pilot, *keys, "2")
            figures.append(next(row for row in rows_of(pilot) if "QPS" in row and "/s" in row))
        await press(pilot, "1", "right", "right", "2")
        assert "n2 / sys · " in text_of(pilot)
        assert len({row.split("QPS")[1].split("/s")[0] for row in figures}) == 3


async def test_a_new_subject_is_drawn_before_the_next_tick() -> None:
    async with Stage().console() as pilot:
        assert "cluster · 1 min" in text_of(pilot)
        await press(pilot, "down", "down")
        assert "n1 · 1 min" in text_of(pilot)


@both_sizes
async def test_enter_leads_from_topology_to_metrics_to_one_metric_and_escape_back(
    size: tuple[int, int],
) -> None:
    async with Stage().console(size) as pilot:
        app = console_of(pilot)
        await press(pilot, "enter")
        assert app.main.active is app.main.metrics
        await press(pilot, "down", "enter")
        assert isinstance(app.screen, MetricScreen)
        assert "SQL time · SQL" in text_of(pilot)
        await press(pilot, "escape")
        assert on_main(pilot)
        assert app.main.active is app.main.metrics


@both_sizes
async def test_panes_by_tab_and_by_number(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        app = console_of(pilot)
        for key, pane in [
            ("tab", app.main.metrics),
            ("tab", app.main.workloads),
            ("tab", app.main.anomalies),
            ("tab", app.main.diagnosis),
            ("tab", app.main.topology),
            ("shift+tab", app.main.diagnosis),
            ("shift+tab", app.main.anomalies),
            ("shift+tab", app.main.workloads),
            ("shift+tab", app.main.metrics),
            ("1", app.main.topology),
            ("3", app.main.workloads),
            ("4", app.main.anomalies),
            ("5", app.main.diagnosis),
            ("d", app.main.diagnosis),
            ("w", app.main.workloads),
            ("a", app.main.anomalies),
            ("1", app.main.topology),
            ("2", app.main.metrics),
        ]:
            await press(pilot, key)
            assert app.main.active is pane
            assert app.focused is pane
            both = "Topology" in text_of(pilot) and "select time" in text_of(pilot)
            assert both is (size == WIDE)
            assert ("Topology" in text_of(pilot)) is (size == WIDE or pane is app.main.topology)


async def test_a_click_takes_the_keys_along() -> None:
    async with Stage().console() as pilot:
        app, main = console_of(pilot), console_of(pilot).main
        await pilot.click("#metrics")
        await settled(pilot)
        assert [pane for pane in main.panes if pane.has_class("-active")] == [main.metrics]
        await press(pilot, "enter")
        assert isinstance(app.screen, MetricScreen)
        await press(pilot, "escape", "1", "slash", "n", "2")
        await pilot.click("#workloads")
        await settled(pilot)
        assert [main.active, app.focused] == [main.workloads] * 2
        assert main.topology.filter_text == "n2"
        await burst(pilot, "tab", "tab", "1")
        assert [main.active, app.focused] == [main.topology] * 2


async def test_a_filter_narrows_while_typed_and_enter_keeps_it() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await press(pilot, "slash", "n", "2")
        assert "● n1" not in text_of(pilot)
        assert "● n2" in text_of(pilot)
        await press(pilot, "enter")
        await stage.shown(pilot, 2)
        assert "Topology · /n2" in text_of(pilot)
        assert not pilot.app.screen.query(Input)
        assert pilot.app.focused is console_of(pilot).main.topology
        await press(pilot, "slash")
        assert pilot.app.screen.query_one(Input).value == "n2"
        await press(pilot, "backspace", "3")
        assert "● n3" in text_of(pilot)
        await press(pilot, "escape")
        assert all(name in text_of(pilot) for name in ("n1", "n2", "n3"))
        assert "/n" not in text_of(pilot)


async def test_letters_are_text_while_a_filter_is_typed() -> None:
    async with Stage().console() as pilot:
        app = console_of(pilot)
        await press(pilot, "2", "slash", *"kqpm")
        assert pilot.app.screen.query_one(Input).value == "kqpm"
        assert not app.scene.paused
        assert "no metric matches 'kqpm'" in text_of(pilot)
        await press(pilot, "enter", "down", "enter")
        assert app.screen is app.main
        await press(pilot, "escape")
        assert "QPS" in text_of(pilot)


async def test_a_filter_that_matches_no_server_leaves_the_cluster() -> None:
    async with Stage().console() as pilot:
        await press(pilot, "down", "slash", *"xyz", "enter", "down", "up", "right", "left", "left")
        assert "shop" in text_of(pilot)
        assert "zone1" not in text_of(pilot)
        await press(pilot, "escape")
        assert console_of(pilot).scene.subject == Subject()


@both_sizes
async def test_each_pane_has_a_filter_of_its_own(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        main = console_of(pilot).main
        await press(pilot, "slash", "n", "1", "enter", "2", "slash", *"lock", "enter")
        assert (main.topology.filter_text, main.metrics.filter_text) == ("n1", "lock")
        await press(pilot, "escape")
        assert (main.topology.filter_text, main.metrics.filter_text) == ("n1", "")


async def test_a_filter_typed_in_a_burst_is_all_the_same() -> None:
    async with Stage().console() as pilot:
        main = console_of(pilot).main
        await burst(pilot, "slash", "n", "2", "escape")
        assert main.topology.filter_text == ""
        assert pilot.app.focused is main.topology
        await burst(pilot, "slash", "n", "2", "enter")
        assert main.topology.filter_text == "n2"
        await burst(pilot, "slash", "3", "tab")
        assert (main.topology.filter_text, main.metrics.filter_text) == ("n23", "")


async def test_leaving_a_pane_while_typing_keeps_its_filter_and_closes_the_field() -> None:
    async with Stage().console() as pilot:
        main = console_of(pilot).main
        await press(pilot, "slash", "n", "1", "tab")
        assert main.active is main.metrics
        assert not main.query(Input)
        assert main.topology.filter_text == "n1"
        await press(pilot, "escape")
        assert main.topology.filter_text == "n1"


@both_sizes
async def test_a_pause_holds_the_picture_while_the_feed_goes_on(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        await press(pilot, "p")
        held = rows_of(pilot)
        assert "PAUSED" in held[0]
        assert "22:14:49" in held[0]
        await stage.shown(pilot, 5)
        assert rows_of(pilot) == held
        assert stage.latest.tick - console_of(pilot).scene.snapshot.tick == 5  # type: ignore[union-attr]
        await press(pilot, "down", "up")
        assert rows_of(pilot) == held
        await press(pilot, "space")
        assert "PAUSED" not in text_of(pilot)
        assert "22:14:54" in rows_of(pilot)[0]
        await stage.shown(pilot)
        assert "22:14:55" in rows_of(pilot)[0]


@both_sizes
async def test_time_spans(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        app = console_of(pilot)
        await press(pilot, "2")
        for key, span, name in [
            ("plus", 120, "2 min"),
            ("equals_sign", 300, "5 min"),
            ("plus", 900, "15 min"),
            ("plus", 3600, "1 h"),
            ("plus", 3600, "1 h"),
            ("minus", 900, "15 min"),
        ]:
            await press(pilot, key)
            assert app.scene.span == span
            assert f"cluster · {name}" in text_of(pilot)
        for _ in SPANS:
            await press(pilot, "minus")
        assert app.scene.span == SPANS[0]
        await stage.shown(pilot, 70)  # a span that was chosen does not grow by itself
        assert app.scene.span == SPANS[0]


async def test_a_span_that_nobody_chose_grows_with_what_there_is() -> None:
    stage = Stage()
    async with stage.console(past=2) as pilot:
        assert console_of(pilot).scene.span == 60
        await stage.shown(pilot, 61)
        assert console_of(pilot).scene.span == 120
        await stage.shown(pilot, 400)
        assert console_of(pilot).scene.span == 300


@both_sizes
async def test_more_metrics(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        await press(pilot, "2")
        assert f"{len(FIRST_LOOK)} of {len(CATALOGUE)} metrics" in text_of(pilot)
        await press(pilot, "m")
        assert f"{len(CATALOGUE)} of {len(CATALOGUE)} metrics" in text_of(pilot)
        await press(pilot, "end")
        assert CATALOGUE[-1].title in text_of(pilot)
        await press(pilot, "m")
        assert f"{len(FIRST_LOOK)} of {len(CATALOGUE)} metrics" in text_of(pilot)


async def test_the_host_group_names_the_machine_or_says_that_there_is_no_way() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await press(pilot, "2", "slash", *"swap", "enter")
        assert "Host · no way in: a profile's host says how" in text_of(pilot)
        stage.machines = {each.name: Host("db-7", "SSH") for each in stage.servers}
        await stage.shown(pilot, 1)
        assert "Host · mean of 3 servers on 1 machine" in text_of(pilot)


async def test_cards_are_walked_through_in_the_grid() -> None:
    async with Stage().console() as pilot:
        pane = console_of(pilot).main.metrics
        await press(pilot, "2")
        cards = pane._grid.cards
        assert cards[pane._chosen].column == 0
        await press(pilot, "right")
        assert cards[pane._chosen].column == 1
        await press(pilot, "down")
        assert cards[pane._chosen].column == 1
        await press(pilot, "left", "left")
        assert cards[pane._chosen].column == 0
        await press(pilot, "end", "down")
        assert pane._chosen == len(cards) - 1


@both_sizes
@pytest.mark.parametrize("closed", [False, True])
async def test_the_worst_server_is_one_key_away(size: tuple[int, int], closed: bool) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        if closed:
            await press(pilot, "down", "down", "down", "left", "left", "up")
        stage.change("n2", status=Status.SLOW)
        stage.change("n3", status=Status.REFUSED, detail="Access denied")
        await stage.shown(pilot)
        await press(pilot, "exclamation_mark")
        assert console_of(pilot).scene.subject == Subject("zone3", "n3")
        stage.change("n2", status=Status.UNREACHABLE, detail="no route")
        await stage.shown(pilot)
        await press(pilot, "exclamation_mark")
        assert console_of(pilot).scene.subject == Subject("zone2", "n2")
        assert "▸ ✖ n2" in text_of(pilot)


@both_sizes
async def test_help_opens_and_closes(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        for close in ("escape", "question_mark", "q", "enter"):
            await press(pilot, "question_mark")
            assert isinstance(pilot.app.screen, HelpScreen)
            assert "Narrow the pane" in text_of(pilot)
            await stage.shown(pilot)
            await press(pilot, close)
            assert on_main(pilot)
        assert pilot.app.is_running


@pytest.mark.parametrize("keys", ["q", "ctrl+c", "slash ctrl+c", "2 enter q", "2 enter ctrl+c"])
async def test_leaving(keys: str) -> None:
    async with Stage().console() as pilot:
        await press(pilot, *keys.split()[:-1])
        await pilot.press(keys.rsplit(maxsplit=1)[-1])
        await pilot.wait_for_scheduled_animations()
        assert pilot.app._exit
        assert pilot.app.return_code == 0


@both_sizes
async def test_the_palette_knows_the_actions_and_runs_them(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        names = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert names >= {action.name or action.bar for action in ACTIONS if action.name or action.bar}
        assert names >= {
            "metrics",
            "shorter time span",
            "topology: heat map of servers",
            "diagnosis: write a note",
        }
        await press(pilot, "ctrl+p")
        assert len(pilot.app.screen_stack) == 2
        await press(pilot, *"pause")
        await pilot.app.workers.wait_for_complete()
        await press(pilot, "enter", "enter")
        assert len(pilot.app.screen_stack) == 1
        assert console_of(pilot).scene.paused


async def test_every_command_of_a_pane_goes_there_and_does_it() -> None:
    async with Stage().console() as pilot:
        commands = [each for each in pilot.app.get_system_commands(pilot.app.screen) if ": " in each.title]
        assert len(commands) == 28
        for command in commands:
            command.callback()
            await settled(pilot)
            assert pilot.app._exception is None
            assert PANES[console_of(pilot).main.panes.index(console_of(pilot).main.active)] in command.title
            while not on_main(pilot):
                await press(pilot, "escape")
        await press(pilot, "question_mark", "ctrl+p")
        assert not any(
            ": " in each.title for each in pilot.app.get_system_commands(pilot.app.screen_stack[1])
        )
        await press(pilot, "escape", "escape", "ctrl+p", *"servers")
        await pilot.app.workers.wait_for_complete()
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, CellsScreen)


async def test_the_key_bar_names_what_the_table_does() -> None:
    async with Stage([server("n1")]).console() as pilot:
        await press(pilot, "2")
        bar = rows_of(pilot)[-1]
        assert [action.bar for action in ACTIONS if action.bar and action.bar not in bar] == []
        assert "⏎ open" in row_with(pilot, "palette")

"""The anomalies pane: what it shows, every key, the form, and what is asked before something ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from staged import NARROW, START, WIDE, Stage, console_of, on_main, press, row_with, rows_of, text_of
from staged_anomalies import NOW, StagedAnomalyDesk, injection
from textual.pilot import Pilot
from textual.widgets import Input

from distdiag_tui.anomalies.catalogue import CATALOGUE
from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.config.scenario import load_scenario
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.ui.anomaly_form import AnomalyForm
from distdiag_tui.ui.confirm import Question
from distdiag_tui.ui.fields import Choice
from distdiag_tui.ui.files import FileForm, SaveForm
from distdiag_tui.ui.help import HelpScreen
from distdiag_tui.ui.picks import Picks
from distdiag_tui.ui.reading import Reading

both_sizes = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
ON_N2 = ["home", "down", "down", "down", "down"]  # in the topology
NODE_DOWN = injection("node_down", "n3", phase="ended", why="its time was over", applied=NOW - 70,
                      reverted=NOW - 40, values={})  # fmt: skip
FAILED = injection("node_hang", "n1", phase="failed", message="n1 [does] not run\x1b[2J",
                   why="n1 does not run", applied=None, values={})  # fmt: skip


def to(anomaly: str, above: int = 0) -> list[str]:
    """Keys to its row of the catalogue, with so many other rows above that."""
    return ["home", *["down"] * (above + [each.id for each in CATALOGUE].index(anomaly))]


def status(pilot: Pilot[None]) -> str:
    """The line at the top."""
    return rows_of(pilot)[0]


# -- what is shown ------------------------------------------------------------------------------------


@both_sizes
async def test_the_catalogue_says_what_each_does_at_the_chosen_severity(size: tuple[int, int]) -> None:
    async with Stage().console(size) as pilot:
        await press(pilot, "a")
        assert "signals" in row_with(pilot, "  cpu_stress ")
        assert "proxy" in row_with(pilot, "  network_bottleneck ")
        for words in ("SIGSTOP for 70 ms", "SQL time↑", "Sessions may time"):
            assert words in " ".join(text_of(pilot).split()) or size == WIDE
        await press(pilot, "right_square_bracket", "right_square_bracket")
        assert "85 ms" in text_of(pilot)
        await press(pilot, *["left_square_bracket"] * 3, "down", "up")
        assert "50 ms" in text_of(pilot)
        await press(pilot, *to("major_compaction"))
        assert "A merge of all data" in text_of(pilot)
        assert ("↑ ─╯" in text_of(pilot)) is (size == NARROW)  # there is more above


@both_sizes
async def test_what_goes_on_stands_in_front_with_a_countdown(size: tuple[int, int]) -> None:
    stage = Stage()
    waiting = injection("node_hang", "n3", phase="waiting", begins=NOW + 20, applied=None, values={})
    stage.anomalies.put(injection(), waiting)
    async with stage.console(size) as pilot:
        await press(pilot, "a", "down")
        assert "00:50" in row_with(pilot, "↯ cpu_stress→n2 ")
        assert "in 00:20" in row_with(pilot, "◔ node_hang→n3 ")
        assert "begins in 00:20, for 1m00s" in " ".join(text_of(pilot).split()) or size == WIDE
        await press(pilot, "up")
        assert "active since 22:14:30" in text_of(pilot)
        stage.anomalies.now = NOW + 45
        await stage.shown(pilot)
        assert "00:05" in row_with(pilot, "↯ cpu_stress→n2 ")
        stage.anomalies.put(ended=[injection(phase="ended", reverted=NOW + 50.0, why="it was stopped")])
        await stage.shown(pilot)
        assert "↯ cpu_stress" not in text_of(pilot)


@both_sizes
async def test_what_cannot_be_undone_is_told_first(size: tuple[int, int]) -> None:
    stage = Stage()
    stage.anomalies.put(injection("cpu_stress", "n1"), injection("node_down", phase="stuck", values={},
                        message="n2 does [not] start"))  # fmt: skip
    async with stage.console(size) as pilot:
        await press(pilot, "a")
        assert rows_of(pilot).index(row_with(pilot, "↯ node_down→n2 STUCK")) < rows_of(pilot).index(
            row_with(pilot, "↯ cpu_stress→n1")
        )
        assert "n2 does [not] start" in status(pilot) or size == NARROW
        assert "STUCK" in status(pilot)


@both_sizes
async def test_the_past_is_one_key_away(size: tuple[int, int]) -> None:
    stage = Stage()
    stage.anomalies.put(ended=[FAILED, NODE_DOWN])
    async with stage.console(size) as pilot:
        await press(pilot, "a", "H")
        assert "30s" in row_with(pilot, "□ node_down→n3 ")
        assert "22:13:30" in row_with(pilot, "□ node_down→n3 ")
        assert "✗ node_hang→n1" in text_of(pilot)
        assert "n1 [does] not run" in text_of(pilot)
        assert "\x1b" not in text_of(pilot)
        await press(pilot, "down")
        assert "its time was over" in text_of(pilot)
        assert "ended, 22:13:30 to 22:14:00, 30s" in " ".join(text_of(pilot).split()) or size == WIDE
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, AnomalyForm)
        await press(pilot, "escape", "H")
        assert "connection_storm" in text_of(pilot)


async def test_the_two_lower_panes_share_their_place() -> None:
    async with Stage().console() as pilot:
        for key, shown, hidden in (
            ("a", "cpu_hog_sql", "sysbench"),
            ("2", "cpu_hog_sql", "sysbench"),
            ("w", "sysbench", "cpu_hog_sql"),
            ("1", "sysbench", "cpu_hog_sql"),
        ):
            await press(pilot, key)
            assert shown in text_of(pilot)
            assert hidden not in text_of(pilot)
            assert "Topology" in text_of(pilot)


async def test_marks_stand_where_an_anomaly_began_and_ended() -> None:
    stage = Stage()
    stage.anomalies.put(ended=[injection(phase="ended", applied=START + 50.0, reverted=START + 70.0)])
    async with stage.console(past=90) as pilot:
        heading = row_with(pilot, "SQL ──")
        assert 0 < heading.index("↯") < heading.index("□")
        await press(pilot, "2", "enter")
        row = row_with(pilot, "↯ cpu_stress→n2")
        assert row.index("↯ cpu_stress→n2") < row.index("□ cpu_stress→n2")


# -- seen everywhere ----------------------------------------------------------------------------------


@both_sizes
async def test_what_is_injected_is_seen_on_every_screen(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        for keys in ("", "2 enter", "w enter", "a enter", "a s", "question_mark", "q", "slash x", "p"):
            stage.anomalies.put(injection(), ours=True)
            stage.anomalies.now = NOW
            stage.anomalies.look()
            await press(pilot, *keys.split())
            await stage.shown(pilot)
            assert "↯ cpu_stress→n2 00:50" in status(pilot), keys
            stage.anomalies.put(injection(), injection("node_hang", "n1", seconds=40.0))
            stage.anomalies.now = NOW + 30
            await stage.shown(pilot)
            assert "2 injected, node_hang→n1 00:00" in status(pilot), keys
            stage.anomalies.put()
            await stage.shown(pilot)
            assert "↯" not in status(pilot), keys
            while len(pilot.app.screen_stack) > 1:
                pilot.app.pop_screen()
            await press(pilot, "escape")


async def test_the_server_carries_the_sign() -> None:
    stage = Stage()
    stage.anomalies.put(injection(), injection("node_hang", "n3", phase="waiting", applied=None))
    async with stage.console() as pilot:
        assert row_with(pilot, "● ↯ n2")
        assert "↯ n3" not in text_of(pilot)


# -- the form -----------------------------------------------------------------------------------------


@both_sizes
async def test_the_form_injects_into_the_selected_server(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        await press(pilot, *ON_N2, "a", "right_square_bracket", "enter")
        assert isinstance(pilot.app.screen, AnomalyForm)
        assert "[x] n2" in text_of(pilot)
        assert "Risk: Sessions may time out." in text_of(pilot)
        assert "SIGSTOP for 85 ms" in text_of(pilot)
        await press(pilot, "right", "space", "down", "left", "down", *"5s", "down", *"1m", "down", "right")
        assert "stress-ng with " in text_of(pilot)
        await press(pilot, "left", "enter")
        expected = [Dose("cpu_stress", name, "medium", 5.0, 60.0, "signals") for name in ("n2", "n3")]
        assert stage.anomalies.asked == [("inject", expected)]
        assert on_main(pilot)
        await press(pilot, "enter")
        assert pilot.app.screen.query_one("#duration", Input).value == "5s"  # the form remembers


async def test_the_form_says_what_is_wrong_and_shows_what_it_would_do() -> None:
    stage = Stage()
    async with stage.console(NARROW) as pilot:
        await press(pilot, "a", "enter", "enter")
        assert "on which server?" in text_of(pilot)
        await press(pilot, "space", "down", "down", *"601", "enter")
        assert "an injection lasts 1 to 600 s" in text_of(pilot)
        await press(pilot, *["backspace"] * 3, *"soon", "enter")
        assert "a time is such as 45s" in text_of(pilot)
        await press(pilot, *["backspace"] * 4, *"5", *["up"] * 3, "enter")
        assert isinstance(pilot.app.screen, Reading)
        assert "cpu_stress→n1: kill -STOP [1]" in text_of(pilot)
        assert "line 59 [/]" not in text_of(pilot)
        await press(pilot, "end")
        await pilot.wait_for_scheduled_animations()
        assert "line 59 [/]" in text_of(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, AnomalyForm)
        stage.anomalies.wrong = AnomalyError("cpu_stress→n1 is already active: cpu_[stress]")
        await press(pilot, "enter")
        assert "already active: cpu_[stress]" in text_of(pilot)


@pytest.mark.parametrize(
    ("desk", "key", "words"),
    [
        (StagedAnomalyDesk(production=True), "enter", "shop is a production cluster: nothing is injected"),
        (StagedAnomalyDesk(production=True), "e", "shop is a production cluster: nothing is injected"),
        (StagedAnomalyDesk(lab=False), "enter", "only once its profile says allow_anomalies = true"),
        (StagedAnomalyDesk(lab=False, allowed=True), "enter", "is not for shop: it needs"),
    ],
    ids=["production", "production-plan", "not-allowed", "needs-lab"],
)
async def test_where_nothing_can_be_injected_there_is_no_form(
    desk: StagedAnomalyDesk, key: str, words: str
) -> None:
    stage = Stage()
    stage.anomalies = desk
    async with stage.console() as pilot:
        await press(pilot, "a", key)
        assert on_main(pilot)
        assert words in rows_of(pilot)[46]
        said = " ".join(row[2:40].strip() for row in rows_of(pilot))
        assert words in said  # in the pane as well
        await press(pilot, "escape", "g", "v", "s")
        assert on_main(pilot)
        assert desk.asked == []


async def test_among_more_servers_than_rows_the_cursor_stays_in_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers = {f"observer-{number:03}": f"10.0.0.{number}:2881" for number in range(100)}
    monkeypatch.setattr(StagedAnomalyDesk, "servers", servers)
    stage = Stage()
    async with stage.console(NARROW) as pilot:
        await press(pilot, "a", "enter")
        for words in ("[ ] observer-000", "↓ 0 of 100 taken", "severity", "duration"):
            assert words in text_of(pilot)
        await press(pilot, "left", "space")
        for words in ("[x] observer-099", "↑  1 of 100 taken", "severity"):
            assert words in text_of(pilot)
        await press(pilot, *["left"] * 40)
        assert "[ ] observer-059" in text_of(pilot)
        assert "↑↓ 1 of 100 taken" in text_of(pilot)
        await press(pilot, *["right"] * 41, "space")
        assert pilot.app.screen.query_one(Picks).taken == ["observer-000", "observer-099"]


# -- the scenario -------------------------------------------------------------------------------------


async def test_a_scenario_is_composed_shown_saved_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stage = Stage()
    stress, hang = Dose("cpu_stress", "n2", "medium", 60.0, 0.0, "signals"), Dose("node_hang", "n2", "high")
    async with stage.console(NARROW) as pilot:
        await press(pilot, *ON_N2, "a", "g")
        assert "nothing is planned yet" in status(pilot)
        await press(pilot, "e", "enter")
        await press(pilot, *to("node_hang", above=1), "right_square_bracket", "e", "enter")
        assert stage.anomalies.board.planned == (stress, hang)
        assert "60s" in row_with(pilot, "+ node_hang→n2 ")
        await press(pilot, "e", "enter")
        assert "in the scenario already" in text_of(pilot)
        await press(pilot, "escape", "v")
        assert isinstance(pilot.app.screen, Reading)
        await press(pilot, "escape", "s")
        assert isinstance(pilot.app.screen, SaveForm)
        await press(pilot, *"both", "enter")
        assert load_scenario(tmp_path / "both.toml") == ("both", [stress, hang])
        await press(pilot, "s", "enter")
        assert "both.toml is there already" in text_of(pilot)
        await press(pilot, "enter", "g")
        assert "Inject on shop: cpu_stress→n2 medium for 1m00s; node_hang→n2 high" in " ".join(
            text_of(pilot).replace("│", " ").split()
        )
        await press(pilot, "y")
        assert stage.anomalies.asked == [("plan", [stress, hang]), ("run both", [stress, hang])]
        for dose in (stress, hang):
            stage.anomalies.remove(dose)
        await press(pilot, "o")
        assert isinstance(pilot.app.screen, FileForm)
        await press(pilot, *"nope", "enter")
        assert "cannot read nope.toml" in text_of(pilot)
        await press(pilot, *["backspace"] * 4, *"both", "enter")
        assert on_main(pilot)
        assert stage.anomalies.board.planned == (stress, hang)


async def test_a_name_that_no_file_can_have_stays_in_the_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stage = Stage()
    stage.anomalies.add([Dose("node_hang", "n2")])
    async with stage.console(NARROW) as pilot:
        for key, long in (("s", "File name too long"), ("o", "cannot read")):
            for name, words in (("~nobody here/x", "home directory"), ("x" * 300, long)):
                await press(pilot, "a", key)
                pilot.app.screen.query_one("#file", Input).value = name
                await press(pilot, "enter")
                assert isinstance(pilot.app.screen, FileForm)
                assert words in text_of(pilot)
                await press(pilot, "escape")


async def test_a_planned_dose_is_changed_by_enter_and_removed_by_x() -> None:
    stage = Stage()
    stage.anomalies.add([Dose("node_hang", "n2")])
    async with stage.console() as pilot:
        await press(pilot, "a", "enter", "down", "right", "enter")
        assert stage.anomalies.board.planned == (Dose("node_hang", "n2", "high"),)
        await press(pilot, "x")
        assert not stage.anomalies.board.planned
        assert "+ node_hang" not in text_of(pilot)


@pytest.mark.parametrize("size", [NARROW, (80, 10)], ids=["80x24", "80x10"])
async def test_a_long_scenario_is_scrolled_through_above_the_answers(size: tuple[int, int]) -> None:
    stage = Stage()
    stage.anomalies.add([Dose("cpu_stress", "n2", start=10.0 * number) for number in range(30)])
    async with stage.console(size) as pilot:
        await press(pilot, "a", "g")
        assert "y  inject" in text_of(pilot)
        assert "after 4m50s" not in text_of(pilot)
        await press(pilot, *["pagedown"] * 5)
        assert "after 4m50s" in text_of(pilot)
        assert "y  inject" in text_of(pilot)
        await press(pilot, "up", "down", *["pageup"] * 5)
        assert "Inject on shop" in text_of(pilot)
        await press(pilot, "y")
        assert [what for what, _ in stage.anomalies.asked] == ["run scenario"]


# -- the end ------------------------------------------------------------------------------------------


@both_sizes
@pytest.mark.parametrize(
    ("keys", "words", "names"),
    [
        (["x"], "Stop cpu_stress→n2, active, and undo it?", ["cpu_stress-3f9c"]),
        (["X"], "Stop all 2 on shop", ["cpu_stress-3f9c", "node_hang-3f9c"]),
    ],
)
async def test_stopping_asks_once_and_names_what(
    size: tuple[int, int], keys: list[str], words: str, names: list[str]
) -> None:
    stage = Stage()
    stage.anomalies.put(injection(), injection("node_hang", "n1"))
    async with stage.console(size) as pilot:
        await press(pilot, "a", *keys)
        assert isinstance(pilot.app.screen, Question)
        assert words in text_of(pilot)
        await press(pilot, "n", "escape")
        assert stage.anomalies.asked == []
        await press(pilot, *keys, "y")
        assert stage.anomalies.asked == [("stop", names)]
        stage.anomalies.wrong = AnomalyError("node_hang→n1 is not undone: stuck")
        await press(pilot, *keys, "y")
        assert "is not undone: stuck" in text_of(pilot)


async def test_nothing_to_stop_is_told() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await press(pilot, "a", "X")
        assert "nothing is injected" in status(pilot)
        await press(pilot, "x")
        assert "cpu_stress of this row does not go on" in status(pilot)
        assert on_main(pilot)


@pytest.mark.parametrize(("key", "left"), [("s", []), ("l", [("let go", "")])])
async def test_leaving_asks_what_becomes_of_what_is_injected(key: str, left: list[object]) -> None:
    stage = Stage()
    stage.anomalies.put(injection(), ours=True)
    async with stage.console() as pilot:
        await press(pilot, "q")
        assert "cpu_stress→n2 (00:50 left)" in text_of(pilot)
        await press(pilot, "escape", "q", "x")
        assert pilot.app.is_running
        await press(pilot, key)
        assert pilot.app._exit
        assert stage.anomalies.asked == left


@both_sizes
async def test_every_key_of_the_pane_is_in_the_bar_or_the_help(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        pane = console_of(pilot).main.anomalies
        named = {"left_square_bracket": "[ ]", "right_square_bracket": "[ ]"}
        keys = {"X", "H", "x", "e", "g", "s", "o", "v", *named}
        assert keys | {"delete"} == set(pane._bindings.key_to_bindings)
        await press(pilot, "a")
        shown = {key for key in keys if f" {named.get(key, key)} " in rows_of(pilot)[-1]}
        assert keys - shown == ({"H", "v"} if size == NARROW else set())
        for key in (*sorted(keys), "delete", "slash", "m", "p", "home", "pagedown", "left"):
            await press(pilot, key)
            assert pilot.app._exception is None
            while len(pilot.app.screen_stack) > 1:
                pilot.app.pop_screen()
        await press(pilot, "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert "v dry run" in " ".join(text_of(pilot).replace("│", " ").split())


async def test_a_choice_of_injector_comes_only_where_there_is_one() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await press(pilot, "a", *to("node_hang"), "enter")
        assert [choice.id for choice in pilot.app.screen.query(Choice)] == ["severity"]

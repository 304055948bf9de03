"""The workloads pane: what it shows, its keys, the form, and what is asked before something ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staged import (
    NARROW,
    START,
    WIDE,
    Stage,
    burst,
    console_of,
    press,
    row_with,
    rows_of,
    settled,
    text_of,
)
from textual.pilot import Pilot

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.marks import Mark
from distdiag_tui.service.workloads import Wish
from distdiag_tui.ui.confirm import Question
from distdiag_tui.ui.form import Form
from distdiag_tui.ui.leaving import LeaveQuestion
from distdiag_tui.workloads.database import Prepared
from distdiag_tui.workloads.journal import RunRecord
from distdiag_tui.workloads.kinds import KINDS
from distdiag_tui.workloads.report import IntervalReport

both_sizes = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
READY = Prepared({"tables": 4, "rows": 10_000}, ready=True)
REPORT = IntervalReport(START + 80, 80.0, 8, 312.4, 5300.0, 0.02, 0.018, 0.0141, 0.044, {1213: 2}, 1)
RUN = RunRecord(
    "oltp-3f9c", "oltp", "shop", ("n1:2881", "n2:2881", "n3:2881"), ("run",),
    {"threads": 8, "rate": 0.0}, START + 0.0,
    phase="running", running_since=START + 10.0, report=REPORT,
)  # fmt: skip


def running(stage: Stage, **changes: object) -> None:
    """The built-in load runs, started by this console."""
    run = replace(RUN, **changes)  # type: ignore[arg-type]
    stage.desk.show("oltp", run=run, prepared=READY, past=(300.0, 310.0, 312.4))
    stage.desk.running = [run]


async def opened(pilot: Pilot[None], *keys: str) -> Form:
    """The form, after these keys."""
    await press(pilot, "w", *keys)
    assert isinstance(pilot.app.screen, Form)
    return pilot.app.screen


@both_sizes
async def test_what_runs_is_shown_with_its_figures(size: tuple[int, int]) -> None:
    stage = Stage()
    running(stage)
    async with stage.console(size) as pilot:
        await press(pilot, "w")
        row = row_with(pilot, "▶ oltp")
        assert "8×" in row
        assert "312 tps" in row
        assert "14.1 ms" in row
        text = text_of(pilot)
        assert "running 1m19s  (oltp-3f9c)" in text
        assert "1213×2, 1 reconnects" in text
        assert "tables 4, rows 10,000" in text
        assert "oltp 8× 312 tps p95 14.1 ms" in rows_of(pilot)[0]


@both_sizes
async def test_states_that_are_not_running(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size) as pilot:
        await press(pilot, "w")
        assert "not prepared" in row_with(pilot, "oltp ")
        stage.desk.show("oltp", prepared=Prepared({"tables": 4}, ready=False))
        await stage.shown(pilot)
        assert "half prepared: tables 4" in row_with(pilot, "oltp ")
        step = replace(RUN, phase="preparing", fraction=0.4, words="stock, 2 of 4")
        stage.desk.show("oltp", run=step)
        await stage.shown(pilot)
        assert "████░░░░░░  40% preparing" in row_with(pilot, "◔ oltp")
        assert "stock, 2 of 4" in text_of(pilot)
        stage.desk.show("oltp", run=replace(RUN, phase="failed", message="n1: \x1b[31mno disk[/]", ended=1.0))
        await stage.shown(pilot)
        assert "failed: n1: " in row_with(pilot, "✗ oltp")
        assert "no disk[/]" in text_of(pilot)
        assert "\x1b" not in text_of(pilot)


async def test_what_is_not_installed_says_how_to_install_it() -> None:
    stage = Stage()
    stage.desk.show("oltp", missing="apt-get install it")
    async with stage.console() as pilot:
        await press(pilot, "w")
        assert "not installed" in row_with(pilot, "  oltp ")
        assert "apt-get install it" in text_of(pilot)


@both_sizes
async def test_the_form_starts_with_what_was_typed(size: tuple[int, int]) -> None:
    stage = Stage()
    stage.desk.show("oltp", prepared=READY)
    async with stage.console(size) as pilot:
        await opened(pilot, "enter")
        await press(pilot, "1", "6", "down", "5", "0", "enter")
        assert console_of(pilot).screen is console_of(pilot).main
        [(what, wish)] = stage.desk.asked
        assert what == "start"
        assert isinstance(wish, Wish)
        assert (wish.kind, wish.steps) == ("oltp", ("run",))
        assert (wish.given["threads"], wish.given["rate"], wish.given["rows"]) == ("16", "50", "10000")
        await press(pilot, "enter")
        assert "16" in row_with(pilot, "threads")  # the form remembers


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        (["enter"], ("run",)),
        (["down"] * 4 + ["2", "0", "0", "enter"], ("prepare", "run")),  # other sizes make the data anew
        (["up", "up", "enter"], ("run",)),  # the button to start
        (["up", "enter"], ("prepare",)),
    ],
)
async def test_what_the_form_asks_for(keys: list[str], steps: tuple[str, ...]) -> None:
    stage = Stage()
    stage.desk.show("oltp", prepared=READY)
    async with stage.console() as pilot:
        await opened(pilot, "enter")
        await press(pilot, *keys)
        [(_, wish)] = stage.desk.asked
        assert isinstance(wish, Wish)
        assert wish.steps == steps


async def test_without_data_a_start_prepares_first() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await opened(pilot, "enter")
        await press(pilot, "enter")
        [(_, wish)] = stage.desk.asked
        assert isinstance(wish, Wish)
        assert wish.steps == ("prepare", "run")


async def test_a_choice_is_made_by_keys_and_passed_by_arrows() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await opened(pilot, "enter", *["down"] * 5)
        await press(pilot, "right", "down", "space", "down", "enter")
        assert stage.desk.asked == []  # Enter took the word that Space had opened
        await press(pilot, "enter")
        [(_, wish)] = stage.desk.asked
        assert isinstance(wish, Wish)
        assert (wish.given["mix"], wish.given["mode"]) == ("read_only", "coupled")


@pytest.mark.parametrize("kind", [kind.id for kind in KINDS])
async def test_arrows_go_through_a_form_that_is_taller_than_the_terminal(kind: str) -> None:
    async with Stage().console((80, 20)) as pilot:
        await press(pilot, "w", *["down"] * [each.id for each in KINDS].index(kind), "enter")
        assert isinstance(pilot.app.screen, Form)
        chain = pilot.app.screen.focus_chain
        for field in (*chain[1:], chain[0]):
            await press(pilot, "down")
            assert pilot.app.focused is field
            assert pilot.app.screen.can_view_entire(field)


async def test_what_is_wrong_stays_in_the_form() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        form = await opened(pilot, "enter")
        stage.desk.wrong = WorkloadError("oltp is [already] running on shop")
        await press(pilot, "enter")
        assert pilot.app.screen is form
        assert "oltp is [already] running on shop" in text_of(pilot)
        stage.desk.wrong = None
        await press(pilot, "enter")
        assert len(stage.desk.asked) == 1
        assert console_of(pilot).screen is console_of(pilot).main


async def test_enter_twice_in_a_burst_starts_once() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await opened(pilot, "enter")
        await burst(pilot, "enter", "enter")
        assert len(stage.desk.asked) == 1
        assert pilot.app._exception is None
        await press(pilot, "escape")
        assert console_of(pilot).screen is console_of(pilot).main


@pytest.mark.parametrize("field", [[], ["down"] * 5], ids=["typed", "chosen"])
async def test_the_console_goes_on_while_the_cluster_is_asked(field: list[str]) -> None:
    stage = Stage()
    stage.desk.running = [RUN]
    async with stage.console() as pilot:
        form = await opened(pilot, "enter", *field)
        stage.desk.answers.clear()
        await press(pilot, "enter")
        await stage.shown(pilot, 3)
        assert "22:14:52" in rows_of(pilot)[0]
        await press(pilot, "enter", "ctrl+q", "ctrl+q")
        assert isinstance(pilot.app.screen, Question)
        stage.desk.answers.set()
        await settled(pilot)
        assert isinstance(pilot.app.screen, Question)  # which was not answered
        assert form in pilot.app.screen_stack
        form.action_go()  # an Enter that comes late
        await settled(pilot)
        await press(pilot, "escape")
        assert console_of(pilot).screen is console_of(pilot).main
        assert len(stage.desk.asked) == 1


async def test_a_form_that_is_left_while_the_cluster_is_asked_tells_below_what_went_wrong() -> None:
    stage = Stage()
    async with stage.console() as pilot:
        await opened(pilot, "enter")
        stage.desk.answers.clear()
        stage.desk.wrong = WorkloadError("no answer")
        await press(pilot, "enter", "escape")
        assert console_of(pilot).screen is console_of(pilot).main
        stage.desk.answers.set()
        await settled(pilot)
        assert "no answer" in rows_of(pilot)[46]


@both_sizes
async def test_production_wants_the_cluster_typed(size: tuple[int, int]) -> None:
    stage = Stage(production=True)
    stage.desk.show("oltp", prepared=READY)
    async with stage.console(size) as pilot:
        await opened(pilot, "enter")
        assert "type shop to do this" in text_of(pilot) or size == NARROW
        assert "PRODUCTION" in text_of(pilot)
        await press(pilot, "up", "up", "up", *"shop", "enter")
        assert [what for what, _ in stage.desk.asked] == ["start insisting"]
        await press(pilot, "enter", "enter")
        assert [what for what, _ in stage.desk.asked] == ["start insisting", "start"]


async def test_a_change_that_a_run_refuses_is_told() -> None:
    stage = Stage()
    running(stage)
    async with stage.console() as pilot:
        stage.desk.refused = ["sysbench-1: sysbench takes whole transactions a second [/]"]
        await stage.shown(pilot)
        assert "sysbench-1: sysbench takes whole transactions a second [/]" in text_of(pilot)


@both_sizes
async def test_threads_and_rate_change_while_it_runs(size: tuple[int, int]) -> None:
    stage = Stage()
    running(stage)
    async with stage.console(size) as pilot:
        await press(pilot, "w", "right_square_bracket", "left_square_bracket")
        await opened(pilot, "enter")
        assert "statement timeout" not in text_of(pilot)
        await press(pilot, "1", "2", "enter")
        assert [of for _, of in stage.desk.asked] == [
            ("oltp-3f9c", {"threads": "9"}),
            ("oltp-3f9c", {"threads": "7"}),
            ("oltp-3f9c", {"threads": "12", "rate": "0"}),
        ]


async def test_a_run_of_another_console_can_only_be_stopped() -> None:
    stage = Stage()
    running(stage)
    stage.desk.running = []
    async with stage.console() as pilot:
        await press(pilot, "w", "enter", "right_square_bracket")
        assert console_of(pilot).screen is console_of(pilot).main
        assert stage.desk.asked == []
        await press(pilot, "x", "y")
        assert stage.desk.asked == [("stop", "oltp-3f9c")]


@both_sizes
async def test_stopping_asks_once_and_names_the_run(size: tuple[int, int]) -> None:
    stage = Stage()
    running(stage)
    async with stage.console(size) as pilot:
        await press(pilot, "w", "x")
        assert isinstance(pilot.app.screen, Question)
        assert "Stop oltp-3f9c, running on shop?" in text_of(pilot)
        await press(pilot, "n", "escape")
        assert stage.desk.asked == []
        await press(pilot, "x", "y")
        assert stage.desk.asked == [("stop", "oltp-3f9c")]


async def test_cleaning_up_asks_and_verifying_does_not() -> None:
    stage = Stage()
    stage.desk.show("oltp", prepared=READY)
    async with stage.console() as pilot:
        await press(pilot, "w", "v", "c")
        assert "Drop database distdiag_load" in text_of(pilot)
        await press(pilot, "y")
        assert [(wish.steps) for _, wish in stage.desk.asked if isinstance(wish, Wish)] == [
            ("verify",),
            ("cleanup",),
        ]


async def test_a_question_is_asked_and_taken_back_once_however_fast_the_keys_come() -> None:
    stage = Stage()
    running(stage)
    async with stage.console() as pilot:
        await press(pilot, "w", "x")
        await burst(pilot, "escape", "escape")
        assert console_of(pilot).screen is console_of(pilot).main
        await burst(pilot, "q", "q", "ctrl+c")
        assert [type(screen) for screen in pilot.app.screen_stack[1:]] == [LeaveQuestion]
        await press(pilot, "ctrl+q", "escape")
        assert console_of(pilot).screen is console_of(pilot).main


@pytest.mark.parametrize(("key", "left"), [("s", []), ("l", [("let go", "")])])
async def test_leaving_asks_what_becomes_of_what_runs(key: str, left: list[object]) -> None:
    stage = Stage()
    running(stage)
    async with stage.console() as pilot:
        await press(pilot, "q")
        assert "oltp-3f9c" in text_of(pilot)
        await press(pilot, "escape", "q", "x")
        assert pilot.app.is_running
        await press(pilot, key)
        assert pilot.app._exit
        assert stage.desk.asked == left


async def test_a_run_that_cannot_be_left_keeps_the_console() -> None:
    stage = Stage()
    running(stage)
    async with stage.console() as pilot:
        stage.desk.wrong = WorkloadError("no answer")
        await press(pilot, "q", "l")
        assert not pilot.app._exit
        assert "no answer" in rows_of(pilot)[46]
        await press(pilot, "escape")
        assert "no answer" not in text_of(pilot)


async def test_marks_stand_above_the_sparklines_and_in_the_plot() -> None:
    stage = Stage()
    async with stage.console(past=60) as pilot:
        stage.desk.marks = (Mark(START + 20.0, "▶", "oltp"), Mark(START + 50.0, "■", "oltp"))
        await stage.shown(pilot)
        heading = row_with(pilot, "SQL ──")
        assert heading.index("▶") < heading.index("■")
        bars = row_with(pilot, "QPS ")
        assert heading.rstrip("│ ").rfind("─") < len(bars)
        await press(pilot, "2", "enter")
        row = row_with(pilot, "▶ oltp")
        assert row.index("▶ oltp") < row.index("■ oltp")
        dotted = [line.index("┊") for line in rows_of(pilot) if "┊" in line]
        assert set(dotted) <= {row.index("▶"), row.index("■")}
        assert len(dotted) > 10

"""The diagnosis pane, the story of an incident and the heat map: what they show, and every key."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from staged import NARROW, WIDE, Stage, burst, console_of, on_main, press, row_with, rows_of, server, text_of
from staged_incidents import BEGAN, BLOCKER, CALM, NO_FIGURES, NOW, SICK, finding, incident
from test_ui_repaint import Watcher
from textual.events import AppBlur
from textual.pilot import Pilot
from textual.widgets import Input

from distdiag_tui.incidents.fact import Probe
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.topology import Status, Subject
from distdiag_tui.ui.confirm import Question
from distdiag_tui.ui.diagnosing import NOTHING, RECORDED
from distdiag_tui.ui.heat import HeatScreen
from distdiag_tui.ui.help import HelpScreen
from distdiag_tui.ui.note import NoteForm, Statements
from distdiag_tui.ui.story import StoryScreen

both_sizes = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
LOCKED = incident(facts=(BLOCKER,))
BUSY = incident("cpu_hog_sql", "n1", confidence=0.62, calibrated=False, since=BEGAN + 30)
STRANGE = incident(
    "unknown", "n3", said="no [b]cause[/b]", evidence=(NO_FIGURES,), found=False, updated=NOW - 8
)
KNOWN = incident("slow_sql", "n1", acknowledged=True)
OVER = incident("node_down", "n3", state="resolved", ended=NOW - 20, since=NOW - 60, evidence=())


def sick(*views: object, **known: object) -> Stage:
    """A cluster with these incidents."""
    stage = Stage()
    stage.engine.diagnosis = SICK
    stage.incidents.put(*views, **known)  # type: ignore[arg-type]
    return stage


def told(pilot: Pilot[None]) -> str:
    """The screen without frames and breaks."""
    return " ".join(text_of(pilot).replace("│", " ").split())


# -- at first glance ----------------------------------------------------------------------------------------


@both_sizes
async def test_an_incident_is_seen_without_a_key(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.console(size, past=60) as pilot:
        assert "▲" not in text_of(pilot)
        assert size == NARROW or "nothing is wrong" in text_of(pilot)
        stage.engine.diagnosis = SICK
        stage.incidents.put(LOCKED, BUSY)
        await stage.shown(pilot)
        assert "▲ n2 Lock contention since 22:14:08 +1" in rows_of(pilot)[0]
        assert "▸ ▲ n2" in text_of(pilot)
        assert "▲ 2 of 3 ─╯" in text_of(pilot)
        assert size == NARROW or "lock wait 0 → 2.90 s/s" in text_of(pilot)
        await press(pilot, "exclamation_mark")
        assert console_of(pilot).scene.subject == Subject("zone2", "n2")
        await press(pilot, "left", "left")
        assert "▸ ▲ zone2" in text_of(pilot)  # what is closed does not hide it
        stage.change("n2", status=Status.UNREACHABLE, age=3.0)
        await press(pilot, "p")
        stage.incidents.put(KNOWN)
        await stage.shown(pilot)  # the picture is held, but not this
        assert "▲ n1 Slow SQL since 22:14:08" in rows_of(pilot)[0]
        await press(pilot, "p", "right")
        assert "✖ n2" in text_of(pilot)


@both_sizes
async def test_a_calm_pane_tells_how_near_to_an_alarm_each_server_is(size: tuple[int, int]) -> None:
    stage = Stage()
    stage.engine.diagnosis = replace(CALM, scores={"n1": 0.2, "n2": math.nan, "n3": 0.42})
    async with stage.console(size, past=3) as pilot:
        await press(pilot, "d")
        assert "nothing is wrong" in told(pilot)
        assert "about 0.1 false alarms an hour" in told(pilot)
        rows = rows_of(pilot)
        first, last = row_with(pilot, " 42 %"), row_with(pilot, " 20 %")
        assert rows.index(first) < rows.index(last)
        for key in ("enter", "a", "n", "e"):
            await press(pilot, key)
            assert on_main(pilot)
            assert NOTHING[:15] in rows_of(pilot)[0]
        await press(pilot, "H")
        assert "nothing is over yet" in text_of(pilot)
        stage.engine.diagnosis = None
        await press(pilot, "H", "v")
        await stage.shown(pilot)
        assert "diagnosis has not begun" in text_of(pilot)


# -- the pane -----------------------------------------------------------------------------------------------


@both_sizes
async def test_the_worst_comes_first_with_its_evidence_and_all_fit(size: tuple[int, int]) -> None:
    stage = sick(LOCKED, BUSY, STRANGE, KNOWN, resolved=(OVER,))
    async with stage.console(size, past=3) as pilot:
        await press(pilot, "5")
        starts = "".join(row[:4] for row in rows_of(pilot)[2:] if "%" in row[:79])
        assert [glyph for glyph in starts if glyph in "▲△✓"] == ["▲", "▲", "△", "✓"]
        for words in ("97 %", "~62 %", "since 22:14:08", "lock wait 0 → 2.90 s/s (peers 0)",
                      "keeps 2 sessions", "4 open · 1 seen · 1 past"):  # fmt: skip
            assert words in told(pilot), words
        await press(pilot, "down", "down")
        assert "no [b]cause[/b]" in told(pilot)
        stage.incidents.put(KNOWN, STRANGE, LOCKED, resolved=(OVER,))
        await stage.shown(pilot)
        await press(pilot, "enter")
        assert "Unknown" in rows_of(pilot)[2]  # the selection stayed with the incident
        assert (
            "▲ n2 Lock contention since 22:14:08 +2" in rows_of(pilot)[0]
        )  # which goes on, and nobody knows
        await press(pilot, "escape", "enter")
        assert "Unknown" in rows_of(pilot)[2]
        await press(pilot, "escape", "1", "5", "enter")
        assert "Lock contention" in rows_of(pilot)[2]  # who comes back begins with the worst
        await press(pilot, "escape", "H")
        assert "□ n3" in text_of(pilot)
        assert "resolved 22:14:29" in text_of(pilot)


async def test_a_look_at_another_window_leaves_the_selection_where_it_is() -> None:
    stage = sick(LOCKED, BUSY)
    async with stage.console(past=3) as pilot:
        await press(pilot, "d", "down")
        pilot.app.post_message(AppBlur())
        await stage.shown(pilot)
        await press(pilot, "a")
        assert stage.incidents.asked == [("acknowledge", "n1-cpu_hog_sql")]


async def test_more_incidents_than_rows_are_scrolled_through() -> None:
    many = [incident("slow_sql", f"server-{number:03}", evidence=()) for number in range(80)]
    async with sick(*many).console(NARROW, past=3) as pilot:
        await press(pilot, "d")
        assert "server-000" in text_of(pilot)
        await press(pilot, "end")
        assert "server-079" in text_of(pilot)
        assert "80 open ↑ ─╯" in text_of(pilot)
        assert not any("server-000" in row for row in rows_of(pilot)[1:])
        await press(pilot, "home")
        assert "server-000" in text_of(pilot)
        assert "80 open ↓ ─╯" in text_of(pilot)


@both_sizes
async def test_every_key_of_the_pane_does_its_work_and_is_named(size: tuple[int, int]) -> None:
    stage = sick(LOCKED)
    async with stage.console(size, past=3) as pilot:
        await press(pilot, "d")
        keys = set(console_of(pilot).main.diagnosis._bindings.key_to_bindings)
        assert keys == {"a", "n", "e", "v", "H"}
        assert all(f" {key} " in rows_of(pilot)[-1] for key in keys)
        await press(pilot, "e")
        assert "saved /" in rows_of(pilot)[0]
        assert "ident.md and .json" in rows_of(pilot)[0]
        await press(pilot, "a")
        assert "✓ n2" in text_of(pilot)
        await press(pilot, "a")
        assert "acknowledged already" in rows_of(pilot)[0]
        await press(pilot, "n", *"no", "enter")
        assert on_main(pilot)
        assert stage.incidents.asked == [
            ("export", "n2-lock_contention"),
            ("acknowledge", "n2-lock_contention"),
            ("note", ("n2-lock_contention", "no")),
        ]
        await burst(pilot, "n", *"eao", "enter", "enter")  # as if it were pasted, and Enter bounced
        assert stage.incidents.asked[3:] == [("note", ("n2-lock_contention", "eao"))]
        assert pilot.app._exception is None
        stage.incidents.wrong = ConfigError("a note needs [words]")
        await press(pilot, "n", "enter")
        assert isinstance(pilot.app.screen, NoteForm)
        assert "a note needs [words]" in text_of(pilot)
        assert pilot.app.screen.query_one("#note", Input).has_focus
        await press(pilot, "escape", "e")
        assert "a note needs [words]" in text_of(pilot)
        await press(pilot, "escape", "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert "v heat map" in told(pilot)


# -- the story ----------------------------------------------------------------------------------------------


@both_sizes
async def test_the_story_tells_all_and_scrolls(size: tuple[int, int]) -> None:
    async with sick(LOCKED).console(size) as pilot:
        await press(pilot, "d", "enter")
        assert isinstance(pilot.app.screen, StoryScreen)
        for words in ("n2 · zone2", "97 %", "since 22:14:08", "open", "lock wait", "+50 σ"):
            assert words in told(pilot), words
        seen = told(pilot)
        for _ in range(12):
            await press(pilot, "pagedown")
            seen += told(pilot)
        for words in ("What to check", "What to do", "Facts", "See it yourself", "Timeline", "GV$OB_LOCKS"):
            assert words in seen, words
        await press(pilot, "home", "down", "up", "end", "plus", "minus", "minus")
        assert "opened: Lock contention" in told(pilot)
        await press(pilot, "escape")
        assert on_main(pilot)


@both_sizes
async def test_every_key_of_the_story(size: tuple[int, int]) -> None:
    stage = sick(LOCKED)
    async with stage.console(size, past=3) as pilot:
        await press(pilot, "d", "enter", "f")
        assert "fetching facts" in rows_of(pilot)[0]
        await press(pilot, "s")
        assert isinstance(pilot.app.screen, Statements)
        assert "limit" in text_of(pilot)
        await press(pilot, "c")
        assert "GV$OB_LOCKS" in pilot.app.clipboard
        assert "copied" in text_of(pilot)
        await press(pilot, "escape")
        await burst(pilot, "n", *"foe", "enter")
        await press(pilot, "a", "e", "o")
        if isinstance(pilot.app.screen, Question):
            await press(pilot, "1")
        assert isinstance(pilot.app.screen, StoryScreen)
        assert [what for what, _ in stage.incidents.asked] == [
            "facts",
            "note",
            "acknowledge",
            "export",
            "obdiag",
        ]
        assert stage.incidents.asked[1] == ("note", ("n2-lock_contention", "foe"))
        assert "not installed" in rows_of(pilot)[0]
        probe = Probe("obdiag rca run", NOW, "running", ("checking  1",))
        stage.incidents.put(replace(LOCKED, probes=(probe,)), obdiag="/usr/bin/obdiag")
        await stage.shown(pilot)
        await press(pilot, "o")
        assert isinstance(pilot.app.screen, Question)
        await press(pilot, "y")
        assert stage.incidents.asked[-1] == ("stop obdiag", "n2-lock_contention")
        over = replace(LOCKED.incident, state="resolved", ended=NOW)
        stage.incidents.put(resolved=(replace(LOCKED, incident=over),))
        await stage.shown(pilot)
        assert "resolved 22:14:49" in told(pilot)
        stage.incidents.put()
        await stage.shown(pilot)  # it has gone from the board, and is still read
        assert "resolved 22:14:49" in told(pilot)
        await press(pilot, "question_mark")
        assert "f facts" in told(pilot)


async def test_a_recording_cannot_be_asked() -> None:
    stage = sick(LOCKED)
    async with stage.console(NARROW, past=3) as pilot:
        console_of(pilot).attach_incidents(stage.incidents, asks=False)
        await press(pilot, "d", "enter")
        for key in ("f", "o"):
            await press(pilot, key)
            assert RECORDED[:15] in rows_of(pilot)[0]
        await press(pilot, "end")
        assert "a recording cannot be asked" in told(pilot)
        assert stage.incidents.asked == []


# -- heat map -----------------------------------------------------------------------------------------------


@both_sizes
async def test_the_heat_map_holds_hundreds_of_servers(size: tuple[int, int]) -> None:
    names = [f"server-{number:03}" for number in range(300)]
    stage = Stage([server(name) for name in names])
    causes = ("lock_contention", "slow_sql", "cpu_hog_sql")
    stage.engine.diagnosis = replace(
        SICK,
        findings=(finding("lock_contention", names[7]),),
        scores={name: 1 / (number + 2) for number, name in enumerate(names)},
        heat={(name, cause): (number % 9) / 10 for number, name in enumerate(names) for cause in causes},
        influence={(name, other): 0.5 for name in names[:40] for other in names[:40]},
    )
    async with stage.console(size, past=1) as pilot:
        await press(pilot, "d", "v")
        assert isinstance(pilot.app.screen, HeatScreen)
        for words in ("Lock contention", "Slow SQL", "server-007", "50 %"):
            assert words in text_of(pilot)
        assert ("Influence" in text_of(pilot)) is (size == WIDE)
        await press(pilot, "end")
        assert "server-299" in text_of(pilot)
        await press(pilot, "home", "down", "pagedown", "right", "left", "tab")
        assert "Influence" in text_of(pilot)
        assert "\\" in text_of(pilot)
        await press(pilot, "right", "right", "end", "tab", "v")
        assert on_main(pilot)


# -- repaint ------------------------------------------------------------------------------------------------


@both_sizes
async def test_partial_updates_make_the_same_screen(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    chinese = incident("slow_sql", "服务器一号", zone="zone3", said="服务器 [b]slow[/b]")
    stage = sick(LOCKED, chinese, BUSY)
    async with stage.console(size, past=60) as pilot:
        watcher = Watcher(pilot, monkeypatch)
        for keys in ("d", "down", "a", "enter", "pagedown", "escape", "v", "tab", "escape", "H"):
            await press(pilot, keys)
            await stage.shown(pilot)
            watcher.check()
        stage.incidents.put(resolved=(OVER,))
        await stage.shown(pilot)
        watcher.check()

"""Themes changed while the console runs."""

from __future__ import annotations

from staged import Stage, press, rows_of
from textual.color import Color

from distdiag_tui.ui.themes import user_themes


async def test_themes_change_all_panes_and_say_their_name() -> None:
    stage = Stage()
    async with stage.console(theme="dark") as pilot:
        seen = []
        for _ in range(4):
            await press(pilot, "t")
            await stage.shown(pilot)
            background = Color.parse(pilot.app.theme_variables["background"])
            for y in (0, 2, 20, 47):  # the top line, both panes, the key bar
                strip = pilot.app.screen._compositor.render_strips()[y]
                shown = [segment.style.bgcolor for segment in strip if segment.style]
                assert background in [Color.from_rich_color(colour) for colour in shown]
            seen.append(pilot.app.theme)
        assert seen == ["high-contrast", "light", "colour-blind-safe", "dark"]
        assert "theme dark" in rows_of(pilot)[0]


async def test_a_broken_theme_of_the_users_is_told_and_passed_over() -> None:
    folder = user_themes()
    folder.mkdir(parents=True)
    good = 'primary="#ffffff"\nwarning="#ffff00"\nerror="#ff0000"\nsuccess="#00ff00"\n'
    good += 'foreground="#ffffff"\nbackground="#000000"\n'
    (folder / "[bold]b[/x].toml".replace("/", "")).write_text(good)
    (folder / "broken.toml").write_text("primary = [red]")
    stage = Stage()
    async with stage.console(theme="light") as pilot:
        seen, told = [], []
        for _ in range(7):
            await press(pilot, "t")
            await stage.shown(pilot)
            seen.append(pilot.app.theme)
            told.append(rows_of(pilot)[46])
        assert {"[bold]b[x]", "dark", "light", "high-contrast", "colour-blind-safe"} <= set(seen)
        assert "broken" not in seen
        assert any("broken.toml" in line for line in told)

"""Themes: readable in all of ours, and one clear line on what is wrong with a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.style import Style
from textual.color import Color

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.ui.palette import LOOKS, styles
from distdiag_tui.ui.themes import DEFAULT, FOR_FEW_COLOURS, find_theme, load_theme, own_themes, theme_files
from distdiag_tui.ui.themes import user_themes as user_folder

OWN = sorted(file.stem for file in own_themes().glob("*.toml"))
GOOD = """
primary = "#6ea8e8"
warning = "#e8b45a"
error = "#ff7b72"
success = "#6cc58a"
foreground = "#d7dde6"
background = "#12161d"
"""


def looks_of(name: str) -> dict[str, Style]:
    """The styles of a theme, made from its variables as an app makes them."""
    theme = load_theme(find_theme(name))
    return styles({**theme.to_color_system().generate(), **theme.variables})


def luminance(colour: Color) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [value / 255 for value in colour.rgb]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(style: Style) -> float:
    """Contrast ratio as WCAG 2 defines it, 1 to 21."""
    assert style.color is not None
    assert style.bgcolor is not None
    both = (luminance(Color.from_rich_color(c)) for c in (style.color, style.bgcolor))
    low, high = sorted(both)
    return (high + 0.05) / (low + 0.05)


def write(text: str, file: Path) -> Path:
    """A theme file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


# -- our own ------------------------------------------------------------------------------------------


def test_the_themes_that_the_program_names_are_there() -> None:
    assert {DEFAULT, FOR_FEW_COLOURS, "light", "colour-blind-safe"} <= set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_every_theme_of_ours_loads(name: str) -> None:
    theme = load_theme(find_theme(name))
    assert theme.name == name
    assert looks_of(name).keys() == LOOKS.keys()
    background = theme.background
    assert background is not None
    assert theme.dark == (luminance(Color.parse(background)) < 0.2)


@pytest.mark.parametrize("name", OWN)
def test_the_lines_of_a_plot_are_told_apart(name: str) -> None:
    theme = load_theme(find_theme(name))
    assert len({theme.variables[f"line{number}"] for number in range(1, 7)}) == 6


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast(Style(color="#ffffff", bgcolor="#000000")) == pytest.approx(21)
    assert contrast(Style(color="#767676", bgcolor="#ffffff")) == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", OWN)
def test_everything_is_readable(name: str, look: str) -> None:
    assert contrast(looks_of(name)[look]) >= 4.5


@pytest.mark.parametrize("look", ["title", "value", "muted", "bad", "warn", "good"])
def test_high_contrast_deserves_its_name(look: str) -> None:
    assert contrast(looks_of("high-contrast")[look]) >= 7


# -- the user's ---------------------------------------------------------------------------------------


def test_a_theme_of_the_users_own_is_found() -> None:
    file = write(GOOD, user_folder() / "mine.toml")
    assert find_theme("mine") == file
    assert "mine" in theme_files()
    theme = load_theme(find_theme("mine"))
    assert (theme.name, theme.primary, theme.background) == ("mine", "#6ea8e8", "#12161d")


def test_a_theme_needs_no_more_than_the_required_colours() -> None:
    write(GOOD, user_folder() / "mine.toml")
    assert looks_of("mine").keys() == LOOKS.keys()


def test_ours_come_before_the_users_of_the_same_name() -> None:
    write(GOOD, user_folder() / "dark.toml")
    assert find_theme("dark") == theme_files()["dark"] == own_themes() / "dark.toml"


def test_an_unknown_name_lists_those_there_are() -> None:
    write(GOOD, user_folder() / "mine.toml")
    with pytest.raises(ConfigError) as caught:
        find_theme("drak")
    message = str(caught.value)
    assert "'drak'" in message
    assert message.split("there are: ")[1].split(", ") == ["mine", *OWN]


@pytest.mark.parametrize("name", ["", "../themes/dark", "/etc/passwd", "dark\n", "\x1b[31m", "a" * 300])
def test_no_name_leads_out_of_the_folders(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_theme(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("error =", "boost ="), "error missing"),
        ("", "primary, warning, error, success, foreground, background missing"),
        (GOOD + 'colour = "#112233"', "unknown colour"),
        (GOOD.replace("error =", "eror ="), "error missing; unknown eror"),
        (GOOD.replace("#ff7b72", "red"), "error is 'red'; write a colour as #rrggbb"),
        (GOOD.replace("#ff7b72", "#ff7b7"), "error is '#ff7b7'"),
        (GOOD.replace("#ff7b72", "#ff7b72\\n"), "error is '#ff7b72\\n'"),
        (GOOD + "accent = 3", "accent is 3;"),
        (GOOD + '[variables]\nline1 = "blue"', "line1 is 'blue'"),
        (GOOD + 'variables = "blue"', "variables"),
        (GOOD + "variables = 3", "variables"),
        (GOOD + 'dark = "no"', "dark is 'no'"),
        (GOOD + '"a\\nb" = 1', "unknown"),
        ("primary = #6ea8e8", "cannot read"),
        ("[variables", "cannot read"),
    ],
)
def test_a_wrong_theme_is_one_clear_line(text: str, words: str) -> None:
    file = write(text, user_folder() / "mine.toml")
    with pytest.raises(ConfigError) as caught:
        load_theme(file)
    message = str(caught.value)
    assert words in message
    assert str(file) in message
    assert message.isprintable()


def test_a_theme_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "caf\xe9"')
    for file in (tmp_path / "absent.toml", tmp_path, latin):
        with pytest.raises(ConfigError, match="cannot read the theme") as caught:
            load_theme(file)
        assert str(file) in str(caught.value)

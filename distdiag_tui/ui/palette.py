"""The styles that panes draw with, made from the theme's variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from rich.style import Style
from textual.color import Color


class Look(NamedTuple):
    """Names of theme variables for both colours; `strength` below 1 lets the background through."""

    colour: str = "foreground"
    background: str = "background"
    strength: float = 1.0
    bold: bool = False


LOOKS: Final[Mapping[str, Look]] = {
    "": Look(),
    "title": Look(),
    "value": Look(bold=True),
    "muted": Look(strength=0.62),
    "group": Look("secondary", bold=True),
    "spark": Look("primary"),
    "good": Look("success"),
    "warn": Look("warning", bold=True),
    "bad": Look("error", bold=True),
    "busy": Look("accent"),
    "chosen": Look("background", "primary", bold=True),
    "chosen-muted": Look(background="panel", bold=True),
    **{f"line{number}": Look(f"line{number}") for number in range(1, 7)},
}


def styles(variables: Mapping[str, str]) -> dict[str, Style]:
    """A style for every look, from an app's theme variables."""
    return {name: _style(look, variables) for name, look in LOOKS.items()}


def _style(look: Look, variables: Mapping[str, str]) -> Style:
    background = Color.parse(variables[look.background])
    colour = background.blend(Color.parse(variables.get(look.colour, variables["foreground"])), look.strength)
    return Style(color=colour.rich_color, bgcolor=background.rich_color, bold=look.bold or None)

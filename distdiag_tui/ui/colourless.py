"""NO_COLOR in earnest: no colour codes at all, only bold and reverse (https://no-color.org)."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class Colourless(LineFilter):
    """Drops both colours of every segment; what stood on another background is reversed instead."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text in the terminal's own two colours."""
        return [
            Segment(text, _without_colour(style, background) if style else None, control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _without_colour(style: Style, background: Color) -> Style:
    raised = style.bgcolor is not None and Color.from_rich_color(style.bgcolor).rgb != background.rgb
    return Style(bold=style.bold, underline=style.underline, reverse=raised != bool(style.reverse) or None)

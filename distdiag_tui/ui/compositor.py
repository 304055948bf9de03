"""Send exactly the cells that changed.

Textual's partial update begins every changed span at the left edge of its widget and marks the crop as
still to do. For a pane of many small figures that is most of what goes over the line, so the left side
is cropped here as well. Only this rendering step is replaced; without it everything works, at 5 to 10
times the bytes.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class ExactUpdate(ChopsUpdate):
    """An update whose spans are cropped on both sides."""

    def render_segments(self, console: Console) -> str:
        """The escape sequences and text for the terminal."""
        parts: list[str] = []
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= right or end <= left:
                    continue
                first, last = max(x, left), min(end, right)
                parts.append(Control.move_to(first, y).segment.text)
                parts.append(strip.crop(first - x, last - x).render(console))
        return "".join(parts)


class ExactCompositor(Compositor):
    """Textual's compositor with exact partial updates."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render what is dirty, or None."""
        update = super().render_partial_update()
        return None if update is None else ExactUpdate(update.chops, update.spans, update.chop_ends)

"""Where each server's cell is on a heat map, how it is shaded, and which of them stand out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.metrics import Bad
from distdiag_tui.ui.canvas import Run, fit
from distdiag_tui.ui.heat import SHADES, shade
from distdiag_tui.ui.standing import NEEDY, WELL, Standing

if TYPE_CHECKING:
    from distdiag_tui.model.snapshot import Snapshot

WIDEST: Final = 6  # cells of a server, with what parts it from the next
MOST_PANELS: Final = 12
MOST_BESIDE: Final = 4  # panels
GAP: Final = 2  # cells between panels
OUT: Final = 4.0
"""Robust standard deviations from which a cell stands out."""
OUTLIER: Final = "!"
"""Behind such a cell, or in its place."""
SPREAD: Final = 1.4826  # of a normal distribution's standard deviation to its median absolute deviation
LEAST: Final = 0.15  # of the median: a smaller deviation is none, however still the others keep
FEWEST: Final = 3  # figures from which there is anything to stand out from


class Block(NamedTuple):
    """A zone: its servers by their index in the snapshot."""

    zone: str
    servers: Sequence[int]


class Plan(NamedTuple):
    """Cells a server, servers a row, and how many panels there are beside and below each other."""

    cells: int
    across: int
    beside: int = 1
    below: int = 1

    def rows(self, blocks: Sequence[Block]) -> list[tuple[Block, int]]:
        """Each row of a panel: its zone, and which row of that it is."""
        return [(block, row) for block in blocks for row in range(-(-len(block.servers) // self.across))]

    def servers(self, block: Block, row: int) -> Sequence[int]:
        """Those of a row."""
        return block.servers[row * self.across : (row + 1) * self.across]


def blocks_of(snapshot: Snapshot) -> list[Block]:
    """Servers by zone, as they were configured."""
    zones: dict[str, list[int]] = {}
    for index, server in enumerate(snapshot.servers):
        zones.setdefault(server.zone, []).append(index)
    return [Block(zone, servers) for zone, servers in zones.items()]


def plan(blocks: Sequence[Block], label: int, width: int, height: int) -> Plan:
    """As many panels of all servers as there is room for, in cells of two at least; else one of small cells.

    A panel is as wide as a label and its cells, and has a line above it.

    >>> plan([Block("a", range(40)), Block("b", range(30))], 4, 80, 7)
    Plan(cells=2, across=17, beside=2, below=1)
    """
    best, most = Plan(1, max(1, width - label)), 0
    for beside in range(1, MOST_BESIDE + 1):
        room = (width - GAP * (beside - 1)) // beside - label
        for cells in range(2, WIDEST + 1):
            fitting = Plan(cells, max(1, room // cells), beside)
            below = (height + 1) // (len(fitting.rows(blocks)) + 2)
            panels = min(MOST_PANELS, beside * below)
            if room >= cells and panels and (panels, cells) > (most, best.cells):
                best, most = fitting._replace(below=min(below, -(-MOST_PANELS // beside))), panels
    return best


def deviations(column: NDArray[np.float32], bad: Bad) -> NDArray[np.float64]:
    """How far each is off the median of all, in robust standard deviations; positive where that is bad."""
    known = column[~np.isnan(column)].astype(float)
    if len(known) < FEWEST:
        return np.zeros(len(column))
    middle = float(np.median(known))
    spread = SPREAD * float(np.median(np.abs(known - middle)))
    if middle == 0 and spread == 0:  # most count nothing: a few single events are nothing to stand out by
        spread = float(np.std(known))
    off = np.nan_to_num((column - middle) / max(spread, LEAST * abs(middle) / OUT, 1e-12))
    signed: NDArray[np.float64] = -off if bad is Bad.LOW else np.abs(off) if bad is Bad.NEITHER else off
    return signed


def cell(standing: Standing, share: float, cells: int, *, out: bool) -> Run:
    """A shade for a share of the scale; or a sign where there is more to say of a server than a figure."""
    gap = " " * (cells > 1)
    wide = cells - len(gap)
    if standing.rank >= NEEDY and standing.glyph != WELL.glyph:
        return Run(fit(standing.glyph, wide) + gap, standing.style)
    if math.isnan(share):
        return Run(fit("·", wide) + gap, "muted")
    shades = (shade(share) if share > 0 else "░") * wide
    return Run((shades + OUTLIER)[-cells:], "warn") if out else Run(shades + gap, "muted")


def under_cursor(run: Run) -> Run:
    """The same cell where the cursor is: what is a sign stays one."""
    text = run.text.rstrip() or run.text
    sign = text[0] if text[0] not in SHADES + OUTLIER else ""
    wide = max(1, len(run.text) - (len(run.text) > 1))
    shown = (
        (sign or "+") if wide == 1 else f"[{sign or ' '}]"[:wide] if wide == 2 else f"[{sign:^{wide - 2}}]"
    )
    return Run(shown + " " * (len(run.text) - len(shown)), "chosen")

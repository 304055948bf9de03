"""Resources against their limits as bars, and facts beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from distdiag_tui.model.text import DASH, figure, three_digits
from distdiag_tui.model.topology import Share
from distdiag_tui.ui.canvas import Line, Run, fit

if TYPE_CHECKING:
    from distdiag_tui.ui.facts import Fact

RESOURCES: Final = {"cpu": "CPU", "memory": "memory", "log_disk": "log disk", "data_disk": "data disk"}
FULL, NEARLY = 0.95, 0.85  # shares of a limit that are worth colour
NAME: Final = 11  # cells of a fact's name
GAP: Final = 2
BESIDE: Final = 66  # cells from which bars have room beside the facts
BAR: Final = 10


def share_bar(share: Share, cells: int) -> str:
    """Used, promised to units, and free, as so many cells.

    >>> share_bar(Share(2.0, 6.0, 8.0), 8), share_bar(Share(2.0), 4)
    ('██▒▒▒▒░░', '')
    """
    if not share.limit:
        return ""
    used, promised = (
        round(min(1.0, max(0.0, (part or 0.0) / share.limit)) * cells)
        for part in (share.used, share.assigned)
    )
    return "█" * used + "▒" * max(0, promised - used) + "░" * (cells - max(used, promised))


def share_style(share: Share) -> str:
    """Colour only where it gets tight."""
    filled = (share.used or 0.0) / share.limit if share.limit else 0.0
    return "bad" if filled >= FULL else "warn" if filled >= NEARLY else "spark"


def share_words(name: str, share: Share, room: int) -> str:
    """Such as `31.0 of 64.0 GB`; with what is promised where there is room.

    >>> share_words("memory", Share(3.1e10, 5.2e10, 6.4e10), 20)
    '31.0 of 64.0 GB'
    >>> share_words("cpu", Share(None, 14.0, 16.0), 30)
    '– of 16, 14.0 promised'
    """
    unit = "" if name == "cpu" else "B"
    if share.limit is None:
        return DASH if share.used is None else " ".join(figure(share.used, unit)).rstrip()
    number, scaled = figure(share.limit, unit)
    parts = [
        DASH if part is None else three_digits(part / share.limit * float(number)) if share.limit else "0"
        for part in (share.used, share.assigned)
    ]
    words = f"{parts[0]} of {number} {scaled}".rstrip()
    longer = f"{words}, {parts[1]} promised"
    return longer if share.assigned is not None and len(longer) <= room else words


def share_line(name: str, share: Share, width: int, label: int, cells: int) -> Line:
    """A resource in exactly `width` cells."""
    filled = share_bar(share, cells)
    room = width - label - (cells + 1 if filled else 0)
    bar = (Run(filled, share_style(share)), Run(" ")) if filled else ()
    return (Run(fit(RESOURCES[name], label), "muted"), *bar,
            Run(fit(share_words(name, share, room), room), "value"))  # fmt: skip


def told_lines(
    facts: Sequence[Fact], shares: Mapping[str, Share], width: int, rows: int, bar: int = BAR
) -> list[Line]:
    """A line each, at most so many; the bars beside the facts where there is room, else below."""
    if width >= BESIDE and shares:
        left = width // 2 - GAP
        pairs = zip_longest(_facts(facts, left)[:rows], _bars(shares, width - left - GAP, bar))
        lines = [
            (*(a or (Run(" " * left),)), Run(" " * GAP), *(b or (Run(" " * (width - left - GAP)),)))
            for a, b in pairs
        ]
        return lines[:rows]
    kept = facts[: max(2, rows - len(shares))]  # of all that there is, resources are what fills up
    return [*_facts(kept, width), *_bars(shares, width, bar)][:rows]


def _facts(facts: Sequence[Fact], width: int) -> list[Line]:
    return [
        (Run(fit(name, NAME), "muted"), Run(fit(text, width - NAME), "value"))
        if name
        else (Run(fit(text, width), "bad"),)
        for name, text in facts
    ]


def _bars(shares: Mapping[str, Share], width: int, bar: int) -> list[Line]:
    return [share_line(name, shares[name], width, NAME, bar) for name in RESOURCES if name in shares]

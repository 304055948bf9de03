"""Words on what is injected, the same wherever it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from distdiag_tui.model.marks import INJECTED
from distdiag_tui.model.text import countdown, plain
from distdiag_tui.ui.canvas import cut

LEAST = 12  # cells from which a message is worth its place

if TYPE_CHECKING:
    from distdiag_tui.anomalies.injection import Injection
    from distdiag_tui.service.anomaly_desk import Board


def state(record: Injection, now: float) -> str:
    """How long it still is, or what it is at."""
    match record.phase:
        case "waiting":
            return f"in {countdown(record.left(now))}"
        case "active":
            return countdown(record.left(now))
        case "applying":
            return "begins"
        case "reverting":
            return "ends"
    return record.phase.upper() if record.wrong else record.phase


def style(record: Injection) -> str:
    """Red for what could not be undone."""
    return "bad" if record.wrong else "busy"


def summary(board: Board, room: int) -> str:
    """All that is injected, in at most `room` cells; of several the one that is wrong, or ends first."""
    first, more = board.active[0], len(board.active) - 1
    label, words = plain(first.label, 80), state(first, board.now)
    heads = (f"{more + 1} injected, ", f"{more + 1}: ") if more else ("",)
    for head in heads:
        text = f"{INJECTED} {head}{label} {words}"
        if (spare := room - cell_len(text) - len(": ")) >= -len(": "):
            return text + (f": {cut(first.message, spare)}" if first.wrong and spare >= LEAST else "")
    rest = cell_len(f"{INJECTED} {heads[-1]} {words}")
    return f"{INJECTED} {heads[-1]}{cut(label, max(3, room - rest))} {words}"

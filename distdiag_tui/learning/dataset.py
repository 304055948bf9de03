"""Examples to learn from: the effects on each server, as diagnosis sees them, and what was wrong there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.metricset import console_metrics
from distdiag_tui.diagnosis.rules import KINDS
from distdiag_tui.diagnosis.silence import DOWN, HUNG, STALLED
from distdiag_tui.learning.runs import Run, Truth
from distdiag_tui.model.arithmetic import Floats

SETTLED: Final = 3.0
"""Seconds after which a fault shows in what is measured, which looks back a little."""
EVERY: Final = 2
"""Ticks between two examples of a fault: those next to each other say the same."""
EVERY_CALM: Final = 6
NOT_LEARNED: Final = frozenset({DOWN, HUNG, STALLED})
"""What shows in silence and not in metrics."""


@dataclass(frozen=True, slots=True)
class Examples:
    """`effects` (N, F), F being M of each of `KINDS`, and for each example its causes, run and server."""

    metrics: tuple[str, ...]
    effects: Floats
    causes: tuple[frozenset[str], ...]
    runs: tuple[str, ...]
    servers: tuple[str, ...]

    def chosen(self, wanted: Callable[[str, str], bool]) -> Examples:
        """Those of the runs and servers that are wanted."""
        rows = [k for k, pair in enumerate(zip(self.runs, self.servers, strict=True)) if wanted(*pair)]
        return Examples(
            self.metrics,
            self.effects[rows],
            tuple(self.causes[k] for k in rows),
            tuple(self.runs[k] for k in rows),
            tuple(self.servers[k] for k in rows),
        )


def examples_of(runs: Sequence[Run]) -> Examples:
    """Of all servers: while a fault is there, and before."""
    rows: list[Floats] = []
    causes: list[frozenset[str]] = []
    names: list[str] = []
    servers: list[str] = []
    for run in runs:
        for server, wrong, effects in _of_run(run):
            rows.append(effects)
            causes.append(wrong)
            names.append(run.name)
            servers.append(server)
    metrics = console_metrics().names
    effects = np.array(rows).reshape(len(rows), len(KINDS) * len(metrics))
    return Examples(metrics, effects, tuple(causes), tuple(names), tuple(servers))


def _of_run(run: Run) -> list[tuple[str, frozenset[str], Floats]]:
    diagnoser, found = Diagnoser(), []
    for number, tick in enumerate(run.ticks):
        diagnosis = tick.told(diagnoser)
        there = [truth for truth in run.truths if _shows(truth, tick.time)]
        if diagnosis.warm < 1 or number % (EVERY if there else EVERY_CALM):
            continue
        if not there and not run.calm(tick.time):
            continue  # it has just begun or ended: neither one nor the other
        effects, hidden = diagnoser.effects(), _hidden(there)
        for row, server in enumerate(tick.servers):
            wrong = frozenset(truth.cause for truth in there if truth.server == server.name)
            own = wrong - hidden
            if effects[row].any() and not wrong & NOT_LEARNED and (own or not wrong):
                found.append((server.name, own, effects[row]))
    return found


def _hidden(there: Sequence[Truth]) -> frozenset[str]:
    """Causes that servers share while one has another one: what is looked at then is what is not shared."""
    times = Counter(truth.cause for truth in there)
    return frozenset(cause for cause, count in times.items() if count > 1 and len(times) > 1)


def _shows(truth: Truth, time: float) -> bool:
    return truth.start + SETTLED <= time <= truth.end

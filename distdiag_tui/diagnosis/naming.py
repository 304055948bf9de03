"""Which causes to tell of a server that alarms, and when: neither hastily, nor another one at every tick."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from distdiag_tui.diagnosis.compound import explain
from distdiag_tui.diagnosis.judge import Judge
from distdiag_tui.model.arithmetic import Floats

MOST_CAUSES: Final = 3
STICKY: Final = 0.05
"""So much better must another cause be than the one that was named before."""
PLAIN_ENOUGH: Final = 0.4
HASTY: Final = 5
"""What is less sure than that waits for so many ticks before it is told."""
PLAIN_AMONG_MANY: Final = 0.6
HASTY_AMONG_MANY: Final = 7
"""The same where many servers alarm at once: for seconds, that may be a mere hiccup of what they share."""
PASSING: Final = frozenset({"major_compaction"})
PASSING_TICKS: Final = 7
"""Servers write out what they hold in memory now and then, for a few seconds: that is no news."""
STRANGE: Final = 2.0
STRANGE_TICKS: Final = 10
"""How far and how long a server must deviate before that is told without a cause."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A server that is not as usual.

    Its effects (F) and their scores (K), for how many ticks, how far beyond its threshold; `many`: whether it
    is one of many at this moment.
    """

    server: str
    effects: Floats
    scores: Floats
    lasted: int
    strength: float
    many: bool


@dataclass(frozen=True, slots=True)
class Named:
    """Rows of the judge's `causes`, likeliest first, none if it is strange; confidence (K) in each."""

    causes: tuple[int, ...]
    sure: Floats


class Namer:
    """Remembers what each server's trouble was called."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._before: dict[str, str] = {}

    def keep(self, servers: Iterable[str]) -> None:
        """These still alarm; the others are forgotten."""
        self._before = {name: self._before[name] for name in servers if name in self._before}

    def name(self, alarm: Alarm) -> Named | None:
        """None as long as nothing is to be told."""
        scores = alarm.scores
        sure = self._judge.confidence(scores)
        known = alarm.server in self._before
        plain = PLAIN_AMONG_MANY if alarm.many else PLAIN_ENOUGH
        hasty = HASTY_AMONG_MANY if alarm.many else HASTY
        if not known and sure.max() < plain and alarm.lasted < hasty:
            return None
        first = self._likeliest(alarm.server, scores)
        if first is None:
            strange = alarm.strength >= STRANGE and alarm.lasted >= STRANGE_TICKS
            return Named((), sure) if strange else None
        if self._judge.causes[first] in PASSING and alarm.lasted < PASSING_TICKS:
            return None
        further = self._judge.further
        found, told = explain(
            self._judge, alarm.effects, [first], further=further, most=MOST_CAUSES, scores=scores
        )
        return Named(tuple(found), self._judge.confidence(told))

    def _likeliest(self, server: str, scores: Floats) -> int | None:
        best, causes = int(scores.argmax()), self._judge.causes
        if (before := self._before.get(server)) in causes:
            old = causes.index(before)
            if scores[old] >= self._judge.least and scores[best] < scores[old] + STICKY:
                best = old
        if scores[best] < self._judge.least:
            return None
        self._before[server] = causes[best]
        return best

"""Which causes to tell of a server that alarms, and when: neither hastily, nor another one at every tick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from distdiag_tui.diagnosis.compound import explain
from distdiag_tui.diagnosis.judge import Judge
from distdiag_tui.diagnosis.reference import Flags
from distdiag_tui.model.arithmetic import Floats

Among = Literal["few", "many", "none"]
Patience = tuple[tuple[int, float], ...]

MOST_CAUSES: Final = 3
STICKY: Final = 0.05
"""So much better must another cause be than the one that was named before."""
PATIENCE: Final[Mapping[Among, Patience]] = {
    "few": ((5, 0.4),),
    "many": ((5, 0.65), (7, 0.6), (11, 0.4)),
    "none": ((8, 0.5),),
}
"""For so many ticks what is less sure than that is not told yet."""
OF_THE_DISK: Final = "io_saturation"
PATIENCE_WITH_THE_DISK: Final[Mapping[Among, Patience]] = {
    "few": PATIENCE["few"],
    "many": ((5, 0.65), (9, 0.6), (14, 0.49)),
    "none": ((5, 0.65), (10, 0.6)),
}
"""The same of a slow disk: where others may have it as well, it may be a mere hiccup of what they share."""
OF_MANY_IF_CALIBRATED: Final[Patience] = ((16, 0.4),)
"""The same in addition, by a judge whose confidence is calibrated: what is likelier to be wrong can wait."""
PASSING: Final = frozenset({"major_compaction"})
PASSING_TICKS: Final = 7
"""Servers write out what they hold in memory now and then, for a few seconds: that is no news."""
STRANGE: Final = 2.0
STRANGE_TICKS: Final = 10
"""How far and how long a server must deviate before that is told without a cause."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A server that is not as usual.

    Its effects (F) and their scores (K), which of these causes would be no trouble now (K, see `levels`), for
    how many ticks, how far beyond its threshold it is (see `Look.steadily`); `among`: few or many of all
    servers that alarm, or none, for it is the only one.
    """

    server: str
    effects: Floats
    scores: Floats
    negligible: Flags
    lasted: int
    strength: float
    among: Among


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
        scores, before = alarm.scores, self._before.get(alarm.server)
        sure = self._judge.confidence(scores)
        if before is None and self._hasty(alarm, float(sure.max())):
            return None
        first = self._likeliest(alarm, before)
        if first is None:
            strange = alarm.strength >= STRANGE and alarm.lasted >= STRANGE_TICKS
            return Named((), sure) if strange else None
        likeliest = self._judge.causes[first]
        if alarm.negligible[first] and likeliest != before:
            return None
        self._before[alarm.server] = likeliest
        if likeliest in PASSING and alarm.lasted < PASSING_TICKS:
            return None
        further = self._judge.further
        found, told = explain(
            self._judge, alarm.effects, [first], further=further, most=MOST_CAUSES, scores=scores
        )
        causes = tuple(cause for cause in found if cause == first or not alarm.negligible[cause])
        return Named(causes, self._judge.confidence(told))

    def _hasty(self, alarm: Alarm, sure: float) -> bool:
        """Whether it is too early to tell what is no surer than that."""
        likeliest = self._judge.causes[int(alarm.scores.argmax())]
        patience = (PATIENCE_WITH_THE_DISK if likeliest == OF_THE_DISK else PATIENCE)[alarm.among]
        if self._judge.calibrated and alarm.among == "many":
            patience += OF_MANY_IF_CALIBRATED
        return any(alarm.lasted < ticks and sure < least for ticks, least in patience)

    def _likeliest(self, alarm: Alarm, before: str | None) -> int | None:
        scores, causes = alarm.scores, self._judge.causes
        best = int(scores.argmax())
        if before in causes:
            old = causes.index(before)
            better = scores[best] >= scores[old] + STICKY and not alarm.negligible[best]
            if scores[old] >= self._judge.least and not better:
                best = old
        return None if scores[best] < self._judge.least else best

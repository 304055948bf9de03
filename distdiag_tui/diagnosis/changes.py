"""What is new about the findings: those that came, changed, or went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from distdiag_tui.model.findings import Diagnosis, Finding

What = Literal["found", "changed", "gone"]

LINGER: Final = 3.0
"""Seconds that a finding may be missing before it is gone; one tick in any case."""
MUCH: Final = 0.2
"""A change of confidence worth a word."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one finding, as it is now; of one that is gone as it was last."""

    what: What
    finding: Finding


class Changes:
    """Compares each tick's findings with what was told before."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], Finding] = {}
        self._seen: dict[tuple[str, str], float] = {}

    def feed(self, diagnosis: Diagnosis) -> Iterator[Change]:
        """What is worth telling of this tick, the likeliest first, and last what has gone."""
        for finding in diagnosis.findings:
            self._seen[finding.key] = diagnosis.time
            told = self._told.get(finding.key)
            if told is None or _differs(told, finding):
                self._told[finding.key] = finding
                yield Change("found" if told is None else "changed", finding)
        linger = max(LINGER, 1.5 * diagnosis.interval)
        for key in [key for key, seen in self._seen.items() if diagnosis.time - seen >= linger]:
            del self._seen[key]
            yield Change("gone", self._told.pop(key))


def _differs(told: Finding, now: Finding) -> bool:
    return told.rank != now.rank or abs(told.confidence - now.confidence) >= MUCH

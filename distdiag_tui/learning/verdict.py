"""What diagnosis said of one run that it had not seen, against what was wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from distdiag_tui.diagnosis.changes import LINGER
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.learning.runs import Pair, Run
from distdiag_tui.model.findings import Diagnosis

LASTED: Final = 0.5
"""What is told for this share of the time counts as said, from the first finding to the end of the faults."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one run.

    `ranked`: pairs of server and cause, likeliest first, over the time of the faults; `said`: those that were
    told as findings, each with its mean confidence. `delays` by server that was sick: seconds until a finding
    names it, infinite for never; `named` the same until the right cause is named. `alarms`: findings that
    began while nothing was wrong, as seconds and pair; `calm`: for how many seconds, over all servers.
    """

    run: str
    truth: frozenset[Pair]
    severity: str
    load: str
    ranked: tuple[Pair, ...]
    said: Mapping[Pair, float]
    delays: Mapping[str, float]
    named: Mapping[Pair, float]
    alarms: tuple[tuple[float, Pair], ...]
    calm: float

    def top(self, count: int) -> float:
        """AC@count: the share of what was wrong that is among the first ones, of what could be there."""
        if not self.truth:
            return math.nan
        return len(self.truth & set(self.ranked[:count])) / min(count, len(self.truth))

    @property
    def exact(self) -> bool:
        """Whether just what was wrong was said."""
        return self.said.keys() == self.truth

    @property
    def compound(self) -> bool:
        """Several causes at once, on one server or several; one cause that many servers share is not."""
        return len({cause for _, cause in self.truth}) > 1


def judge_run(run: Run, diagnoser: Diagnoser) -> Verdict:
    """Feed a fresh diagnoser with the run."""
    told = [(tick.time, tick.interval, tick.told(diagnoser)) for tick in run.ticks]
    during = [(time, found) for time, _, found in told if run.span and run.span[0] <= time <= run.span[1]]
    said = _said([found for _, found in during])
    calm = [(time, step, found) for time, step, found in told if run.calm(time)]
    return Verdict(
        run=run.name,
        truth=run.pairs,
        severity=run.severity,
        load=run.load,
        ranked=tuple(_ranked([found for _, found in during])),
        said=said,
        delays={truth.server: _delay(during, truth.start, truth.server) for truth in run.truths},
        named={truth.pair: _delay(during, truth.start, *truth.pair) for truth in run.truths},
        alarms=tuple(_alarms([(time, found) for time, _, found in calm])),
        calm=sum(step * len(found.scores) for _, step, found in calm if found.warm >= 1),
    )


def _said(during: Sequence[Diagnosis]) -> dict[Pair, float]:
    """Pairs that lasted, with their mean confidence while they were told."""
    first = next((number for number, found in enumerate(during) if found.findings), len(during))
    told: dict[Pair, list[float]] = {}
    for found in during[first:]:
        for finding in found.findings:
            told.setdefault(finding.key, []).append(finding.confidence)
    least = LASTED * (len(during) - first)
    return {pair: sum(sure) / len(sure) for pair, sure in told.items() if len(sure) >= least}


def _ranked(during: Sequence[Diagnosis]) -> Iterator[Pair]:
    """By summed confidence: findings first, then what else the causes on those servers could have been."""
    findings: dict[Pair, float] = {}
    also: dict[Pair, float] = {}
    for diagnosis in during:
        for finding in diagnosis.findings:
            findings[finding.key] = findings.get(finding.key, 0.0) + finding.confidence
            for cause, confidence in finding.also:
                pair = finding.server, cause
                also[pair] = also.get(pair, 0.0) + confidence
    yield from sorted(findings, key=lambda pair: (-findings[pair], pair))
    rest = [pair for pair in also if pair not in findings]
    yield from sorted(rest, key=lambda pair: (-also[pair], pair))


def _delay(during: Sequence[tuple[float, Diagnosis]], start: float, server: str, cause: str = "") -> float:
    """Seconds until there is a finding of a server, and of a cause if one is given."""
    for time, diagnosis in during:
        if time >= start and any(
            finding.server == server and cause in ("", finding.cause) for finding in diagnosis.findings
        ):
            return time - start
    return math.inf


def _alarms(calm: Sequence[tuple[float, Diagnosis]]) -> Iterator[tuple[float, Pair]]:
    """Servers that were found sick while none was: once for as long as it lasts, whatever it is called.

    As users are told of it: what is back in a moment has not been gone.
    """
    seen: dict[str, float] = {}
    for time, diagnosis in calm:
        for finding in diagnosis.findings:
            if time - seen.get(finding.server, -math.inf) > LINGER:
                yield time, finding.key
            seen[finding.server] = time


NOTHING: Final = "nothing"


def guess(verdict: Verdict, server: str) -> str:
    """The likeliest cause of a server as it was told, or "nothing"."""
    return next((cause for name, cause in verdict.ranked if name == server), NOTHING)

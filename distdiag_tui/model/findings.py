"""What diagnosis found in one tick: which server, what, how sure, since when, and on what evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from distdiag_tui.model.text import DASH, rounded, utc

FINDING_SCHEMA: Final = "distdiag.finding/1"

UNKNOWN: Final = "unknown"
"""The cause of a server that is not as usual in a way that no cause explains."""


def sureness(confidence: float, *, calibrated: bool) -> str:
    """In percent; a tilde where it only orders.

    >>> sureness(0.97, calibrated=True), sureness(0.62, calibrated=False), sureness(math.nan, calibrated=True)
    ('97 %', '~62 %', '–')
    """
    if math.isnan(confidence):
        return DASH
    return f"{'' if calibrated else '~'}{100 * confidence:.0f} %"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A metric that speaks for a finding.

    `before`, `now` and `peers` in the metric's unit: the last is the median of the other servers now, NaN if
    there are none. `deviation` is the difference of now and before in robust standard deviations. `share`:
    how much of the cause's score it gives, 0 to 1. `since`: when it left its band, epoch seconds, NaN if it
    is within.
    """

    metric: str
    before: float
    now: float
    deviation: float
    peers: float
    share: float
    since: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause on one server.

    `confidence` 0 to 1; without `calibrated` it only orders. `since`: epoch seconds of the onset. `strength`:
    how far beyond its alarm threshold the server is (1: at it). `rank`: 1 is the likeliest of all findings.
    `also`: other causes that it could be, likeliest first, with their confidence. `said` is evidence that is
    no metric, in a few words, such as that nothing was heard of the server for 5 s.
    """

    server: str
    zone: str
    cause: str
    rank: int
    confidence: float
    calibrated: bool
    since: float
    strength: float
    evidence: tuple[Evidence, ...] = ()
    also: tuple[tuple[str, float], ...] = ()
    said: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it is about: server and cause."""
        return self.server, self.cause


@dataclass(frozen=True, slots=True)
class LoadChange:
    """All servers' load changed alike: no fault. `factor`: load now over load before."""

    since: float
    factor: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All of one tick, `interval` seconds after the one before. `findings` in the order of their rank.

    `scores` by server: 1 is the alarm threshold. `heat` by (server, cause): 0 to 1, of servers that are not
    as usual. `influence` by (server, other): -1 to 1, how alike their deviations move. `gathering`: since
    when servers gather statistics of their tables, by all appearances; None if they do not. `warm`: 0 to 1,
    how much of the reference that diagnosis begins with is there, of the servers that ever answered.
    `false_alarms`: expected in an hour over all servers, as the calm scores have it; NaN while too few are
    known. `model`: the trained model in use, "". `unseen`: seconds before it in which nobody looked, so many
    that diagnosis began anew; 0 for none.
    """

    time: float
    findings: tuple[Finding, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    heat: Mapping[tuple[str, str], float] = field(default_factory=dict)
    influence: Mapping[tuple[str, str], float] = field(default_factory=dict)
    load_change: LoadChange | None = None
    gathering: float | None = None
    warm: float = 0.0
    false_alarms: float = math.nan
    model: str = ""
    interval: float = 1.0
    unseen: float = 0.0

    def of(self, server: str) -> tuple[Finding, ...]:
        """The findings of one server, likeliest first."""
        return tuple(finding for finding in self.findings if finding.server == server)


def finding_document(finding: Finding) -> dict[str, Any]:
    """A plain object for JSON; times are UTC in ISO 8601, what is missing is null."""
    return {
        "server": finding.server,
        "zone": finding.zone,
        "cause": finding.cause,
        "rank": finding.rank,
        "confidence": rounded(finding.confidence),
        "calibrated": finding.calibrated,
        "since": iso(finding.since),
        "strength": rounded(finding.strength),
        "said": finding.said,
        "evidence": [
            {
                "metric": each.metric,
                "before": rounded(each.before),
                "now": rounded(each.now),
                "deviation": rounded(each.deviation),
                "peers": rounded(each.peers),
                "share": rounded(each.share),
                "since": iso(each.since),
            }
            for each in finding.evidence
        ],
        "also": [{"cause": cause, "confidence": rounded(value)} for cause, value in finding.also],
    }


def iso(time: float) -> str | None:
    """Epoch seconds in UTC; None for NaN."""
    return None if math.isnan(time) else utc(time)

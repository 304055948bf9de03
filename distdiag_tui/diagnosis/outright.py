"""Findings that need no statistics: silence, what is nearly full, and what the cluster itself says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from distdiag_tui.diagnosis.levels import Full, full_ones
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.silence import Silence
from distdiag_tui.diagnosis.standing import Standing, standing
from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.findings import Evidence, Finding
from distdiag_tui.model.topology import Layout, Server

SURE: Final = 0.97
"""Confidence in what was seen and not inferred."""
MOST_STRENGTH: Final = 10.0


class Outright:
    """Remembers since when each is so."""

    def __init__(self, metrics: MetricSet) -> None:
        self._metrics = metrics
        self._since: dict[tuple[str, str], float] = {}

    def find(
        self,
        time: float,
        servers: Sequence[Server],
        rows: Floats,
        silent: Sequence[Silence],
        layout: Layout | None,
    ) -> list[Finding]:
        """All there is at a time (epoch s); `rows` (S, M) are the servers' values."""
        known = {server.name: server for server in servers}
        found: dict[tuple[str, str], Full | Standing] = {
            (servers[each.row].name, each.cause): each for each in full_ones(self._metrics, rows)
        }
        if layout is not None:
            mute = {each.server.name for each in silent}  # what is known of them is of before
            said = (each for each in standing(layout, time) if each.server in known.keys() - mute)
            found |= {(each.server, each.cause): each for each in said}
        self._since = {key: self._since.get(key, time) for key in found}
        return [
            *(_finding(each.server, each.cause, each.since, MOST_STRENGTH, each.words) for each in silent),
            *(self._told(known[name], each) for (name, _), each in found.items()),
        ]

    def _told(self, server: Server, found: Full | Standing) -> Finding:
        since = self._since[server.name, found.cause]
        if isinstance(found, Standing):
            begun = since if found.since is None else found.since
            return _finding(server, found.cause, begun, found.strength, found.words)
        evidence = Evidence(found.metric, math.nan, found.value, math.nan, math.nan, 1.0, since)
        words = f"more than {found.limit:g} %"
        return _finding(server, found.cause, since, found.value / found.limit, words, evidence)


def _finding(
    server: Server, cause: str, since: float, strength: float, said: str, *evidence: Evidence
) -> Finding:
    return Finding(
        server=server.name,
        zone=server.zone,
        cause=cause,
        rank=0,
        confidence=SURE,
        calibrated=False,
        since=since,
        strength=strength,
        evidence=evidence,
        said=said,
    )

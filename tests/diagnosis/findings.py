"""Findings and ticks to feed a book with."""

from __future__ import annotations

import math
from collections.abc import Collection

from distdiag_tui.model.findings import Diagnosis, Evidence, Finding

EVIDENCE = Evidence("lock_wait_time", 0.01, 2.9, 40.0, 0.0, 0.8, 1000.0)


def finding(cause: str = "lock_contention", server: str = "n1", **known: object) -> Finding:
    """One of server n1, as sure and as strong as most are."""
    fields: dict[str, object] = {
        "zone": "zone1", "rank": 1, "confidence": 0.9, "calibrated": True, "since": 1000.0, "strength": 2.0,
        "evidence": (EVIDENCE, Evidence("tps", 20.0, 3.0, -9.0, math.nan, 0.2, math.nan)),
    }  # fmt: skip
    return Finding(server=server, cause=cause, **{**fields, **known})  # type: ignore[arg-type]


def tick(time: float, *findings: Finding, unknown: Collection[str] = ()) -> Diagnosis:
    """All that was found at `time`; of servers that are `unknown` it is not known yet what is usual."""
    scores = {name: math.nan if name in unknown else 0.2 for name in ("n1", "n2", "n3")}
    return Diagnosis(time, findings, scores=scores)

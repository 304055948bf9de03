"""From what is sent to doses, and from records to what is answered."""

from __future__ import annotations

import time
from typing import Protocol

from distdiag_tui.anomalies.dose import SECONDS, Dose
from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.anomalies.protocol import Severity
from distdiag_tui.api.answers import Injected
from distdiag_tui.api.payloads import listed
from distdiag_tui.model.findings import iso


class Strength(Protocol):
    """How much, and for how long."""

    @property
    def severity(self) -> Severity: ...
    @property
    def duration(self) -> float | str | None: ...


def doses_of(anomaly: str, nodes: str | list[str] | None, asked: Strength) -> list[Dose]:
    """One for each server; "" stands for the only one. Whether it can be made is the service's to say."""
    seconds = SECONDS if asked.duration is None else float(asked.duration)
    return [Dose(anomaly, node, asked.severity, seconds) for node in listed(nodes) or [""]]


def describe_injection(record: Injection) -> Injected:
    """One injection."""
    return Injected(
        id=record.id,
        type=record.anomaly,
        node=record.server or record.address,
        address=record.address,
        severity=record.severity,
        status=record.phase,
        start_time=None if record.applied is None else iso(record.applied),
        end_time=None if record.reverted is None else iso(record.reverted),
        left=round(record.left(time.time()), 1) if record.active else 0.0,
        duration=record.seconds,
        message=record.message or record.why or record.words,
        scenario=record.scenario,
    )

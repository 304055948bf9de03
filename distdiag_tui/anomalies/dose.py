"""What a person asks for: an anomaly, where, how much, when and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from distdiag_tui.anomalies.protocol import SEVERITIES, Severity
from distdiag_tui.model.errors import ConfigError

SECONDS: Final = 60.0
LONGEST: Final = 600.0
"""Seconds that an injection may last unless the configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class Dose:
    """One anomaly on one server, `start` seconds from now, for `seconds`. Injector "": the first that fits.

    `server` is the name or the address of a server of the cluster; "" if it has just one.
    """

    anomaly: str
    server: str = ""
    severity: Severity = "medium"
    seconds: float = SECONDS
    start: float = 0.0
    injector: str = ""

    @property
    def label(self) -> str:
        """Short: what and where."""
        return f"{self.anomaly}→{self.server}" if self.server else self.anomaly


def read_severity(text: str) -> Severity:
    """ConfigError for anything but low, medium and high."""
    for severity in SEVERITIES:
        if severity == text:
            return severity
    raise ConfigError(f"severity is low, medium or high, not {text!r}")

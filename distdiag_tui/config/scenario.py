"""Scenarios: several anomalies, on one or several servers, in a TOML file.

name = "locks while n3 is slow"

[[inject]]
anomaly = "lock_contention"
target = "n2"            # or ["n1", "n2"]
severity = "high"        # medium
start = "10s"            # 0
duration = "30s"         # 60 s
injector = "sql"         # the first that fits
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.dose import SECONDS, Dose
from distdiag_tui.anomalies.protocol import Severity
from distdiag_tui.config.document import read_document
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.text import read_seconds


class Entry(BaseModel):
    """One `[[inject]]` table."""

    model_config = ConfigDict(extra="forbid")

    anomaly: str
    target: str | list[str] = ""
    severity: Severity = "medium"
    start: str | float = 0.0
    duration: str | float = SECONDS
    injector: str = ""

    def doses(self) -> list[Dose]:
        """One for each target; ConfigError for an unknown anomaly or no time."""
        find_anomaly(self.anomaly)
        targets = [self.target] if isinstance(self.target, str) else self.target
        start, seconds = read_seconds(str(self.start)), read_seconds(str(self.duration))
        return [Dose(self.anomaly, each, self.severity, seconds, start, self.injector) for each in targets]


class Scenario(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    inject: list[Entry] = Field(min_length=1)


def load_scenario(file: Path) -> tuple[str, list[Dose]]:
    """Its name (that of the file unless it says another) and its doses; ConfigError names what is wrong."""
    scenario = read_document(file, Scenario)
    try:
        return scenario.name or file.stem, [dose for entry in scenario.inject for dose in entry.doses()]
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def write_scenario(file: Path, name: str, doses: list[Dose]) -> None:
    """Write what `load_scenario` reads; ConfigError if the file cannot be written."""
    blocks = [f"name = {_quoted(name)}"]
    for dose in doses:
        fields = {
            "anomaly": _quoted(dose.anomaly),
            "target": _quoted(dose.server),
            "severity": _quoted(dose.severity),
            "start": f"{dose.start:g}",
            "duration": f"{dose.seconds:g}",
        }
        if dose.injector:
            fields["injector"] = _quoted(dose.injector)
        blocks.append("[[inject]]\n" + "\n".join(f"{key} = {value}" for key, value in fields.items()))
    try:
        file.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from None


def _quoted(text: str) -> str:
    """A basic TOML string: JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False)

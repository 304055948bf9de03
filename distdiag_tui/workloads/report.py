"""What a load did in one interval: the same record from every driver, one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

SCHEMA = "distdiag.workload/1"

ErrorKey = int | str
"""A MySQL error code, or a word where no server answered: "timeout", "dropped", a Python exception's name."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of transaction, or one query: how often, and how long it took in seconds.

    `histogram` as in IntervalReport.
    """

    count: int
    mean: float
    p95: float
    highest: float
    histogram: str = ""


@dataclass(frozen=True, slots=True)
class IntervalReport:
    """One interval of a load, or with `total` the whole run.

    `time` is its end in epoch seconds, `elapsed` seconds since the run began; rates are per second.
    `mean`, `p50`, `p95`, `p99` are latencies of committed transactions in seconds: None if there were none,
    or if the driver does not tell. `errors` counts failed transactions and connection attempts, `reconnects`
    connections regained. `parts` tells kinds of transactions apart; `figures` is what only this kind of
    workload measures, such as tpmC. `histogram` has the latencies in µs in HdrHistogram's own encoding.
    """

    time: float
    elapsed: float
    threads: int
    tps: float
    qps: float
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    errors: dict[ErrorKey, int] = field(default_factory=dict)
    reconnects: int = 0
    total: bool = False
    parts: dict[str, Part] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    histogram: str = ""

    def without_histogram(self) -> IntervalReport:
        """The same without what only serves to add reports up."""
        parts = {name: replace(part, histogram="") for name, part in self.parts.items()}
        return replace(self, histogram="", parts=parts)

    def to_json(self) -> str:
        """One line without its newline; what is empty is left out.

        >>> report = IntervalReport(1.0, 1.0, 8, 50.0, 900.0, 0.01, 0.01, 0.02, 0.03, {1213: 2, "timeout": 1})
        >>> IntervalReport.from_json(report.to_json()) == report
        True
        """
        fields = {name: value for name, value in asdict(self).items() if name not in _EXTRAS or value}
        for part in fields.get("parts", {}).values():
            if not part["histogram"]:
                del part["histogram"]
        return json.dumps({"schema": SCHEMA, **fields}, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes) -> IntervalReport:
        """Read what `to_json` wrote; ValueError on another schema."""
        return cls.from_fields(json.loads(line))

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> IntervalReport:
        """The same from a decoded object; ValueError on another schema."""
        if fields.get("schema") != SCHEMA:
            raise ValueError(f"not a {SCHEMA} record: schema is {fields.get('schema')!r}")
        errors = {_error_key(key): count for key, count in fields["errors"].items()}
        parts = {name: Part(**part) for name, part in fields.get("parts", {}).items()}
        rest = {key: value for key, value in fields.items() if key not in ("schema", "errors", "parts")}
        return cls(**rest, errors=errors, parts=parts)


_EXTRAS = ("parts", "figures", "histogram")


def _error_key(text: str) -> ErrorKey:
    """JSON turns codes into strings; turn them back."""
    return int(text) if text.isascii() and text.isdecimal() else text

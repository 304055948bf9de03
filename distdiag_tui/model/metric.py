"""What a metric is: a formula over raw columns. The rows of the catalogue are in `metrics`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Column = int | str


class Kind(StrEnum):
    """How a metric is formed from raw columns."""

    RATE = "rate"
    RATIO = "ratio"
    GAUGE = "gauge"


class Bad(StrEnum):
    """Which direction means trouble, if either does."""

    HIGH = "high"
    LOW = "low"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Metric:
    """One catalogue row. `title` fits a narrow card; `about` is the sentence shown in help.

    Where what it is divided by is less than `least`, it is divided by that: by next to nothing it would say
    little.
    """

    id: str
    title: str
    unit: str
    kind: Kind
    group: str
    over: tuple[Column, ...]
    under: tuple[Column, ...]
    scale: float
    bad: Bad
    about: str
    least: float = 0.0

    @property
    def tenant_scope(self) -> bool:
        """Whether every column is counted per tenant, not only per server."""
        return not any(
            isinstance(column, str) and column.startswith(("disk.", "host.")) for column in self.over
        )

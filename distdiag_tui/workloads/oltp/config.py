"""The knobs of the OLTP load, checked once; light to import (the console builds them, the worker obeys)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from distdiag_tui.model.errors import ConfigError

Mode = Literal["independent", "coupled"]
"""independent: a client stays on one node; coupled: each transaction visits every node in turn."""

MAX_THREADS = 1024


@dataclass(frozen=True, slots=True)
class Mix:
    """How many statements of each kind one transaction has; the default is sysbench's oltp_read_write."""

    point_selects: int = 10
    range_selects: int = 1
    indexed_updates: int = 1
    plain_updates: int = 1
    delete_inserts: int = 1

    def __post_init__(self) -> None:
        counts = asdict(self).values()
        if min(counts) < 0 or not 1 <= sum(counts) <= 1000:
            raise ConfigError("mix: each count is 0 or more, and their sum between 1 and 1000")

    @property
    def single_read(self) -> bool:
        """One lone select, which needs no transaction around it."""
        return self == POINT_SELECT or self == Mix(0, 1, 0, 0, 0)


POINT_SELECT = Mix(1, 0, 0, 0, 0)
"""Pure point selects under autocommit, as sysbench oltp_point_select."""


@dataclass(frozen=True, slots=True)
class OltpConfig:
    """All of one run. `rate` is transactions a second over all clients (0: as fast as they go).

    `rows` is per table, `range_size` in rows, `statement_timeout` and the reports' `interval` in seconds.
    Raises ConfigError naming the knob that is out of bounds.
    """

    tables: int = 4
    rows: int = 10_000
    threads: int = 8
    rate: float = 0.0
    mode: Mode = "independent"
    mix: Mix = field(default_factory=Mix)
    range_size: int = 100
    statement_timeout: float = 5.0
    interval: float = 1.0

    def __post_init__(self) -> None:
        check_threads(self.threads)
        check_rate(self.rate)
        _check("tables", self.tables, 1, 256)
        _check("rows", self.rows, 100, 100_000_000)
        _check("range_size", self.range_size, 1, self.rows)
        _check("statement_timeout", self.statement_timeout, 0.1, 3600)
        _check("interval", self.interval, 0.1, 3600)
        if self.mode not in get_args(Mode):
            raise ConfigError(f"mode is {' or '.join(get_args(Mode))}, not {self.mode}")

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> OltpConfig:
        """The inverse of `to_fields`."""
        return cls(**{**fields, "mix": Mix(**fields["mix"])})


def check_threads(threads: int) -> None:
    """ConfigError unless 1..1024."""
    _check("threads", threads, 1, MAX_THREADS)


def check_rate(rate: float) -> None:
    """ConfigError unless 0..1,000,000 transactions a second."""
    _check("rate", rate, 0, 1_000_000)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is between {low:,} and {high:,}, not {value:,}")

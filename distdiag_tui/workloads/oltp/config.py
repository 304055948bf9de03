"""The knobs of the OLTP load; light to import."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, cast, get_args

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.options import Values

Mode = Literal["independent", "coupled"]
"""independent: a client stays on one node; coupled: each transaction visits every node in turn."""

MODES: Final = get_args(Mode)


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


POINT_SELECT: Final = Mix(1, 0, 0, 0, 0)
"""Pure point selects under autocommit, as sysbench oltp_point_select."""

MIXES: Final = {
    "read_write": Mix(),
    "read_only": Mix(10, 1, 0, 0, 0),
    "write_only": Mix(0, 0, 1, 1, 1),
    "point_select": POINT_SELECT,
}


@dataclass(frozen=True, slots=True)
class OltpConfig:
    """All of one run. `rate` is transactions a second over all clients (0: as fast as they go).

    `rows` is per table, `range_size` in rows, `statement_timeout` and the reports' `interval` in seconds.
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

    @classmethod
    def of(cls, values: Values) -> OltpConfig:
        """From the values of the kind's options."""
        given: dict[str, Any] = {name: value for name, value in values.items() if name not in ("time", "mix")}
        return cls(**given, mix=MIXES[cast(str, values["mix"])])

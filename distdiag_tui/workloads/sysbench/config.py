"""The knobs of a sysbench run, and how they become arguments; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.options import Values

DATABASE: Final = "distdiag_sysbench"
COUNTS_KEPT: Final = (
    "oltp_read_write",
    "oltp_read_only",
    "oltp_point_select",
    "oltp_write_only",
    "oltp_update_index",
    "oltp_update_non_index",
    "select_random_points",
    "select_random_ranges",
    "bulk_insert",  # has tables of its own
)
"""Scripts after which every prepared table has the rows it had before."""

SCRIPTS: Final = (*COUNTS_KEPT, "oltp_insert", "oltp_delete")
MAX_TABLES: Final = 256
MAX_RATE: Final = 100_000
"""Transactions a second: with more, sysbench's queue could be full before its first report."""

BULK: Final = "bulk_insert"
_BULK_TABLES: Final = 10_000  # numbers for each server: more than it may have clients


class Share(NamedTuple):
    """What one server gets: so many clients, so many transactions a second (0: without limit)."""

    threads: int
    rate: int


@dataclass(frozen=True, slots=True)
class SysbenchConfig:
    """All of one run; `rate` is transactions a second over all clients, `interval` and `time` are seconds."""

    script: str
    tables: int
    table_size: int
    threads: int
    rate: int
    time: float
    interval: int
    rand_type: str
    db_ps_mode: str
    skip_trx: bool

    @classmethod
    def of(cls, values: Values) -> SysbenchConfig:
        """From the values of the kind's options."""
        given: dict[str, Any] = dict(values)
        return cls(**given)

    @property
    def bulk(self) -> bool:
        """Whether the script inserts into tables of its own."""
        return self.script == BULK

    @property
    def data(self) -> list[str]:
        """Arguments that say which tables there are."""
        return [f"--tables={self.tables}", f"--table-size={self.table_size}"]

    @property
    def traffic(self) -> list[str]:
        """Arguments that say what transactions are like."""
        skip = "on" if self.skip_trx else "off"
        return [f"--rand-type={self.rand_type}", f"--db-ps-mode={self.db_ps_mode}", f"--skip-trx={skip}"]


def bulk_tables(server: int, threads: int) -> range:
    """Numbers of the tables that bulk_insert fills through the server of that index, one for each client.

    Each server has its own, for several may lead to one store.
    """
    first = (server + 1) * _BULK_TABLES + 1
    return range(first, first + threads)


def whole_rate(rate: float) -> int:
    """ConfigError out of bounds, and for part of a transaction: below 1, sysbench would know no limit."""
    if rate != int(rate) or not 0 <= rate <= MAX_RATE:
        raise ConfigError(f"sysbench takes whole transactions a second, up to {MAX_RATE:,}, not {rate:g}")
    return int(rate)


def shares(threads: int, rate: int, servers: int) -> list[Share]:
    """Clients and rate of each server, adding up exactly; a server without a transaction has no clients.

    >>> shares(8, 100, 3)
    [Share(threads=3, rate=34), Share(threads=3, rate=33), Share(threads=2, rate=33)]
    >>> shares(8, 1, 2)
    [Share(threads=8, rate=1), Share(threads=0, rate=0)]
    """
    busy = min(servers, threads, rate or servers)
    parts = zip(_parts(threads, busy), _parts(rate, busy), strict=True)
    return [Share(*part) for part in parts] + [Share(0, 0)] * (servers - busy)


def _parts(number: int, count: int) -> list[int]:
    """As equal as can be, the first ones larger."""
    least, more = divmod(number, count)
    return [least + (index < more) for index in range(count)]

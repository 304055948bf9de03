"""Which metrics are looked at, and how they are made comparable: any set of numbers with names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.metrics import CATALOGUE, OBSERVED, Bad, Kind

LEAST_OF_UNIT: Final[Mapping[str, float]] = {
    "/s": 2.0, "B/s": 2_000.0, "s": 0.000_2, "s/s": 0.02, "%": 4.0, "B": 4_000_000.0, "": 1.0,
}  # fmt: skip
"""Changes below this say little whatever the level is: one statement more a second, a tenth of a ms."""


LEAST: Final[Mapping[str, float]] = {
    "data_disk_percent": 20.0, "log_disk_percent": 20.0,  # these grow in steps
    "cpu_per_row": 2e-6,
    "cpu_time": 0.06, "cpu_percent": 8.0,  # what a server does for itself
}  # fmt: skip
"""The same of single metrics."""
ORIGINS: Final[Mapping[str, float]] = {"index_cache_hit": 100.0}  # nearly all are hits: what misses counts
LOAD: Final = ("qps", "tps")
MOODY: Final = (
    # threads in the background wait there as well, and a wait of minutes counts in the second when it ends
    "wait_administrative", "wait_cluster", "wait_concurrency", "wait_other", "wait_queueing",
    "wait_scheduler",
    # the server reads for itself now and then
    "io_read_rate", "io_read_bytes", "block_cache_hit",
)  # fmt: skip
DRIFTING: Final = (
    "memory_used", "memory_percent", "memstore_used", "memstore_percent", "kvcache_used", "plan_cache_used",
    "data_disk_percent", "log_disk_percent", "worker_time", "worker_percent",
)  # fmt: skip
QUIET: Final = (
    "cpu_per_row",
    # of the machine: others may be at work there
    "host_cpu_percent", "host_cpu_iowait", "host_cpu_steal", "host_pressure_cpu", "host_pressure_io",
    "host_pressure_memory", "host_disk_percent", "host_disk_queue", "host_disk_read_rt", "host_disk_write_rt",
    "host_disk_flush_rt", "host_memory_percent", "host_swap_in", "host_tcp_retrans", "host_net_drops",
    "proc_cpu_time", "proc_read_bytes", "proc_write_bytes",
)  # fmt: skip
WAYS: Final = {Bad.HIGH: 1, Bad.LOW: -1, Bad.NEITHER: 0}

RESOURCES: Final[Mapping[str, str]] = {
    "sql": "sql", "tx": "sql", "load": "cpu", "memory": "memory", "cache": "memory", "lock": "locks",
    "log": "log", "io": "io", "net": "network",
    "wait_system_io": "io", "wait_user_io": "io", "wait_network": "network", "wait_commit": "log",
    "wait_concurrency": "locks", "wait_application": "locks", "wait_scheduler": "cpu", "wait_queueing": "cpu",
    "wait": "sql",
    "proc_run_delay": "cpu", "proc_run_delay_rt": "cpu", "proc_stopped": "cpu", "proc_throttled": "cpu",
    "proc_cpu_time": "cpu", "host_cpu_percent": "cpu", "host_cpu_steal": "cpu", "host_pressure_cpu": "cpu",
    "host_cpu_iowait": "io", "host_pressure_io": "io", "host_disk_percent": "io", "host_disk_queue": "io",
    "host_disk_read_rt": "io", "host_disk_write_rt": "io", "host_disk_flush_rt": "io",
    "proc_read_bytes": "io", "proc_write_bytes": "io", "proc_major_faults": "memory",
    "host_memory_percent": "memory", "host_pressure_memory": "memory", "host_swap_in": "memory",
    "host_tcp_retrans": "network", "host_net_drops": "network",
}  # fmt: skip
"""Which resource a metric tells of, by its id or else its group; what is not here is not looked at."""


YOUNGER: Final = frozenset({"lock_waiters"})
"""Those that recordings and models of before do not have."""


@dataclass(frozen=True, slots=True)
class MetricSet:
    """M metrics. `names` are unique; `groups` (M) say which resource each one tells of.

    `floors` (M): see `tame`; where it is 0 it has to be learned first, see `fitted`. `load` (L): indices of
    those that say how much is asked of a server. `times` (T): of those that say how long work takes.
    `bad` (M): the way that means trouble, 1 or -1; 0 for neither; without it nothing is known of that.
    `drifting` (D): indices of those that fill and empty by themselves: what counts is how they moved of late.
    `moody`: indices of those that jump when all is well. `quiet`: of those that say why, but not that
    something is wrong: they never alarm. `beside`: of those that not every server has. `rates`: of those that
    grow with what is asked. `origins` (M): from where values count, see `tame`.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    floors: Floats
    load: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()
    drifting: tuple[int, ...] = ()
    moody: tuple[int, ...] = ()
    quiet: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    rates: tuple[int, ...] = ()
    origins: Floats | float = 0.0

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError("names of metrics must differ")
        if not len(self.names) == len(self.groups) == len(self.floors):
            raise ValueError("as many names as groups and floors")

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        *,
        groups: Sequence[str] = (),
        load: Sequence[str] = (),
        times: Sequence[str] = (),
    ) -> MetricSet:
        """Any metrics; without `groups` each one is its own. Their floors are to be learned."""
        where = {name: index for index, name in enumerate(names)}
        return cls(
            tuple(names),
            tuple(groups or names),
            np.zeros(len(names)),
            tuple(where[name] for name in load),
            tuple(where[name] for name in times),
        )

    def fitted(self, values: Floats) -> MetricSet:
        """With floors from calm `values` (..., M), where they are not known: 2 % of what is usual there."""
        rows = np.abs(values.reshape(-1, len(self.names)))
        floors = self.floors.copy()
        for column in np.flatnonzero(floors <= 0):
            there = rows[np.isfinite(rows[:, column]) & (rows[:, column] > 0), column]
            floors[column] = 0.02 * float(np.median(there)) if there.size else 1.0
        return replace(self, floors=floors)

    def tame(self, values: Floats) -> Floats:
        """asinh(values / floors), (..., M): twice as much is as far above as half is below; linear near 0.

        Values count from their origins: of one that is nearly 100 % what is missing of that.
        """
        tamed: Floats = np.arcsinh((values - self.origins) / self.floors)
        return tamed

    def untame(self, tamed: Floats) -> Floats:
        """The inverse."""
        values: Floats = np.sinh(tamed) * self.floors + self.origins
        return values

    def index(self, name: str) -> int:
        """KeyError if there is none."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(name) from None


def console_metrics() -> MetricSet:
    """Those of the catalogue that tell of a resource, and what the console observes itself."""
    rows = [row for row in (*CATALOGUE, *OBSERVED) if row.id in RESOURCES or row.group in RESOURCES]
    times = [row.id for row in rows if row.kind is Kind.RATIO and row.unit == "s" and row.bad is Bad.HIGH]
    return MetricSet(
        tuple(row.id for row in rows),
        tuple(RESOURCES.get(row.id) or RESOURCES[row.group] for row in rows),
        np.array([LEAST.get(row.id, LEAST_OF_UNIT[row.unit]) for row in rows]),
        tuple(index for index, row in enumerate(rows) if row.id in LOAD),
        tuple(index for index, row in enumerate(rows) if row.id in times),
        tuple(-1 if row.id in LOAD else WAYS[row.bad] for row in rows),
        tuple(index for index, row in enumerate(rows) if row.id in DRIFTING),
        tuple(index for index, row in enumerate(rows) if row.id in MOODY),
        tuple(index for index, row in enumerate(rows) if row.id in QUIET),
        tuple(index for index, row in enumerate(rows) if row.group == "host" or row.id in YOUNGER),
        tuple(index for index, row in enumerate(rows) if row.kind is Kind.RATE),
        np.array([ORIGINS.get(row.id, 0.0) for row in rows]),
    )

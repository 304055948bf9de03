"""The metric catalogue: one row for every metric the console knows.

A metric is `scale * sum(over) / sum(under)` of *raw columns*. A raw column is a statistic of
GV$SYSSTAT (its STAT_ID, an int), a named figure of another view (a str, see `sources.queries`), or one of
the server's machine and process ("host.", see `hostmetrics`).
Columns in `LEVELS` enter the formula as they are; all others are running totals and enter as their
increase per second. So one formula covers rates (no `under`), ratios (both) and gauges (levels).

Units are SI base units: s, B, /s, B/s, `s/s` (seconds spent per second = how many were busy or waiting
on average), `%` (0 to 100) and "" for counts. Formulas follow obagent and OCP dashboards, corrected
where those name statistics that no 4.x server has (log write time is 80003/80001).
"""

from __future__ import annotations

from typing import Final

from distdiag_tui.model.hostmetrics import HOST_LEVELS, HOST_METRICS
from distdiag_tui.model.metric import Bad, Column, Kind, Metric

__all__ = [
    "CATALOGUE", "COLUMNS", "COLUMN_INDEX", "FIRST_LOOK", "GROUPS", "HOST_COLUMNS", "LEVELS", "METRIC_IDS",
    "METRIC_INDEX", "OBSERVED", "STAT_IDS", "WAIT_CLASSES", "Bad", "Column", "Kind", "Metric", "metric",
]  # fmt: skip

GROUPS: Final = {
    "sql": "SQL",
    "tx": "Transactions",
    "load": "Sessions and CPU",
    "memory": "Memory",
    "lock": "Locks",
    "log": "Redo log",
    "io": "Storage I/O",
    "cache": "Caches",
    "net": "Network",
    "wait": "Waits by class",
    "host": "Host",
}

WAIT_CLASSES: Final = (
    "ADMINISTRATIVE",
    "APPLICATION",
    "CLUSTER",
    "COMMIT",
    "CONCURRENCY",
    "CONFIGURATION",
    "NETWORK",
    "OTHER",
    "QUEUEING",
    "SCHEDULER",
    "SYSTEM_IO",
    "USER_IO",
)  # IDLE is left out: it is not waiting for anything

# Levels of GV$SYSSTAT are the SET_VALUE statistics, save 140012 and 140013, which only ever grow.
LEVELS: Final[frozenset[Column]] = frozenset(
    {
        130000,
        130001,
        130002,
        130004,
        140002,
        140003,
        140005,
        140006,
        140018,
        "session.active",
        "session.all",
        "session.locked",
        "plan.memory",
        "disk.data_used",
        "disk.data_total",
        "disk.log_used",
        "disk.log_total",
        *HOST_LEVELS,
    }
)

_US: Final = 1e-6
_NONE: Final = Bad.NEITHER
_HIGH: Final = Bad.HIGH
_LOW: Final = Bad.LOW

_COUNTS: Final = (40000, 40002, 40004, 40006, 40008, 40018)
_TIMES: Final = (40001, 40003, 40005, 40007, 40009, 40019)


_ROWS: Final = (60032, 60033, 60034)
_WRITES: Final = (40002, 40004, 40006, 40008)


def _rate(
    name: str,
    title: str,
    group: str,
    over: tuple[Column, ...],
    about: str,
    *,
    unit: str = "/s",
    scale: float = 1.0,
    bad: Bad = _NONE,
) -> Metric:
    return Metric(name, title, unit, Kind.RATE, group, over, (), scale, bad, about)


def _mean_time(
    name: str, title: str, group: str, over: tuple[Column, ...], under: tuple[Column, ...], about: str
) -> Metric:
    return Metric(name, title, "s", Kind.RATIO, group, over, under, _US, _HIGH, about)


def _per_statement(
    name: str, title: str, over: tuple[Column, ...], under: tuple[Column, ...], about: str
) -> Metric:
    return Metric(name, title, "", Kind.RATIO, "sql", over, under, 1.0, _HIGH, about)


def _hit_ratio(name: str, title: str, hits: Column, all_of: tuple[Column, ...], about: str) -> Metric:
    return Metric(name, title, "%", Kind.RATIO, "cache", (hits,), all_of, 100.0, _LOW, about)


def _gauge(
    name: str,
    title: str,
    group: str,
    unit: str,
    over: tuple[Column, ...],
    about: str,
    *,
    under: tuple[Column, ...] = (),
    bad: Bad = _NONE,
) -> Metric:
    return Metric(name, title, unit, Kind.GAUGE, group, over, under, 100.0 if under else 1.0, bad, about)


def _wait(wait_class: str) -> Metric:
    lower = wait_class.lower()
    return _rate(
        f"wait_{lower}",
        f"{lower.replace('_', ' ')}",
        "wait",
        (f"wait.{lower}",),
        f"Time waited in events of class {wait_class}, by all threads of the server.",
        unit="s/s",
        scale=_US,
        bad=_HIGH,
    )


CATALOGUE: Final[tuple[Metric, ...]] = (
    _rate("qps", "QPS", "sql", _COUNTS, "Statements a second, of every kind."),
    _mean_time("sql_rt", "SQL time", "sql", _TIMES, _COUNTS, "Mean response time of a statement."),
    _rate("select_rate", "select", "sql", (40000,), "SELECT statements a second."),
    _mean_time("select_rt", "select time", "sql", (40001,), (40000,), "Mean time of a SELECT."),
    _rate("insert_rate", "insert", "sql", (40002,), "INSERT statements a second."),
    _mean_time("insert_rt", "insert time", "sql", (40003,), (40002,), "Mean time of an INSERT."),
    _rate("update_rate", "update", "sql", (40006,), "UPDATE statements a second."),
    _mean_time("update_rt", "update time", "sql", (40007,), (40006,), "Mean time of an UPDATE."),
    _rate("delete_rate", "delete", "sql", (40008,), "DELETE statements a second."),
    _mean_time("delete_rt", "delete time", "sql", (40009,), (40008,), "Mean time of a DELETE."),
    _rate("replace_rate", "replace", "sql", (40004,), "REPLACE statements a second."),
    _rate("other_rate", "other", "sql", (40018,), "Other statements a second (SET, BEGIN, SHOW, ...)."),
    _rate("rows_read_rate", "rows read", "sql", (60031,), "Rows read from storage a second."),
    _rate(
        "rows_filtered_rate", "rows filtered", "sql", (60090,),
        "Rows read and thrown away again by a filter, a second: scans that no index helps with.", bad=_HIGH,
    ),
    _per_statement(
        "rows_per_select", "rows a select", (60031, 60090), (40000,),
        "Rows read, or thrown away by a filter, for each SELECT.",
    ),
    Metric(
        "cpu_per_row", "CPU a row", "s", Kind.RATIO, "sql", (140013,), (60031, 60090), _US, _NONE,
        "CPU time for each row read or filtered, of 1,000 a second at least: joins and sorts make it large,"
        " scans small.",
        least=1000.0,
    ),
    _rate("rows_written_rate", "rows written", "sql", _ROWS, "Rows written a second, those of indexes too."),
    _per_statement(
        "rows_per_write", "rows a write", _ROWS, _WRITES,
        "Rows written for each statement that writes: each index of a table has one.",
    ),
    _rate("sql_fail_rate", "failed SQL", "sql", (40119,), "Statements that failed, a second.", bad=_HIGH),
    _rate("tps", "TPS", "tx", (30007, 30009, 30011), "Transactions ended a second, however they ended."),
    _mean_time("tx_rt", "tx time", "tx", (30006,), (30007, 30009), "Mean time of a transaction."),
    _rate("commit_rate", "commits", "tx", (30007,), "Transactions committed a second."),
    _mean_time("commit_rt", "commit time", "tx", (30008,), (30007,), "Mean time of a commit."),
    _rate("rollback_rate", "rollbacks", "tx", (30009,), "Transactions rolled back a second.", bad=_HIGH),
    _rate("tx_timeout_rate", "tx timeouts", "tx", (30011,), "Transactions timed out a second.", bad=_HIGH),
    _rate("tx_distributed_rate", "distributed", "tx", (30013,), "Distributed transactions a second."),
    _gauge("sessions_active", "active sess.", "load", "", ("session.active",), "Sessions at work."),
    _gauge("sessions", "sessions", "load", "", ("session.all",), "Sessions connected."),
    _rate("logon_rate", "logons", "load", (40112,), "User logons a second.", bad=_HIGH),
    _mean_time("queue_rt", "queue time", "load", (20002,), (20001,), "Mean wait of a request for a worker."),
    Metric(
        "cpu_percent", "CPU", "%", Kind.RATIO, "load", (140013,), (140005,), 0.01, _HIGH,
        "CPU time used, of the tenants' CPU limit.",
    ),
    _rate("cpu_time", "CPU time", "load", (140013,), "CPU seconds used a second.", unit="s/s", scale=_US),
    _rate(
        "worker_time", "worker time", "load", (140012,),
        "Seconds that worker threads were busy, a second; beyond CPU time they waited.",
        unit="s/s", scale=_US,
    ),
    _gauge(
        "worker_percent", "workers", "load", "%", (140006,), "Worker threads in use, of the CPU limit.",
        under=(140005,), bad=_HIGH,
    ),
    _gauge("memory_used", "memory used", "memory", "B", (140003,), "Memory held by tenants."),
    _gauge(
        "memory_percent", "memory of max", "memory", "%", (140003,), "Memory held, of the limit.",
        under=(140002,), bad=_HIGH,
    ),
    _gauge("memstore_used", "memstore used", "memory", "B", (130001,), "Memory of unflushed writes."),
    _gauge(
        "memstore_percent", "memstore of max", "memory", "%", (130001,),
        "Memstore, of its limit; writes are throttled well before 100 %.",
        under=(130004,), bad=_HIGH,
    ),
    _gauge("kvcache_used", "block cache", "memory", "B", (140018,), "Memory held by the KV caches."),
    _gauge("plan_cache_used", "plan cache", "memory", "B", ("plan.memory",), "Memory held by cached plans."),
    _rate(
        "lock_wait_time", "lock wait", "lock", (60023,),
        "Time waited for row locks: sessions waiting on average.", unit="s/s", scale=_US, bad=_HIGH,
    ),
    _gauge(
        "lock_waiters", "lock waiters", "lock", "", ("session.locked",),
        "Sessions that wait for a row lock at this moment.", bad=_HIGH,
    ),
    _mean_time(
        "lock_wait_rt", "wait per lock", "lock", (60023,), (60021, 60022), "Mean wait for a row lock."
    ),
    _rate("lock_rate", "row locks", "lock", (60021,), "Row locks taken a second."),
    _rate("lock_fail_rate", "lock failures", "lock", (60022,), "Row locks not got, a second.", bad=_HIGH),
    _rate("log_write_rate", "log writes", "log", (80001,), "Writes to the redo log disk (palf) a second."),
    _mean_time(
        "log_write_rt", "log write time", "log", (80003,), (80001,), "Mean time of a redo log disk write."
    ),
    _rate("log_write_bytes", "log volume", "log", (80002,), "Redo written to disk.", unit="B/s"),
    _mean_time(
        "log_sync_rt", "log sync time", "log", (30000,), (30001,),
        "Mean time until a commit log has its quorum: rises with network and peers' disks.",
    ),
    _rate("io_read_rate", "reads", "io", (60000,), "Storage reads a second."),
    _mean_time("io_read_rt", "read time", "io", (60001,), (60000,), "Mean time of a storage read."),
    _rate("io_write_rate", "writes", "io", (60003,), "Storage writes a second."),
    _mean_time("io_write_rt", "write time", "io", (60004,), (60003,), "Mean time of a storage write."),
    _rate("io_read_bytes", "read volume", "io", (60002,), "Bytes read from storage.", unit="B/s"),
    _rate("io_write_bytes", "write volume", "io", (60005,), "Bytes written to storage.", unit="B/s"),
    _gauge(
        "data_disk_percent", "data disk", "io", "%", ("disk.data_used",), "Data disk used.",
        under=("disk.data_total",), bad=_HIGH,
    ),
    _gauge(
        "log_disk_percent", "log disk", "io", "%", ("disk.log_used",), "Log disk used.",
        under=("disk.log_total",), bad=_HIGH,
    ),
    _hit_ratio("row_cache_hit", "row cache hit", 50000, (50000, 50001), "Row cache hits."),
    _hit_ratio("block_cache_hit", "block hit", 50008, (50008, 50009), "Data block cache hits."),
    # 60086 is called "accessed" blocks, but counts only those that the cache did not have
    _hit_ratio("index_cache_hit", "index hit", 60087, (60087, 60086), "Index block cache hits."),
    _hit_ratio("plan_cache_hit", "plan hit", "plan.hits", ("plan.accesses",), "Plan cache hits."),
    _rate("sql_in_bytes", "SQL in", "net", (10008,), "Bytes received from clients.", unit="B/s"),
    _rate("sql_out_bytes", "SQL out", "net", (10010,), "Bytes sent to clients.", unit="B/s"),
    _rate("rpc_in_rate", "RPC in", "net", (10000,), "RPC packets received a second."),
    _rate("rpc_out_rate", "RPC out", "net", (10002,), "RPC packets sent a second."),
    _rate("rpc_in_bytes", "RPC bytes in", "net", (10001,), "Bytes received from other servers.", unit="B/s"),
    _rate("rpc_out_bytes", "RPC bytes out", "net", (10003,), "Bytes sent to other servers.", unit="B/s"),
    _mean_time("rpc_rt", "RPC delay", "net", (10005, 10006), (10000,), "Mean network and frame delay."),
    _rate("rpc_fail_rate", "RPC failures", "net", (10004,), "RPC packets not delivered.", bad=_HIGH),
    *(_wait(wait_class) for wait_class in WAIT_CLASSES),
    *HOST_METRICS,
)  # fmt: skip

# What the console shows before it is asked for more: the classic first look, one screen of it.
FIRST_LOOK: Final = frozenset(
    {
        "qps", "sql_rt", "select_rate", "select_rt", "insert_rate", "update_rate", "update_rt", "delete_rate",
        "sql_fail_rate", "tps", "tx_rt", "commit_rt", "rollback_rate", "tx_timeout_rate",
        "sessions_active", "sessions", "queue_rt", "cpu_percent", "worker_time",
        "memory_percent", "memstore_percent", "lock_waiters", "lock_fail_rate",
        "log_write_rt", "log_sync_rt", "io_read_rate", "io_read_rt", "io_write_rate", "io_write_rt",
        "row_cache_hit", "block_cache_hit", "plan_cache_hit", "sql_in_bytes", "sql_out_bytes", "rpc_rt",
        "wait_concurrency", "wait_system_io", "wait_user_io",
    }
)  # fmt: skip

METRIC_IDS: Final = tuple(metric.id for metric in CATALOGUE)
METRIC_INDEX: Final = {metric.id: index for index, metric in enumerate(CATALOGUE)}

COLUMNS: Final[tuple[Column, ...]] = tuple(
    dict.fromkeys(column for metric in CATALOGUE for column in (*metric.over, *metric.under))
)
COLUMN_INDEX: Final = {column: index for index, column in enumerate(COLUMNS)}
STAT_IDS: Final = tuple(column for column in COLUMNS if isinstance(column, int))
HOST_COLUMNS: Final = tuple(c for c in COLUMNS if isinstance(c, str) and c.startswith("host."))


# What the console sees of a server by asking it; no statistic of the server's, and not in its history.
OBSERVED: Final[tuple[Metric, ...]] = (
    Metric(
        "answer_rt", "answer time", "s", Kind.GAUGE, "net", (), (), 1.0, Bad.HIGH,
        "What the console's own questions took at the last sample.",
    ),
)  # fmt: skip

_BY_ID: Final = {row.id: row for row in (*CATALOGUE, *OBSERVED)}


def metric(name: str) -> Metric:
    """The row of a metric id, observed ones too; KeyError if there is none."""
    return _BY_ID[name]

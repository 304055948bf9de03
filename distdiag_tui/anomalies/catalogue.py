"""The catalogue of anomalies: one entry for everything that can be made to go wrong on purpose."""

from __future__ import annotations

from typing import Final

from distdiag_tui.anomalies.entry import Anomaly, Means, Symptom
from distdiag_tui.model.errors import ConfigError

PROCESS: Final = "process"
"""Held by signals to a node's process: a frozen one cannot be killed and started at the same time."""
PORT: Final = "port"
"""Held by what listens in a node's place, and by a node that has to start there."""


def _up(*metrics: str) -> tuple[Symptom, ...]:
    return tuple(Symptom(name, 1) for name in metrics)


def _down(*metrics: str) -> tuple[Symptom, ...]:
    return tuple(Symptom(name, -1) for name in metrics)


CATALOGUE: Final[tuple[Anomaly, ...]] = (
    Anomaly(
        "cpu_stress",
        "CPU stress",
        "The server gets too little CPU: everything it does takes longer.",
        cause="cpu_saturation",
        symptoms=(*_up("sql_rt", "select_rt", "queue_rt"), *_down("qps", "tps")),
        risk="Sessions may time out.",
        means=(
            Means(
                "signals",
                "nodes.signals:CpuStress",
                "SIGSTOP for {stop_ms} ms, then SIGCONT for {run_ms} ms, over and over",
                {
                    "low": {"stop_ms": 50, "run_ms": 50},
                    "medium": {"stop_ms": 70, "run_ms": 30},
                    "high": {"stop_ms": 85, "run_ms": 15},
                },
                needs="lab",
                holds=(PROCESS,),
            ),
            Means(
                "stress-ng",
                "nodes.stress:StressNg",
                "stress-ng with {workers} workers at {load} % each",
                {
                    "low": {"workers": 1, "load": 80},
                    "medium": {"workers": 2, "load": 90},
                    "high": {"workers": 8, "load": 100},
                },
                needs="lab",
                check="nodes.stress:missing",
            ),
        ),
        spreads="stress-ng takes the CPU of the machine, so all lab nodes feel it.",
    ),
    Anomaly(
        "cpu_hog_sql",
        "CPU-hungry SQL",
        "Sessions that run heavy joins one after the other.",
        cause="cpu_hog_sql",
        symptoms=_up("cpu_time", "cpu_percent", "sessions_active", "select_rt", "sql_rt", "worker_percent"),
        risk="Other sessions get less CPU.",
        means=(
            Means(
                "sql",
                "sql.joins:HeavyJoins",
                "{sessions} sessions that join a table of {rows} rows with itself",
                {
                    "low": {"sessions": 1, "rows": 2000},
                    "medium": {"sessions": 2, "rows": 2000},
                    "high": {"sessions": 6, "rows": 2000},
                },
            ),
        ),
    ),
    Anomaly(
        "io_bottleneck",
        "I/O bottleneck",
        "The disk under the server is kept busy with writes that must reach it at once.",
        cause="io_saturation",
        symptoms=_up("commit_rt", "io_write_rt", "log_write_rt"),
        risk="Slows down everything that writes to the same disk.",
        means=(
            Means(
                "disk",
                "nodes.disk:DiskWriters",
                "{writers} writers of {block_kib} KiB with fdatasync each, in files of {file_mib} MiB",
                {
                    "low": {"writers": 2, "block_kib": 256, "file_mib": 64},
                    "medium": {"writers": 6, "block_kib": 1024, "file_mib": 64},
                    "high": {"writers": 16, "block_kib": 4096, "file_mib": 64},
                },
                needs="lab",
            ),
        ),
        spreads="Nodes that share the disk, as those of the lab do, feel it as well.",
    ),
    Anomaly(
        "network_bottleneck",
        "Network bottleneck",
        "The network to the server is slow, narrow and lossy.",
        cause="network_degraded",
        symptoms=_down("qps", "tps", "sql_in_bytes", "sql_out_bytes"),
        risk="Connections are cut when it begins and when it ends.",
        means=(
            Means(
                "proxy",
                "nodes.proxy:Network",
                "a proxy in front of the SQL port: delay {delay_ms} ms ± {jitter_ms} ms each way,"
                " {kib_per_s} KiB/s, {stall_percent} % of packets late by {stall_ms} ms,"
                " {resets_per_min} resets a minute",
                {
                    "low": {"delay_ms": 5, "jitter_ms": 2, "kib_per_s": 4096, "stall_percent": 0.5,
                            "stall_ms": 200, "resets_per_min": 0},
                    "medium": {"delay_ms": 20, "jitter_ms": 10, "kib_per_s": 512, "stall_percent": 2.0,
                               "stall_ms": 300, "resets_per_min": 0},
                    "high": {"delay_ms": 60, "jitter_ms": 40, "kib_per_s": 64, "stall_percent": 8.0,
                             "stall_ms": 600, "resets_per_min": 6},
                },
                needs="lab",
                holds=(PORT,),
            ),
        ),
    ),
    Anomaly(
        "cache_bottleneck",
        "Cold caches",
        "The row and block caches are emptied again and again.",
        cause="cache_thrashing",
        symptoms=(*_up("io_read_rate", "io_read_bytes"), *_down("kvcache_used", "block_cache_hit")),
        risk="More reads from disk.",
        means=(
            Means(
                "sql",
                "sql.flushes:FlushKvCache",
                "ALTER SYSTEM FLUSH KVCACHE every {every_ms} ms",
                {"low": {"every_ms": 2000}, "medium": {"every_ms": 500}, "high": {"every_ms": 50}},
            ),
        ),
    ),
    Anomaly(
        "memory_pressure",
        "Memory pressure",
        "Large open transactions fill the memstore until writes are throttled.",
        cause="memstore_full",
        symptoms=_up("memstore_used", "memstore_percent", "insert_rt", "io_write_bytes"),
        risk="Writes of everybody are throttled, and may fail until it is over.",
        means=(
            Means(
                "sql",
                "sql.memstore:FillMemstore",
                "{sessions} open transactions that fill up to {percent} % of the memstore",
                {
                    "low": {"sessions": 2, "percent": 35},
                    "medium": {"sessions": 2, "percent": 62},
                    "high": {"sessions": 6, "percent": 90},
                },
            ),
        ),
    ),
    Anomaly(
        "too_many_indexes",
        "Too many indexes",
        "Hot tables get more indexes than they need: every write costs more.",
        cause="too_many_indexes",
        symptoms=_up("log_write_bytes", "io_write_bytes"),
        risk="Building the indexes reads whole tables; to drop them takes a few seconds.",
        means=(
            Means(
                "sql",
                "sql.indexes:ExtraIndexes",
                "{indexes} more indexes on each of up to {tables} hot tables",
                {
                    "low": {"indexes": 3, "tables": 4},
                    "medium": {"indexes": 6, "tables": 4},
                    "high": {"indexes": 10, "tables": 4},
                },
            ),
        ),
        spreads="The tables are the cluster's: writes that come through another server cost more as well.",
    ),
    Anomaly(
        "lock_contention",
        "Lock contention",
        "A session holds hot rows that others want to change.",
        cause="lock_contention",
        symptoms=(*_up("sessions_active", "update_rt", "delete_rt"), *_down("tps", "commit_rate", "qps")),
        risk="Statements of others wait, and may time out.",
        means=(
            Means(
                "sql",
                "sql.locks:HoldRows",
                "transactions that hold {percent} % of the rows of up to {tables} hot tables for {hold_s} s"
                " at a time",
                {
                    "low": {"tables": 4, "percent": 2, "hold_s": 1.0},
                    "medium": {"tables": 4, "percent": 10, "hold_s": 3.0},
                    "high": {"tables": 8, "percent": 100, "hold_s": 10.0},
                },
            ),
        ),
        spreads="The rows are the cluster's: whoever wants them through another server waits as well.",
    ),
    Anomaly(
        "slow_sql",
        "Slow SQL",
        "Full scans with a pattern that no index helps with.",
        cause="slow_sql",
        symptoms=_up("select_rt", "sql_rt", "sessions_active", "cpu_time", "cpu_percent"),
        risk="Takes CPU and cache from others.",
        means=(
            Means(
                "sql",
                "sql.scans:FullScans",
                "{sessions} sessions that scan {rows} rows with LIKE '%…%'",
                {
                    "low": {"sessions": 1, "rows": 50_000},
                    "medium": {"sessions": 2, "rows": 50_000},
                    "high": {"sessions": 6, "rows": 50_000},
                },
            ),
        ),
    ),
    Anomaly(
        "plan_cache_flush",
        "Plan cache flushed",
        "Plans are thrown away as fast as they are made: every statement is compiled anew.",
        cause="plan_cache_thrashing",
        symptoms=(*_down("plan_cache_hit"), *_up("sql_rt", "insert_rt")),
        risk="Statements take longer.",
        means=(
            Means(
                "sql",
                "sql.flushes:FlushPlanCache",
                "ALTER SYSTEM FLUSH PLAN CACHE every {every_ms} ms",
                {"low": {"every_ms": 300}, "medium": {"every_ms": 100}, "high": {"every_ms": 20}},
            ),
        ),
    ),
    Anomaly(
        "connection_storm",
        "Connection storm",
        "Clients that log in, ask one thing and leave, as fast as they can.",
        cause="connection_storm",
        symptoms=_up("logon_rate", "other_rate", "sql_in_bytes", "qps", "cpu_time"),
        risk="Logins of others take longer.",
        means=(
            Means(
                "sql",
                "sql.logins:Storm",
                "{clients} clients, {per_s} logins a second in all",
                {
                    "low": {"clients": 4, "per_s": 20},
                    "medium": {"clients": 16, "per_s": 100},
                    "high": {"clients": 48, "per_s": 1000},
                },
            ),
        ),
    ),
    Anomaly(
        "node_down",
        "Node down",
        "The server's process is killed, and started again at the end.",
        cause="node_down",
        symptoms=_down("qps", "tps", "sessions"),
        risk="All its connections break; it recovers from its log when it is started again.",
        means=(
            Means(
                "signals",
                "nodes.signals:NodeDown",
                "SIGKILL; at the end the node is started again",
                {"low": {}, "medium": {}, "high": {}},
                needs="lab",
                holds=(PROCESS, PORT),
            ),
        ),
    ),
    Anomaly(
        "node_hang",
        "Node hung",
        "The server's process is there, but does not answer any more.",
        cause="node_hung",
        symptoms=_down("qps", "tps"),
        risk="Clients wait until their own patience ends.",
        means=(
            Means(
                "signals",
                "nodes.signals:NodeHang",
                "SIGSTOP; at the end SIGCONT",
                {"low": {}, "medium": {}, "high": {}},
                needs="lab",
                holds=(PROCESS,),
            ),
        ),
    ),
    Anomaly(
        "major_compaction",
        "Major compaction",
        "A merge of all data is started while there is load.",
        cause="major_compaction",
        symptoms=_up("io_read_rate", "io_read_bytes", "io_write_rate", "io_write_bytes"),
        risk="A merge cannot be called off: the server is not clean before all its data is merged.",
        means=(
            Means(
                "sql",
                "sql.compaction:MajorFreeze",
                "{rows} rows changed, then ALTER SYSTEM MAJOR FREEZE, up to {times} times,"
                " each as soon as the last merge is over",
                {
                    "low": {"times": 1, "rows": 10_000},
                    "medium": {"times": 3, "rows": 50_000},
                    "high": {"times": 1000, "rows": 200_000},
                },
                holds=("compaction",),
            ),
        ),
        spreads="The other servers of a cluster merge as well.",
    ),
)  # fmt: skip


def find_anomaly(name: str) -> Anomaly:
    """The entry of that id; ConfigError names those that there are."""
    for anomaly in CATALOGUE:
        if anomaly.id == name:
            return anomaly
    raise ConfigError(f"there is no anomaly {name!r}; there are: {', '.join(a.id for a in CATALOGUE)}")

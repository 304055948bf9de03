"""The catalogue of anomalies: one entry for everything that can be made to go wrong on purpose."""

from __future__ import annotations

from typing import Final

from distdiag_tui.anomalies.entry import Anomaly, Means, Symptom
from distdiag_tui.model.errors import ConfigError

PROCESS: Final = "process"
"""Held by signals to a node's process: a frozen one cannot be killed and started at the same time."""
PORT: Final = "port"
"""Held by what listens in a node's place, and by a node that has to start there."""
COMPACTION: Final = "compaction"
"""Held by merges, which all servers of a cluster do together, at a pace that is the tenant's."""

REDO_LOG: Final = "/home/admin/data-log"
"""Where ob-operator mounts the volume that every commit waits for."""
_KUBERNETES: Final = "chaos:missing"


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
        symptoms=_up("tx_rt", "sql_rt"),
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
                    "low": {"workers": 4, "load": 100},
                    "medium": {"workers": 16, "load": 100},
                    "high": {"workers": 64, "load": 100},
                },
                needs="lab",
                check="nodes.stress:missing",
            ),
            Means(
                "chaos",
                "chaos.fault:CpuStress",
                "StressChaos: {workers} workers at {load} % each in the pod",
                {
                    "low": {"workers": 4, "load": 50},
                    "medium": {"workers": 16, "load": 75},
                    "high": {"workers": 32, "load": 100},
                },
                needs="kubernetes",
                check=_KUBERNETES,
            ),
        ),
        spreads="stress-ng takes the CPU of the machine: all lab nodes feel it, the busier the more.",
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
        symptoms=_up("io_write_rt", "log_write_rt", "log_sync_rt", "commit_rt", "wait_system_io"),
        risk="Slows down everything that writes to the same disk.",
        means=(
            Means(
                "disk",
                "nodes.disk:DiskWriters",
                "{writers} writers of {block_kib} KiB with fdatasync each, in files of {file_mib} MiB",
                {
                    "low": {"writers": 6, "block_kib": 1024, "file_mib": 32},
                    "medium": {"writers": 12, "block_kib": 2048, "file_mib": 32},
                    "high": {"writers": 32, "block_kib": 4096, "file_mib": 32},
                },
                needs="lab",
            ),
            Means(
                "chaos",
                "chaos.fault:DiskLatency",
                "IOChaos: {percent} % of reads, writes and fsyncs below {volume} are late by {delay_ms} ms",
                {
                    "low": {"volume": REDO_LOG, "delay_ms": 10, "percent": 50},
                    "medium": {"volume": REDO_LOG, "delay_ms": 50, "percent": 100},
                    "high": {"volume": REDO_LOG, "delay_ms": 200, "percent": 100},
                },
                needs="kubernetes",
                check=_KUBERNETES,
            ),
        ),
        spreads="Nodes that share the disk, as those of the lab do, feel it as well.",
    ),
    Anomaly(
        "network_bottleneck",
        "Network bottleneck",
        "The network to the server is slow, narrow and lossy.",
        cause="network_degraded",
        symptoms=(*_up("tx_rt"), *_down("qps", "tps", "commit_rate", "sql_in_bytes")),
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
            Means(
                "chaos",
                "chaos.fault:BadNetwork",
                "NetworkChaos: what the pod sends is late by {delay_ms} ms ± {jitter_ms} ms,"
                " {loss_percent} % of it is lost, {kbit_per_s} kbit/s at most",
                {
                    "low": {"delay_ms": 10, "jitter_ms": 2, "loss_percent": 0.5, "kbit_per_s": 100_000},
                    "medium": {"delay_ms": 50, "jitter_ms": 10, "loss_percent": 2, "kbit_per_s": 20_000},
                    "high": {"delay_ms": 150, "jitter_ms": 40, "loss_percent": 10, "kbit_per_s": 2_000},
                },
                needs="kubernetes",
                check=_KUBERNETES,
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
            Means(
                "chaos",
                "chaos.fault:MemoryStress",
                "StressChaos: {percent} % of the pod's memory is held by a process that is killed first",
                {"low": {"percent": 20}, "medium": {"percent": 40}, "high": {"percent": 60}},
                needs="kubernetes",
                check=_KUBERNETES,
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
                lingers=15.0,  # until what was written is flushed
            ),
            Means(
                "chaos",
                "chaos.fault:MemoryStress",
                "StressChaos: {percent} % of the pod's memory is held by a process that is killed first",
                {"low": {"percent": 40}, "medium": {"percent": 60}, "high": {"percent": 80}},
                needs="kubernetes",
                check=_KUBERNETES,
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
                lingers=15.0,  # a busy disk
            ),
        ),
        spreads="The tables are the cluster's: writes that come through another server cost more as well.",
    ),
    Anomaly(
        "lock_contention",
        "Lock contention",
        "A session holds hot rows that others want to change.",
        cause="lock_contention",
        symptoms=(
            *_up("lock_waiters", "sessions_active", "update_rt", "delete_rt"),
            *_down("tps", "commit_rate", "qps"),
        ),
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
        symptoms=(),
        risk="All its connections break; it recovers from its log when it is started again. In Kubernetes"
        " that is up to ob-operator, which needs a network where a new pod can have the old one's address.",
        means=(
            Means(
                "signals",
                "nodes.signals:NodeDown",
                "SIGKILL; at the end the node is started again",
                {"low": {}, "medium": {}, "high": {}},
                needs="lab",
                holds=(PROCESS, PORT),
            ),
            Means(
                "chaos",
                "chaos.fault:PodKill",
                "PodChaos pod-kill: the pod is killed once; ob-operator makes a new one",
                {"low": {}, "medium": {}, "high": {}},
                needs="kubernetes",
                finite=True,
                holds=(PROCESS,),
                check=_KUBERNETES,
            ),
        ),
    ),
    Anomaly(
        "node_hang",
        "Node hung",
        "The server's process is there, but does not answer any more.",
        cause="node_hung",
        symptoms=(),
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
            Means(
                "chaos",
                "chaos.fault:PodFailure",
                "PodChaos pod-failure: the pod stays, with images in it that do nothing",
                {"low": {}, "medium": {}, "high": {}},
                needs="kubernetes",
                holds=(PROCESS,),
                check=_KUBERNETES,
            ),
        ),
    ),
    Anomaly(
        "network_partition",
        "Network partition",
        "The server and others of its cluster cannot reach each other; clients still reach it.",
        cause="network_partition",
        symptoms=(*_down("qps", "tps", "rpc_in_rate"), *_up("rpc_fail_rate", "log_sync_rt")),
        risk="Its leaders move to other servers; writes stop where no majority is left.",
        means=(
            Means(
                "chaos",
                "chaos.fault:Partition",
                "NetworkChaos partition: {percent} % of the other servers, direction {direction}",
                {
                    "low": {"percent": 1, "direction": "both"},
                    "medium": {"percent": 100, "direction": "to"},
                    "high": {"percent": 100, "direction": "both"},
                },
                needs="kubernetes",
                check=_KUBERNETES,
            ),
        ),
        spreads="The servers that it is parted from feel it as well.",
    ),
    Anomaly(
        "clock_skew",
        "Clock skew",
        "The server reads another time than the other servers do.",
        cause="clock_skew",
        symptoms=_up("sql_fail_rate", "tx_timeout_rate", "rpc_fail_rate"),
        risk="Timeouts of sessions and leases are reckoned with the wrong time.",
        means=(
            Means(
                "chaos",
                "chaos.fault:ClockSkew",
                "TimeChaos: CLOCK_REALTIME is off by {offset_ms} ms",
                {"low": {"offset_ms": 500}, "medium": {"offset_ms": 5_000}, "high": {"offset_ms": 30_000}},
                needs="kubernetes",
                check=_KUBERNETES,
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
                holds=(COMPACTION,),
                finite=True,
                lingers=120.0,
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

"""How each cause shows in metrics: what diagnosis knows on its first day.

Weights from -3 to 3 by metric: the sign is the way it moves, the size how much it says. A metric that many
causes move gets little. Written from what OceanBase does, and checked against recorded faults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from distdiag_tui.diagnosis.rules import Knowledge

SIGNS: Final[Mapping[str, Mapping[str, float]]] = {
    "cpu_saturation": {
        "answer_rt": 3, "tx_rt": 3, "sql_rt": 1, "queue_rt": 1, "select_rt": 1, "update_rt": 1,
        "insert_rt": 1,
        "delete_rt": 1, "commit_rt": 1, "io_write_rt": 1, "log_write_rt": 1, "log_sync_rt": 1,
        "proc_stopped": 3, "proc_run_delay_rt": 2, "proc_run_delay": 1, "proc_throttled": 2,
        "host_cpu_steal": 2, "host_pressure_cpu": 1, "cpu_time": -1, "cpu_percent": -1,
    },
    "cpu_hog_sql": {
        "cpu_time": 3, "cpu_percent": 3, "select_rt": 3, "sql_rt": 2, "sessions_active": 2, "sessions": 1,
        "cpu_per_row": 2, "rows_filtered_rate": -3, "io_read_rate": -1, "rows_read_rate": 1,
        "rows_per_select": 1,
    },
    "slow_sql": {
        "rows_per_select": 3, "rows_read_rate": 1, "select_rt": 3, "sql_rt": 2, "rows_filtered_rate": 3,
        "cpu_time": 1, "cpu_percent": 1, "sessions_active": 1, "sessions": 1,
        "cpu_per_row": -3, "lock_wait_time": -2,
    },
    "io_saturation": {
        "io_write_rt": 3, "log_write_rt": 3, "log_sync_rt": 3, "wait_system_io": 3, "commit_rt": 2,
        "wait_commit": 2, "tx_rt": 1, "wait_other": 1, "io_read_rt": 1,
        "host_disk_flush_rt": 2, "host_disk_write_rt": 2, "host_disk_queue": 1, "host_pressure_io": 1,
    },
    "network_degraded": {
        "answer_rt": 3, "qps": -1, "tps": -1, "tx_rt": 1, "log_sync_rt": -1, "io_write_rt": -1,
        "proc_stopped": -3, "proc_run_delay_rt": -1, "host_tcp_retrans": 1,
    },
    "cache_thrashing": {
        "io_read_rate": 3, "io_read_bytes": 3, "kvcache_used": -3, "block_cache_hit": -2, "row_cache_hit": -2,
        "index_cache_hit": -2, "wait_user_io": 2, "io_read_rt": 1,
    },
    "memstore_full": {
        "memstore_used": 3, "memstore_percent": 3, "wait_configuration": 3, "insert_rt": 2,
        "log_write_bytes": 2, "io_write_bytes": 2, "insert_rate": 1, "memory_used": 1, "memory_percent": 1,
    },
    "too_many_indexes": {
        "rows_per_write": 3, "rows_written_rate": 3, "log_write_bytes": 3, "io_write_bytes": 2,
        "update_rt": 1,
        "insert_rt": 1, "delete_rt": 1, "memory_used": 1,
    },
    "lock_contention": {
        # statements that wait show in no mean time before they are over: what is left is that nothing is done
        "lock_waiters": 3, "update_rt": 3, "lock_wait_time": 3, "delete_rt": 2, "tx_rt": 2,
        "update_rate": -3, "tps": -2, "sessions_active": 2, "delete_rate": -1, "qps": -1, "lock_fail_rate": 1,
        "sql_fail_rate": 1, "rollback_rate": 1, "commit_rate": -1, "sql_rt": 1, "wait_application": 1,
        "sessions": 1, "select_rt": -2,
    },
    "plan_cache_thrashing": {
        "plan_cache_hit": -3, "plan_cache_used": -1, "insert_rt": 1, "update_rt": 1, "delete_rt": 1,
        "sql_rt": 1,
    },
    "connection_storm": {
        "logon_rate": 3, "other_rate": 3, "sql_in_bytes": 1, "sql_out_bytes": 1, "qps": 2, "cpu_time": 1,
        "cpu_percent": 1, "sessions": 1, "rows_per_select": -1,
    },
    "major_compaction": {
        "io_read_rate": 2, "io_read_bytes": 2, "io_write_rate": 3, "io_write_bytes": 3, "wait_system_io": 3,
        "data_disk_percent": 1, "memstore_used": -2, "memstore_percent": -2, "cpu_time": 1, "cpu_percent": 1,
    },
    "network_partition": {
        "rpc_fail_rate": 3, "rpc_in_rate": -3, "rpc_out_rate": -1, "log_sync_rt": 2, "qps": -1, "tps": -1,
    },
    "clock_skew": {"sql_fail_rate": 2, "tx_timeout_rate": 3, "rpc_fail_rate": 2},
    "log_sync_behind": {"log_sync_rt": 3, "commit_rt": 3, "wait_commit": 2, "rpc_rt": 2, "log_write_rt": -1},
}  # fmt: skip

NEEDS: Final[Mapping[str, str]] = {
    "slow_sql": "select_rt",  # who locks rows reads many as well
    "cpu_hog_sql": "cpu_time",
}
DENIED: Final[Mapping[str, str]] = {
    "cpu_saturation": "cpu_time",  # who gets too little uses no more of it
    "slow_sql": "lock_waiters",  # what waits for a lock is slow as well
}
STOPPED: Final = "proc_stopped"
"""Not of its own accord: no load of its own does that to a server."""
BUSY: Final = tuple(
    name for name, weight in SIGNS["cpu_saturation"].items() if weight > 0 and name != STOPPED
)
BRINGS: Final[Mapping[str, Mapping[str, int]]] = {
    **dict.fromkeys(
        ("cpu_hog_sql", "slow_sql", "connection_storm", "major_compaction"), dict.fromkeys(BUSY, 1)
    ),
    # who locks rows reads them
    "lock_contention": {"rows_per_select": 1, "rows_read_rate": 1, "rows_filtered_rate": 1},
    # what is read from disk is unpacked
    "cache_thrashing": {"cpu_time": 1, "cpu_percent": 1, "cpu_per_row": 1, "select_rt": 1, "sql_rt": 1},
    "memstore_full": {"kvcache_used": -1},  # caches make room
}
TELLS: Final[Mapping[str, str]] = {"lock_contention": "lock_waiters"}
ADDS: Final[Mapping[str, str]] = {
    "plan_cache_thrashing": "plan_cache_hit",  # alone it comes with many causes
    "cpu_saturation": STOPPED,
    "cache_thrashing": "kvcache_used",
}
SHOWN: Final[Mapping[str, Sequence[str]]] = {
    # no process waits for a CPU, or is stopped, without a trace
    "cpu_saturation": (STOPPED, "proc_run_delay_rt", "proc_throttled", "host_cpu_steal"),
}
DAY_ONE: Final = Knowledge(SIGNS, NEEDS, DENIED, BRINGS, TELLS, ADDS, SHOWN)
"""What diagnosis goes by until it is trained."""

"""Raw columns as series: a name, a base unit and a sentence for each.

Running totals become counters, so that `rate()` is right over any span and any sum of servers and tenants,
and a mean is the rate of its seconds over the rate of its count. Levels become gauges. What is counted in
microseconds is told in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from distdiag_tui.model.metrics import COLUMNS, LEVELS, WAIT_CLASSES, Column

PREFIX: Final = "oceanbase_"
UNNAMED: Final = "#"  # and the id: the label of a tenant whose name is not known; no name begins so


@dataclass(frozen=True, slots=True)
class Series:
    """What a raw column is called. Its value times `scale` is in the unit that the name ends with.

    `name` is that of the samples: counters end in `_total`.
    """

    column: Column
    name: str
    scale: float
    counter: bool
    about: str


_NAMED: Final[dict[Column, tuple[str, str]]] = {
    40000: ("sql_select", "SELECT statements."),
    40002: ("sql_insert", "INSERT statements."),
    40004: ("sql_replace", "REPLACE statements."),
    40006: ("sql_update", "UPDATE statements."),
    40008: ("sql_delete", "DELETE statements."),
    40018: ("sql_other", "Other statements (SET, BEGIN, SHOW, ...)."),
    40001: ("sql_select_seconds", "Time spent on SELECT statements."),
    40003: ("sql_insert_seconds", "Time spent on INSERT statements."),
    40005: ("sql_replace_seconds", "Time spent on REPLACE statements."),
    40007: ("sql_update_seconds", "Time spent on UPDATE statements."),
    40009: ("sql_delete_seconds", "Time spent on DELETE statements."),
    40019: ("sql_other_seconds", "Time spent on other statements."),
    40119: ("sql_failed", "Statements that failed."),
    40112: ("logons", "User logons."),
    60031: ("rows_read", "Rows read from storage."),
    60090: ("rows_filtered", "Rows read and thrown away again by a filter."),
    60032: ("rows_deleted", "Rows deleted, those of indexes too."),
    60033: ("rows_inserted", "Rows inserted, those of indexes too."),
    60034: ("rows_updated", "Rows updated, those of indexes too."),
    30007: ("tx_commits", "Transactions committed."),
    30009: ("tx_rollbacks", "Transactions rolled back."),
    30011: ("tx_timeouts", "Transactions timed out."),
    30006: ("tx_seconds", "Time spent in transactions that were committed or rolled back."),
    30008: ("tx_commit_seconds", "Time spent committing."),
    30013: ("tx_distributed", "Distributed transactions."),
    20002: ("queue_seconds", "Time that requests waited for a worker."),
    20001: ("queue_requests", "Requests taken from the queue."),
    140013: ("cpu_seconds", "CPU time used."),
    140012: ("worker_seconds", "Time that worker threads were busy."),
    140005: ("cpu_limit_cores", "CPU limit."),
    140006: ("workers_used_cores", "Worker threads in use, in cores of the CPU limit."),
    140003: ("memory_used_bytes", "Memory held."),
    140002: ("memory_limit_bytes", "Memory limit."),
    130001: ("memstore_used_bytes", "Memory of unflushed writes."),
    130004: ("memstore_limit_bytes", "Limit of the memstore."),
    140018: ("kvcache_used_bytes", "Memory held by the KV caches."),
    60023: ("lock_wait_seconds", "Time waited for row locks."),
    60021: ("locks", "Row locks taken."),
    60022: ("lock_failures", "Row locks not got."),
    80001: ("log_writes", "Writes to the redo log disk (palf)."),
    80003: ("log_write_seconds", "Time spent writing to the redo log disk (palf)."),
    80002: ("log_write_bytes", "Redo written to disk."),
    30000: ("log_sync_seconds", "Time until commit logs had their quorum."),
    30001: ("log_syncs", "Commit logs that got their quorum."),
    60000: ("io_reads", "Storage reads."),
    60001: ("io_read_seconds", "Time spent on storage reads."),
    60002: ("io_read_bytes", "Bytes read from storage."),
    60003: ("io_writes", "Storage writes."),
    60004: ("io_write_seconds", "Time spent on storage writes."),
    60005: ("io_write_bytes", "Bytes written to storage."),
    50000: ("row_cache_hits", "Rows found in the row cache."),
    50001: ("row_cache_misses", "Rows not found in the row cache."),
    50008: ("block_cache_hits", "Data blocks found in the block cache."),
    50009: ("block_cache_misses", "Data blocks not found in the block cache."),
    60087: ("index_cache_hits", "Index blocks found in the cache."),
    60086: ("index_cache_misses", "Index blocks not found in the cache."),
    10008: ("sql_in_bytes", "Bytes received from clients."),
    10010: ("sql_out_bytes", "Bytes sent to clients."),
    10000: ("rpc_in", "RPC packets received."),
    10002: ("rpc_out", "RPC packets sent."),
    10001: ("rpc_in_bytes", "Bytes received from other servers."),
    10003: ("rpc_out_bytes", "Bytes sent to other servers."),
    10005: ("rpc_net_seconds", "Network delay of the RPC packets received."),
    10006: ("rpc_frame_seconds", "Frame delay of the RPC packets received."),
    10004: ("rpc_failures", "RPC packets not delivered."),
    "session.active": ("sessions_active", "Sessions at work."),
    "session.all": ("sessions", "Sessions connected."),
    "session.locked": ("sessions_lock_waiting", "Sessions that wait for a row lock."),
    "plan.memory": ("plan_cache_used_bytes", "Memory held by cached plans."),
    "plan.hits": ("plan_cache_hits", "Plans found in the plan cache."),
    "plan.accesses": ("plan_cache_accesses", "Plans looked for in the plan cache."),
    "disk.data_used": ("data_disk_used_bytes", "Data disk used."),
    "disk.data_total": ("data_disk_size_bytes", "Size of the data disk."),
    "disk.log_used": ("log_disk_used_bytes", "Log disk used."),
    "disk.log_total": ("log_disk_size_bytes", "Size of the log disk."),
    **{
        f"wait.{name.lower()}": (
            f"wait_{name.lower()}_seconds",
            f"Time waited in events of class {name}, by all threads.",
        )
        for name in WAIT_CLASSES
    },
    "host.machines": ("host_machines", "1 where the machine's figures are known."),
    "host.elapsed": ("host_elapsed_seconds", "Time that passed on the machine while it was watched."),
    "host.cpus": ("host_cpus", "CPUs of the machine."),
    "host.cpu_user": ("host_cpu_user_seconds", "CPU time of the machine in programs."),
    "host.cpu_system": ("host_cpu_system_seconds", "CPU time of the machine in its kernel."),
    "host.cpu_steal": ("host_cpu_steal_seconds", "CPU time that the hypervisor gave to others."),
    "host.cpu_iowait": ("host_cpu_iowait_seconds", "CPU time idle while a disk works."),
    "host.cpu_idle": ("host_cpu_idle_seconds", "CPU time idle."),
    "host.running": ("host_threads_running", "Threads of the machine that run or want to."),
    "host.blocked": ("host_threads_blocked", "Threads of the machine that wait for a disk."),
    "host.load": ("host_load1", "Load average of a minute."),
    "host.pressure_cpu": ("host_pressure_cpu_seconds", "Time in which some thread waited for a CPU (PSI)."),
    "host.pressure_io": ("host_pressure_io_seconds", "Time in which some thread waited for a disk (PSI)."),
    "host.pressure_io_full": ("host_pressure_io_full_seconds", "Time in which all waited for a disk (PSI)."),
    "host.pressure_memory": (
        "host_pressure_memory_seconds",
        "Time in which some thread waited for memory (PSI).",
    ),
    "host.pressure_elapsed": ("host_pressure_elapsed_seconds", "Time that the pressure was watched."),
    "host.memory_used": ("host_memory_used_bytes", "Memory of the machine that is not available any more."),
    "host.memory_total": ("host_memory_size_bytes", "Memory of the machine."),
    "host.memory_available": ("host_memory_unused_bytes", "Memory that the machine can still give."),
    "host.swap_used": ("host_swap_used_bytes", "Swap space used."),
    "host.swap_total": ("host_swap_size_bytes", "Swap space."),
    "host.swap_in": ("host_swap_in_pages", "Pages read back from swap."),
    "host.swap_out": ("host_swap_out_pages", "Pages written to swap."),
    "host.disk_busy": ("host_disk_busy_seconds", "Time in which the data's disk had something to do."),
    "host.disk_elapsed": ("host_disk_elapsed_seconds", "Time that the disk was watched."),
    "host.disk_queue_time": ("host_disk_queue_seconds", "Time of all requests in the disk's queue."),
    "host.disk_reads": ("host_disk_reads", "Reads of the disk."),
    "host.disk_read_time": ("host_disk_read_seconds", "Time spent on reads of the disk."),
    "host.disk_read_bytes": ("host_disk_read_bytes", "Bytes read from the disk."),
    "host.disk_writes": ("host_disk_writes", "Writes of the disk."),
    "host.disk_write_time": ("host_disk_write_seconds", "Time spent on writes of the disk."),
    "host.disk_write_bytes": ("host_disk_write_bytes", "Bytes written to the disk."),
    "host.disk_flushes": ("host_disk_flushes", "Flushes of the disk."),
    "host.disk_flush_time": ("host_disk_flush_seconds", "Time spent on flushes of the disk."),
    "host.net_in_bytes": ("host_net_in_bytes", "Bytes received by the machine, without loopback."),
    "host.net_out_bytes": ("host_net_out_bytes", "Bytes sent by the machine, without loopback."),
    "host.net_in_packets": ("host_net_in_packets", "Packets received by the machine."),
    "host.net_out_packets": ("host_net_out_packets", "Packets sent by the machine."),
    "host.net_errors": ("host_net_errors", "Packets with errors, in and out."),
    "host.net_drops": ("host_net_drops", "Packets dropped, in and out."),
    "host.tcp_sent": ("host_tcp_segments_sent", "TCP segments sent, loopback too."),
    "host.tcp_resent": ("host_tcp_segments_resent", "TCP segments that had to be sent again."),
    "host.proc_user": ("process_cpu_user_seconds", "CPU time of the server's process in its program."),
    "host.proc_system": ("process_cpu_system_seconds", "CPU time of the server's process in the kernel."),
    "host.proc_run_delay": ("process_run_delay_seconds", "Time that its threads waited for a CPU."),
    "host.proc_runs": ("process_runs", "Turns of its threads on a CPU."),
    "host.proc_stopped": ("process_stopped_looks", "Looks at which it was stopped by a signal."),
    "host.proc_looks": ("process_looks", "Looks at whether it was stopped."),
    "host.proc_major_faults": ("process_major_faults", "Page faults that had to read from a disk."),
    "host.proc_read_bytes": ("process_read_bytes", "Bytes that it had read from disks."),
    "host.proc_write_bytes": ("process_write_bytes", "Bytes that it sent to disks."),
    "host.proc_memory": ("process_resident_memory_bytes", "Resident memory of the server's process."),
    "host.proc_threads": ("process_threads", "Threads of the process."),
    "host.proc_files": ("process_open_files", "File handles that it has open."),
    "host.cgroup_throttled": ("container_throttled_periods", "Periods in which its CPU limit was used up."),
    "host.cgroup_periods": ("container_periods", "Periods of the container's CPU limit."),
    "host.cgroup_throttled_time": ("container_throttled_seconds", "Time that its CPUs were held back."),
    "host.cgroup_cpu": ("container_cpu_seconds", "CPU time that the container used."),
    "host.cgroup_memory": ("container_memory_used_bytes", "Memory that the container holds."),
    "host.cgroup_memory_limit": ("container_memory_limit_bytes", "Its limit."),
}

# Where a column's unit is not its series'.
_SCALES: Final = {"_seconds": 1e-6, "_cores": 1e-2}


def _series(column: Column) -> Series:
    counter = column not in LEVELS
    named = _NAMED.get(column)
    if named is None:  # a column that is new has no words of its own yet
        name = f"statistic_{column}" if isinstance(column, int) else column.replace(".", "_")
        return Series(column, f"{PREFIX}{name}{'_total' * counter}", 1.0, counter, f"Raw column {column}.")
    name, about = named
    scale = next((value for ending, value in _SCALES.items() if name.endswith(ending)), 1.0)
    return Series(column, f"{PREFIX}{name}{'_total' * counter}", scale, counter, about)


SERIES: Final[tuple[Series, ...]] = tuple(map(_series, COLUMNS))
"""A series for each raw column, in the order of COLUMNS."""

BY_NAME: Final = {series.name: index for index, series in enumerate(SERIES)}
BY_COLUMN: Final = {series.column: series for series in SERIES}

"""The statements that several causes offer to look at, and the commands of obdiag."""

from __future__ import annotations

from typing import Final

from distdiag_tui.diagnosis.cause import Look, Obdiag

TOP_SQL: Final = Look(
    "The statements that took most of the last minute. One with most of the time is the culprit or its"
    " victim: many short waits make a victim, long execution a culprit.",
    "select sql_id, user_name, count(*) as times, round(sum(elapsed_time) / 1000) as ms,"
    " round(sum(execute_time) / 1000) as execute_ms, round(sum(queue_time) / 1000) as queue_ms,"
    " substr(max(query_sql), 1, 120) as statement from oceanbase.GV$OB_SQL_AUDIT"
    " where {here} and request_time > time_to_usec(now(6)) - 60000000 and is_inner_sql = 0"
    " group by sql_id, user_name order by ms desc limit 10",
)
ACTIVE: Final = Look(
    "What runs at this moment, the longest first.",
    "select id, user, host, db, time, sql_id, retry_cnt, substr(info, 1, 120) as statement"
    " from oceanbase.GV$OB_PROCESSLIST where {here} and state = 'ACTIVE' order by time desc limit 20",
)
IDLE_IN_TRANSACTION: Final = Look(
    "Sessions that do nothing, but have a transaction open: `time` says for how long.",
    "select id, user, host, db, time, trans_id, trans_state from oceanbase.GV$OB_PROCESSLIST"
    " where {here} and command = 'Sleep' and trans_id <> 0 order by time desc limit 20",
)
SESSIONS: Final = Look(
    "Who is connected, from where, and how many of them.",
    "select user, user_client_ip, db, count(*) as sessions, sum(state = 'ACTIVE') as active"
    " from oceanbase.GV$OB_PROCESSLIST where {here} and id <> connection_id()"
    " group by user, user_client_ip, db order by sessions desc limit 20",
)
LOCK_WAITS: Final = Look(
    "Who waits for whom: `waiter` and `holder` are transactions, `waited_s` is how long it has been.",
    "select trans_id as waiter, id1 as holder, type, round(ctime / 1000000, 1) as waited_s"
    " from oceanbase.GV$OB_LOCKS where {here} and block = 1 order by ctime desc limit 50",
)
LOCK_HOLDERS: Final = Look(
    "The sessions that others wait for, with the number of transactions that each keeps waiting.",
    "select p.session_id, p.tx_id, p.ctx_create_time, p.state, count(distinct l.trans_id) as waiters"
    " from oceanbase.GV$OB_LOCKS l join oceanbase.GV$OB_TRANSACTION_PARTICIPANTS p on p.tx_id = l.id1"
    " where l.block = 1 and p.session_id <> 0"
    " group by p.session_id, p.tx_id, p.ctx_create_time, p.state order by waiters desc limit 20",
)
TRANSACTIONS: Final = Look(
    "Open transactions, the oldest first: `pending_log_size` is what they wrote and did not log yet.",
    "select session_id, tx_id, ctx_create_time, tx_expired_time, state, action, pending_log_size,"
    " flushed_log_size, last_request_time from oceanbase.GV$OB_TRANSACTION_PARTICIPANTS"
    " where {here} and session_id <> 0 order by ctx_create_time limit 20",
)
WAITS: Final = Look(
    "Time waited by event since the server began: ask twice, what grows is what it waits for now.",
    "select con_id, event, wait_class, total_waits, round(time_waited_micro / 1000) as ms,"
    " round(time_waited_micro / total_waits) as us_each from oceanbase.GV$SYSTEM_EVENT"
    " where {here} and wait_class <> 'IDLE' and total_waits > 0 and event not like '%condition wait'"
    " order by time_waited_micro desc limit 15",
)
CPU: Final = Look(
    "CPU time used (`cpu time`, µs: ask twice), worker threads and the CPU limit (a hundredth of a core"
    " each).",
    "select con_id, name, value from oceanbase.GV$SYSSTAT"
    " where {here} and stat_id in (140005, 140006, 140012, 140013) order by con_id, stat_id",
)
QUEUE: Final = Look(
    "Requests that waited for a worker and their waiting time in µs: ask twice; time over count is the wait.",
    "select con_id, name, value from oceanbase.GV$SYSSTAT where {here} and stat_id in (20001, 20002)"
    " order by con_id, stat_id",
)
IO: Final = Look(
    "Reads and writes of the storage and of the redo log, with their time in µs: ask twice; time over count"
    " is how long one takes.",
    "select con_id, stat_id, name, value from oceanbase.GV$SYSSTAT"
    " where {here} and stat_id in (60000, 60001, 60003, 60004, 80001, 80003) order by con_id, stat_id",
)
DISK_READERS: Final = Look(
    "The statements of the last minute that read most from disk.",
    "select sql_id, user_name, count(*) as times, sum(disk_reads) as from_disk,"
    " round(sum(user_io_wait_time) / 1000) as io_ms, substr(max(query_sql), 1, 120) as statement"
    " from oceanbase.GV$OB_SQL_AUDIT"
    " where {here} and request_time > time_to_usec(now(6)) - 60000000 and is_inner_sql = 0"
    " group by sql_id, user_name order by from_disk desc limit 10",
)
MEMSTORE: Final = Look(
    "Memstore by tenant: writes are throttled from writing_throttling_trigger_percentage on, and fail at the"
    " limit.",
    "select round(memstore_used / 1048576) as used_mib, round(memstore_limit / 1048576) as limit_mib,"
    " round(100 * memstore_used / memstore_limit, 1) as percent, round(freeze_trigger / 1048576) as"
    " freeze_mib, freeze_cnt from oceanbase.GV$OB_MEMSTORE where {here}",
)
MEMORY: Final = Look(
    "Which modules hold the memory.",
    "select ctx_name, mod_name, count, round(hold / 1048576) as mib from oceanbase.GV$OB_MEMORY"
    " where {here} and hold > 1048576 order by hold desc limit 15",
)
CACHES: Final = Look(
    "Caches by size: a hit ratio far below the usual means that they were emptied, or are too small.",
    "select cache_name, priority, round(cache_size / 1048576, 1) as mib, hit_ratio, total_put_cnt,"
    " total_hit_cnt, total_miss_cnt from oceanbase.GV$OB_KVCACHE where {here} and cache_size > 0"
    " order by cache_size desc limit 15",
)
PLAN_CACHE: Final = Look(
    "Hits of the plan cache, and how many plans there are: few plans and few hits mean that it is emptied.",
    "select access_count, hit_count, hit_rate, plan_num, sql_num, round(mem_hold / 1048576, 1) as mib,"
    " round(mem_limit / 1048576) as limit_mib from oceanbase.GV$OB_PLAN_CACHE_STAT where {here}",
)
STATISTICS: Final = Look(
    "When statistics of tables were gathered: plans are made anew afterwards. On a cluster: in the tenant"
    " whose plans are missing.",
    "select type, status, table_count, failed_count, start_time, end_time"
    " from oceanbase.DBA_OB_TASK_OPT_STAT_GATHER_HISTORY order by start_time desc limit 10",
)
COMMANDS: Final = Look(
    "Who gave DDL or ALTER SYSTEM, as far back as the audit goes.",
    "select usec_to_time(request_time) as at, user_name, client_ip, ret_code,"
    " substr(query_sql, 1, 120) as statement from oceanbase.GV$OB_SQL_AUDIT"
    " where {here} and is_inner_sql = 0"
    " and lower(substr(query_sql, 1, 40)) regexp '^[[:space:]]*(create|alter|drop|truncate|rename)'"
    " order by request_time desc limit 20",
)
MAJOR: Final = Look(
    "The tenant's merge: since when it goes on, whether it is in error or was suspended.",
    "select status, is_error, is_suspended, start_time, last_finish_time, frozen_time, info"
    " from oceanbase.DBA_OB_MAJOR_COMPACTION",
)
MAJOR_ALL: Final = Look(
    "The merges of all tenants, from the sys tenant.",
    "select tenant_id, status, is_error, is_suspended, start_time, last_finish_time, info"
    " from oceanbase.CDB_OB_MAJOR_COMPACTION order by tenant_id",
    "cluster",
)
COMPACTING: Final = Look(
    "Tablets that are being merged at this moment.",
    "select type, tablet_id, status, round(data_size / 1048576) as mib,"
    " round(unfinished_data_size / 1048576) as left_mib, start_time, estimated_finish_time"
    " from oceanbase.GV$OB_TABLET_COMPACTION_PROGRESS where {here} and status <> 'FINISH'"
    " order by start_time limit 20",
)
COMPACTION_TROUBLE: Final = Look(
    "What the server itself says on compactions that do not get on.",
    "select type, tablet_id, status, create_time, diagnose_info"
    " from oceanbase.GV$OB_COMPACTION_DIAGNOSE_INFO where {here} order by create_time desc limit 20",
)
LOG: Final = Look(
    "The log streams here: `in_sync`, and the time (in UTC) of their newest log; degraded members are out of"
    " the quorum.",
    "select role, access_mode, in_sync, paxos_member_list, degraded_list, scn_to_timestamp(end_scn) as newest"
    " from oceanbase.GV$OB_LOG_STAT where {here}",
)
LOG_ALL: Final = Look(
    "The same of every replica: a follower whose end_scn stays behind its leader's is the one that lags.",
    "select tenant_id, ls_id, svr_ip, role, in_sync, scn_to_timestamp(end_scn) as newest"
    " from oceanbase.GV$OB_LOG_STAT order by tenant_id, ls_id, role desc",
    "cluster",
)
SERVERS: Final = Look(
    "What the cluster thinks of its servers, asked on any that answers.",
    "select svr_ip, svr_port, zone, status, start_service_time, stop_time, last_offline_time"
    " from oceanbase.DBA_OB_SERVERS order by zone, svr_ip",
    "cluster",
)
LEADERS: Final = Look(
    "Where leaders are: those of a server that is gone must have moved.",
    "select tenant_id, ls_id, svr_ip, zone, role, rebuild from oceanbase.CDB_OB_LS_LOCATIONS"
    " order by tenant_id, ls_id, role",
    "cluster",
)
RPC: Final = Look(
    "Calls to other servers that failed or timed out.",
    "select svr_ip, pcode_name, sum(count) as calls, sum(failure) as failed, sum(timeout) as timed_out"
    " from oceanbase.GV$OB_RPC_OUTGOING where {here} and failure + timeout > 0"
    " group by svr_ip, pcode_name order by timed_out desc limit 15",
    "cluster",
)
EVENTS: Final = Look(
    "What root service did of late, such as declaring a server offline.",
    "select timestamp, module, event, name1, value1, name2, value2"
    " from oceanbase.DBA_OB_ROOTSERVICE_EVENT_HISTORY order by timestamp desc limit 20",
    "cluster",
)
DISK: Final = Look(
    "Space on the data disk and the log disk.",
    "select svr_ip, zone, round(100 * data_disk_in_use / data_disk_capacity, 1) as data_percent,"
    " round(100 * log_disk_in_use / log_disk_capacity, 1) as log_percent, data_disk_health_status"
    " from oceanbase.GV$OB_SERVERS order by zone, svr_ip",
    "cluster",
)
UNITS: Final = Look(
    "Space by unit of a tenant: clog fills its own share of the log disk.",
    "select round(log_disk_in_use / 1048576) as log_mib, round(log_disk_size / 1048576) as log_limit_mib,"
    " round(data_disk_in_use / 1048576) as data_mib, status from oceanbase.GV$OB_UNITS where {here}",
)
INDEXES: Final = Look(
    "Tables with the most indexes (the primary key counts). On a cluster: in the tenant that has them.",
    "select table_schema, table_name, count(distinct index_name) as indexes from"
    " information_schema.statistics where table_schema not in ('oceanbase', 'mysql') group by table_schema,"
    " table_name order by indexes desc limit 15",
)
WRITERS: Final = Look(
    "The statements that write, by their time in the last minute.",
    "select sql_id, user_name, count(*) as times, sum(affected_rows) as changed,"
    " round(sum(elapsed_time) / 1000) as ms, substr(max(query_sql), 1, 120) as statement"
    " from oceanbase.GV$OB_SQL_AUDIT where {here} and request_time > time_to_usec(now(6)) - 60000000"
    " and is_inner_sql = 0 and affected_rows > 0 group by sql_id, user_name order by changed desc limit 10",
)
SCANS: Final = Look(
    "Statements of the last minute that scanned whole tables, by the rows that they read.",
    "select sql_id, user_name, count(*) as times, round(avg(elapsed_time) / 1000) as ms_each,"
    " sum(memstore_read_row_count + ssstore_read_row_count) as read_rows, sum(return_rows) as returned,"
    " substr(max(query_sql), 1, 120) as statement from oceanbase.GV$OB_SQL_AUDIT"
    " where {here} and request_time > time_to_usec(now(6)) - 60000000 and is_inner_sql = 0 and table_scan = 1"
    " group by sql_id, user_name order by read_rows desc limit 10",
)
CLIENTS: Final = Look(
    "Who logged in in the last ten seconds: sessions that said anything, by user and address.",
    "select user_name, user_client_ip, count(distinct sid) as sessions, count(*) as statements"
    " from oceanbase.GV$OB_SQL_AUDIT"
    " where {here} and request_time > time_to_usec(now(6)) - 10000000 and is_inner_sql = 0"
    " group by user_name, user_client_ip order by sessions desc limit 10",
)
CLOCK: Final = Look(
    "The server's own time; ask all servers within the same second.",
    "select time_to_usec(now(6)) as us_since_1970, now(6) as local_time",
)
PARAMETERS: Final = Look(
    "Limits of the memstore and of throttling, of the disks, and when a silent server is given up.",
    "select name, value, info from oceanbase.GV$OB_PARAMETERS where {here} and name in"
    " ('freeze_trigger_percentage', 'writing_throttling_trigger_percentage', 'memstore_limit_percentage',"
    " 'data_disk_usage_limit_percentage', 'log_disk_utilization_limit_threshold',"
    " 'server_permanent_offline_time') order by name",
)

CHECK: Final = Obdiag("inspect the whole cluster", ("check", "run"))


def scene(name: str, words: str) -> Obdiag:
    """A scene of root cause analysis."""
    return Obdiag(words, ("rca", "run", f"--scene={name}"))


def gather(name: str, words: str) -> Obdiag:
    """A scene of gathering, on the observers."""
    return Obdiag(words, ("gather", "scene", "run", f"--scene=observer.{name}"))

"""Log streams and their replicas, where tables are, and compactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from distdiag_tui.sim.rows.ask import Ask, Rows, table
from distdiag_tui.sim.world import LogStream, Server

_HOURS: Final = 3600.0
_MERGE: Final = 1500.0  # s that a major compaction takes, from 2 o'clock on
_DAY: Final = 86400.0


def _streams(ask: Ask) -> Iterator[LogStream]:
    seen = {each.id for each in ask.tenants}
    return (each for each in ask.world.streams if each.tenant.id in seen)


def _members(stream: LogStream) -> str:
    return ",".join(f"{each.ip}:{each.rpc_port}:1" for each in stream.replicas.values())


def _log_stat(ask: Ask) -> Iterator[dict[str, Any]]:
    """Each replica on a server that answers; one whose leader is gone stays behind."""
    servers = {each.index for each in ask.servers}
    for stream in _streams(ask):
        for each in stream.replicas.values():
            if each.index in servers:
                yield _replica(ask, stream, each)


def _replica(ask: Ask, stream: LogStream, server: Server) -> dict[str, Any]:
    led = stream.leader.counted
    reached = ask.now if led else stream.leader.offline_since or stream.changed
    scn = int((reached - (0.0 if server is stream.leader else 0.05)) * 1e9)
    lsn = int((reached - stream.created) * 20000) + (1 << 26)
    return {
        "TENANT_ID": stream.tenant.id, "LS_ID": stream.id, "SVR_IP": server.ip, "SVR_PORT": server.rpc_port,
        "ROLE": "LEADER" if led and server is stream.leader else "FOLLOWER", "PROPOSAL_ID": stream.proposal,
        "CONFIG_VERSION": f"{{proposal_id:{stream.proposal}, config_seq:1}}", "ACCESS_MODE": "APPEND",
        "PAXOS_MEMBER_LIST": _members(stream), "PAXOS_REPLICA_NUM": len(stream.replicas),
        "IN_SYNC": "YES" if led else "NO", "BASE_LSN": lsn - (1 << 26), "BEGIN_LSN": lsn - (1 << 26),
        "BEGIN_SCN": int(stream.created * 1e9), "END_LSN": lsn, "END_SCN": scn, "MAX_LSN": lsn,
        "MAX_SCN": scn,
        "ARBITRATION_MEMBER": "", "DEGRADED_LIST": "", "LEARNER_LIST": "",
    }  # fmt: skip


def _ls_locations(ask: Ask) -> Iterator[dict[str, Any]]:
    """What servers report: of one that is down nothing new, so that its replica is a follower."""
    for stream in _streams(ask):
        for zone, each in stream.replicas.items():
            leads = each is stream.leader and each.counted
            yield {
                "CREATE_TIME": stream.created, "MODIFY_TIME": stream.changed, "TENANT_ID": stream.tenant.id,
                "LS_ID": stream.id, "SVR_IP": each.ip, "SVR_PORT": each.rpc_port, "SQL_PORT": each.sql_port,
                "ZONE": zone, "ROLE": "LEADER" if leads else "FOLLOWER",
                "MEMBER_LIST": _members(stream) if leads else None,
                "PAXOS_REPLICA_NUMBER": len(stream.replicas) if leads else None, "REPLICA_TYPE": "FULL",
                "LEARNER_LIST": "" if leads else None, "REBUILD": "FALSE",
            }  # fmt: skip


def _table_locations(ask: Ask) -> Iterator[dict[str, Any]]:
    """A table with a partition in every log stream of a user tenant."""
    for stream in _streams(ask):
        if stream.tenant.kind != "USER" or stream.id == 1:
            continue
        for zone, each in stream.replicas.items():
            yield {
                "TENANT_ID": stream.tenant.id, "DATABASE_NAME": "shop", "TABLE_NAME": "orders",
                "TABLE_ID": 500002, "TABLE_TYPE": "USER TABLE", "PARTITION_NAME": f"p{stream.id - 1001}",
                "SUBPARTITION_NAME": None, "INDEX_NAME": None, "DATA_TABLE_ID": None,
                "TABLET_ID": 200000 + stream.id, "LS_ID": stream.id, "ZONE": zone, "SVR_IP": each.ip,
                "SVR_PORT": each.rpc_port,
                "ROLE": "LEADER" if each is stream.leader and each.counted else "FOLLOWER",
                "REPLICA_TYPE": "FULL", "DUPLICATE_SCOPE": "NONE", "OBJECT_ID": 500002 + stream.id - 1000,
                "TABLEGROUP_NAME": None, "TABLEGROUP_ID": None, "SHARDING": None,
                "DUPLICATE_READ_CONSISTENCY": "NONE",
            }  # fmt: skip


def _compactions(ask: Ask) -> Iterator[dict[str, Any]]:
    """One a day at 2 o'clock (UTC), some minutes later for each tenant."""
    for tenant in ask.tenants:
        shift = 2 * _HOURS + 300.0 * tenant.index
        start = (ask.now - shift) // _DAY * _DAY + shift
        merging = ask.now - start < _MERGE
        scn, last = int(start * 1e9), start if not merging else start - _DAY
        yield {
            "TENANT_ID": tenant.id, "FROZEN_SCN": scn, "FROZEN_TIME": start, "GLOBAL_BROADCAST_SCN": scn,
            "LAST_SCN": int(last * 1e9), "LAST_FINISH_TIME": last + _MERGE, "START_TIME": start,
            "STATUS": "COMPACTING" if merging else "IDLE", "IS_ERROR": "NO", "IS_SUSPENDED": "NO", "INFO": "",
        }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "GV$OB_LOG_STAT": lambda ask: table(_log_stat(ask)),
    "CDB_OB_LS_LOCATIONS": lambda ask: table(_ls_locations(ask)),
    "CDB_OB_TABLE_LOCATIONS": lambda ask: table(_table_locations(ask)),
    "CDB_OB_MAJOR_COMPACTION": lambda ask: table(_compactions(ask)),
}

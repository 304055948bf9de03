"""Facts about the server's insides: waits, memory, compactions, disks, the redo log."""

from __future__ import annotations

from typing import Any, Final

from distdiag_tui.service.facts.ask import SHOWN, Answer, Question, Server, amount, span, text, twice

_EVENT: Final = "GV$SYSTEM_EVENT"
_MEMSTORE: Final = "GV$OB_MEMSTORE"
_PARAMETERS: Final = "GV$OB_PARAMETERS"
_PROGRESS: Final = "GV$OB_TABLET_COMPACTION_PROGRESS"
_DIAGNOSE: Final = "GV$OB_COMPACTION_DIAGNOSE_INFO"
_CDB_MAJOR: Final = "CDB_OB_MAJOR_COMPACTION"
_DBA_MAJOR: Final = "DBA_OB_MAJOR_COMPACTION"
_KVCACHE: Final = "GV$OB_KVCACHE"
_PLANS: Final = "GV$OB_PLAN_CACHE_STAT"
_LOG: Final = "GV$OB_LOG_STAT"
_ALONE: Final = "V$OB_SERVER_STAT"
_SERVERS: Final = "GV$OB_SERVERS"


async def _waits(server: Server) -> Answer:
    """Of a second. Threads of the server's own that wait for something to do are left out."""
    sql = (
        f"event, wait_class, sum(total_waits), sum(time_waited_micro) / 1e6 from oceanbase.{_EVENT}"
        f" where {server.here(_EVENT)} and wait_class <> 'IDLE' and event not like '%condition wait'"
        " group by event, wait_class"
    )

    async def read() -> dict[Any, tuple[float, float]]:
        return {(event, kind): (float(times), float(took))
                for event, kind, times, took in await server.rows(sql)}  # fmt: skip

    grown = [(key, times, took) for key, (times, took) in (await twice(read)).items() if took > 0]
    grown.sort(key=lambda each: -each[2])
    table = tuple(
        (
            text(event),
            text(kind),
            f"{amount(took, 's/s')}",
            amount(times, "/s"),
            span(took / times if times else 0),
        )
        for (event, kind), times, took in grown[:SHOWN]
    )
    says = f"{table[0][0]}: {table[0][2]}" if table else ""
    return Answer(("event", "class", "waited", "times", "each"), table, says)


async def _memstore(server: Server) -> Answer:
    tenant = server.tenant_of(_MEMSTORE)
    rows = await server.rows(
        f"{tenant}, memstore_used, memstore_limit, 100 * memstore_used / memstore_limit, freeze_trigger,"
        f" freeze_cnt from oceanbase.{_MEMSTORE} where {server.here(_MEMSTORE)} and memstore_limit > 0"
        f" order by 4 desc limit {SHOWN}"
    )
    table = tuple(
        (text(name), f"{amount(percent, '%')}", amount(used, "B"), amount(limit, "B"), amount(trigger, "B"),
         amount(freezes))
        for name, used, limit, percent, trigger, freezes in rows
    )  # fmt: skip
    says = f"tenant {table[0][0]} uses {table[0][1]} of its memstore" if table else ""
    if table and server.has(_PARAMETERS):
        found = await server.rows(
            f"min(value) from oceanbase.{_PARAMETERS} where {server.here(_PARAMETERS)}"
            " and name = 'writing_throttling_trigger_percentage'"
        )
        if found and found[0][0] is not None:
            says += f"; writes are throttled from {text(found[0][0])} % on"
    return Answer(("tenant", "used", "is", "limit", "frozen at", "freezes"), table, says)


async def _compaction(server: Server) -> Answer:
    """The merges of tenants, what is merged here now, and what does not get on."""
    view = _CDB_MAJOR if server.has(_CDB_MAJOR) else _DBA_MAJOR
    tenant = server.tenant_of(view)
    rows = await server.rows(
        f"{tenant}, status, is_error, is_suspended, start_time, last_finish_time from oceanbase.{view}"
        f" order by status = 'IDLE', 1 limit {SHOWN}"
    )
    table = [
        (f"merge of tenant {text(name)}", _merge(status, error, suspended), f"since {text(start)}")
        for name, status, error, suspended, start, finish in rows
        if status != "IDLE" or error == "YES" or suspended == "YES"
    ]
    says = [f"{what}: {how}" for what, how, _ in table[:1]]
    if server.has(_PROGRESS):
        found = await server.rows(
            "type, count(*), sum(unfinished_data_size), min(start_time)"
            f" from oceanbase.{_PROGRESS} where {server.here(_PROGRESS)} and status <> 'FINISH' group by type"
        )
        table += [
            (
                f"{text(kind)} of {amount(tablets)} tablets",
                f"{amount(left, 'B')} left",
                f"since {text(start)}",
            )
            for kind, tablets, left, start in found
        ]
    if server.has(_DIAGNOSE):
        found = await server.rows(
            f"type, tablet_id, status, create_time, substr(diagnose_info, 1, 120) from oceanbase.{_DIAGNOSE}"
            f" where {server.here(_DIAGNOSE)} and status = 'FAILED' order by create_time desc limit 3"
        )
        table += [
            (f"{text(kind)} of tablet {text(tablet)}", f"{text(status)}: {text(info)}", f"at {text(at)}")
            for kind, tablet, status, at, info in found
        ]
    return Answer(("what", "how", "when"), tuple(table[:SHOWN]), "; ".join(says))


def _merge(status: object, error: object, suspended: object) -> str:
    words = [text(status)] + ["in error"] * (error == "YES") + ["suspended"] * (suspended == "YES")
    return ", ".join(words)


async def _disk(server: Server) -> Answer:
    view = _ALONE if server.has(_ALONE) else _SERVERS
    rows = await server.rows(
        "data_disk_in_use, data_disk_capacity, log_disk_in_use, log_disk_capacity, data_disk_health_status"
        f" from oceanbase.{view} where {server.here(view)}"
    )
    table = tuple(
        (name, f"{_percent(used, of)} %", amount(used, "B"), amount(of, "B"), health)
        for data, data_of, log, log_of, state in rows
        for name, used, of, health in (("data", data, data_of, text(state)), ("redo log", log, log_of, ""))
    )
    return Answer(("disk", "used", "is", "of", "health"), table,
                  ", ".join(f"{name} disk {percent} used" for name, percent, *_ in table))  # fmt: skip


def _percent(part: object, whole: object) -> str:
    return f"{100 * float(str(part)) / float(str(whole)):.0f}" if part is not None and whole else "?"


async def _caches(server: Server) -> Answer:
    """Hit ratios are of a second: that since the start says nothing on now."""
    sql = (
        "cache_name, sum(total_hit_cnt), sum(total_miss_cnt), sum(total_put_cnt)"
        f" from oceanbase.{_KVCACHE} where {server.here(_KVCACHE)} group by cache_name"
    )

    async def read() -> dict[Any, tuple[float, float, float]]:
        return {
            name: (float(hit), float(miss), float(put)) for name, hit, miss, put in await server.rows(sql)
        }

    grown = await twice(read)
    rows = await server.rows(
        f"cache_name, sum(cache_size) from oceanbase.{_KVCACHE} where {server.here(_KVCACHE)}"
        " group by cache_name"
    )
    sizes = {name: size for name, size in rows}  # noqa: C416  rows are of any length for mypy
    table = tuple(
        (text(name), amount(sizes[name], "B"), f"{_percent(hit, hit + miss)} %", amount(hit + miss, "/s"),
         amount(put, "/s"))
        for name, (hit, miss, put) in sorted(grown.items(), key=lambda each: -sum(each[1][:2]))
        if name in sizes and hit + miss > 0
    )[:SHOWN]  # fmt: skip
    says = f"{table[0][0]}: {table[0][2]} of {table[0][3]} hit" if table else ""
    return Answer(("cache", "size", "hits", "look-ups", "put"), table, says)


async def _plan_cache(server: Server) -> Answer:
    tenant = server.tenant_of(_PLANS)
    where = f" from oceanbase.{_PLANS} where {server.here(_PLANS)}"

    async def read() -> dict[Any, tuple[float, float]]:
        rows = await server.rows(f"{tenant}, hit_count, access_count{where}")
        return {name: (float(hits), float(accesses)) for name, hits, accesses in rows}

    grown = await twice(read)
    rows = await server.rows(f"{tenant}, plan_num, mem_hold, mem_limit{where} order by 3 desc limit {SHOWN}")
    table = tuple(
        (text(name), f"{_percent(*grown[name])} %", amount(grown[name][1], "/s"), amount(plans),
         amount(memory, "B"), amount(limit, "B"))
        for name, plans, memory, limit in rows
        if name in grown
    )  # fmt: skip
    says = f"tenant {table[0][0]}: {table[0][1]} hits, {table[0][3]} plans" if table else ""
    return Answer(("tenant", "hits", "look-ups", "plans", "memory", "limit"), table, says)


async def _log(server: Server) -> Answer:
    where = f" from oceanbase.{_LOG} where {server.here(_LOG)}"
    stream = "tenant_id, ls_id" if server.has(_LOG, "TENANT_ID", "LS_ID") else "effective_tenant_id(), 1"
    rows = await server.rows(
        f"{stream}, role, in_sync, paxos_replica_num, degraded_list,"
        f" time_to_usec(now(6)) / 1e6 - end_scn / 1e9{where} order by in_sync, 7 desc limit {SHOWN}"
    )
    table = tuple(
        (text(tenant), text(name), text(role), "in sync" if sync == "YES" else "not in sync",
         span(max(age, 0)), text(replicas), text(degraded))
        for tenant, name, role, sync, replicas, degraded, age in rows
    )  # fmt: skip
    behind = [row for row in table if row[3] != "in sync"]
    says = f"{len(behind)} of {len(table)} log streams not in sync" if behind else ""
    return Answer(("tenant", "ls", "role", "sync", "newest log", "replicas", "degraded"), table, says)


QUESTIONS: Final = {
    "waits": Question("Waits, in a second", (_EVENT,), _waits),
    "memstore": Question("Memstore by tenant", (_MEMSTORE,), _memstore, (_PARAMETERS,)),
    "compaction": Question(
        "Compactions", (_DBA_MAJOR,), _compaction, (_CDB_MAJOR, _PROGRESS, _DIAGNOSE)
    ),
    "disk": Question("Disks", (), _disk, (_ALONE, _SERVERS)),
    "caches": Question("Caches, in a second", (_KVCACHE,), _caches),
    "plan_cache": Question("Plan cache, in a second", (_PLANS,), _plan_cache),
    "log": Question("Log streams here", (_LOG,), _log),
}  # fmt: skip

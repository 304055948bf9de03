"""Facts about what runs and ran: statements, sessions, transactions, commands."""

from __future__ import annotations

from typing import Final

from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.service.facts.ask import OURS, SHOWN, WIDTH, Answer, Question, Server, amount, span, text

_AUDIT: Final = "GV$OB_SQL_AUDIT"
_PROCESSLIST: Final = "GV$OB_PROCESSLIST"
_PARTICIPANTS: Final = "GV$OB_TRANSACTION_PARTICIPANTS"
_CDB_OBJECTS: Final = "CDB_OBJECTS"
_DBA_OBJECTS: Final = "DBA_OBJECTS"
_GATHERED: Final = "DBA_OB_TASK_OPT_STAT_GATHER_HISTORY"

_MUCH: Final = 25.0  # % of the time of all statements, from which one is worth a line


def _audited(server: Server, seconds: int) -> str:
    """What others asked here in the last seconds, as far back as the audit goes."""
    return (
        f" from oceanbase.{_AUDIT} where {server.here(_AUDIT)} and is_inner_sql = 0"
        f" and request_time + elapsed_time > time_to_usec(now(6)) - {seconds}000000"
        f" and query_sql not like {OURS}"
    )


async def _top_sql(server: Server) -> Answer:
    rows = await server.rows(
        "sql_id, user_name, db_name, count(*), sum(elapsed_time) / 1e6, sum(sum(elapsed_time)) over () / 1e6,"
        f" max(elapsed_time) / 1e6, substr(max(query_sql), 1, {WIDTH})"
        f"{_audited(server, 60)} group by sql_id, user_name, db_name order by 5 desc limit {SHOWN}"
    )
    table = tuple(
        (f"{_share(took, total):.0f} %", amount(times), span(took / times), span(longest),
         f"{text(user)}@{text(database)}", text(name, 32), text(statement))
        for name, user, database, times, took, total, longest, statement in rows
    )  # fmt: skip
    stands_out = bool(rows) and _share(rows[0][4], rows[0][5]) >= _MUCH
    says = f"{table[0][0]} of the time of all statements: {table[0][-1]}" if stands_out else ""
    return Answer(("share", "times", "each", "longest", "user@db", "SQL id", "statement"), table, says)


def _share(part: object, whole: object) -> float:
    return 100 * float(str(part)) / float(str(whole)) if whole else 0.0


def _name(database: object) -> str:
    return "" if database == "NULL" else text(database)


async def _active(server: Server) -> Answer:
    rows = await server.rows(
        f"id, user, user_client_ip, db, time, retry_cnt, substr(info, 1, {WIDTH})"
        f" from oceanbase.{_PROCESSLIST} where {server.here(_PROCESSLIST)} and state = 'ACTIVE'"
        f" and id <> connection_id() and coalesce(info, '') not like {OURS} order by time desc limit {SHOWN}"
    )
    table = tuple(
        (text(session), f"{text(user)}@{text(address)}", _name(database), span(seconds), text(retries),
         text(statement))
        for session, user, address, database, seconds, retries, statement in rows
    )  # fmt: skip
    says = f"for {table[0][3]}: {table[0][-1]}" if table and rows[0][4] >= 1 else ""
    return Answer(("session", "user@client", "db", "for", "retries", "statement"), table, says)


# between two statements of a transaction every client is idle for a moment
_IDLE_IN_TRANSACTION: Final = "command = 'Sleep' and trans_id <> 0 and time >= 1"


async def _sessions(server: Server) -> Answer:
    """All in numbers, and those that are idle in a transaction by name."""
    where = f" from oceanbase.{_PROCESSLIST} where {server.here(_PROCESSLIST)} and id <> connection_id()"
    ((everybody, active, idle),) = await server.rows(
        f"count(*), coalesce(sum(state = 'ACTIVE'), 0), coalesce(sum({_IDLE_IN_TRANSACTION}), 0){where}"
    )
    rows = await server.rows(
        f"id, user, user_client_ip, db, time, trans_id{where} and {_IDLE_IN_TRANSACTION}"
        f" order by time desc limit {SHOWN}"
    )
    table = tuple(
        (
            text(session),
            f"{text(user)}@{text(address)}",
            _name(database),
            f"idle {span(seconds)}",
            text(trans),
        )
        for session, user, address, database, seconds, trans in rows
    )
    says = f"{everybody} sessions, {active} at work, {idle} idle in a transaction"
    if table:
        says += f", the longest {table[0][1]} (session {table[0][0]}) for {table[0][3].removeprefix('idle ')}"
    return Answer(("session", "user@client", "db", "for", "transaction"), table, says)


async def _clients(server: Server) -> Answer:
    """The sessions that said something of late: of a storm hardly one is there when one looks."""
    rows = await server.rows(
        "user_name, user_client_ip, count(distinct sid), count(*), sum(ret_code <> 0),"
        f" (time_to_usec(now(6)) - min(request_time)) / 1e6{_audited(server, 10)}"
        f" group by user_name, user_client_ip order by 3 desc limit {SHOWN}"
    )
    table = tuple(
        (f"{text(user)}@{text(address)}", amount(sessions), amount(statements), amount(failed), span(seconds))
        for user, address, sessions, statements, failed, seconds in rows
    )
    says = f"{table[0][0]}: {table[0][1]} sessions said something within {table[0][4]}" if table else ""
    return Answer(("user@client", "sessions", "statements", "failed", "within"), table, says)


async def _transactions(server: Server) -> Answer:
    # sessions 0 and 1 are the server's own
    rows = await server.rows(
        "session_id, tx_id, timestampdiff(microsecond, ctx_create_time, now(6)) / 1e6, state, action,"
        f" pending_log_size + flushed_log_size from oceanbase.{_PARTICIPANTS}"
        f" where {server.here(_PARTICIPANTS)} and session_id > 1 order by ctx_create_time limit {SHOWN}"
    )
    table = tuple(
        (text(session), text(trans), span(age), text(state), text(action), amount(size, "B"))
        for session, trans, age, state, action, size in rows
    )
    says = f"the oldest, of session {table[0][0]}, is open for {table[0][2]}" if table else ""
    return Answer(("session", "transaction", "open for", "state", "action", "log"), table, says)


async def _commands(server: Server) -> Answer:
    rows = await server.rows(
        "(time_to_usec(now(6)) - max(request_time)) / 1e6, user_name, client_ip, count(*),"
        f" substr(max(query_sql), 1, {WIDTH}) from oceanbase.{_AUDIT} where {server.here(_AUDIT)}"
        " and is_inner_sql = 0 and lower(substr(query_sql, 1, 40)) regexp"
        " '^[[:space:]]*(create|alter|drop|truncate|rename)'"
        f" group by sql_id, user_name, client_ip order by 1 limit {SHOWN}"
    )
    table = tuple(
        (f"{span(ago)} ago", f"{text(user)}@{text(address)}", amount(times), text(statement))
        for ago, user, address, times, statement in rows
    )
    says = f"{table[0][0]} {table[0][1]}: {table[0][-1]}" if table else ""
    return Answer(("last", "user@client", "times", "statement"), table, says)


async def _changed(server: Server) -> Answer:
    """Also what the audit has forgotten already; of all tenants, where the account sees them."""
    view = _CDB_OBJECTS if server.has(_CDB_OBJECTS) else _DBA_OBJECTS
    if not server.has(view, "OWNER", "OBJECT_NAME", "OBJECT_TYPE", "CREATED", "LAST_DDL_TIME"):
        raise DistdiagError(server.capability.missing.get(view, "the view has other columns here"))
    rows = await server.rows(
        "timestampdiff(second, last_ddl_time, now()), object_type, owner, object_name,"
        f" created > date_sub(now(), interval 1 hour), count(*) over () from oceanbase.{view}"
        " where last_ddl_time > date_sub(now(), interval 1 hour) and owner not in"
        " ('oceanbase', 'mysql', 'information_schema', 'SYS', '__recyclebin', '__public')"
        f" order by last_ddl_time desc, object_id desc limit {SHOWN}"
    )
    table = tuple(
        (
            f"{span(ago)} ago",
            "created" if new else "changed",
            text(kind).lower(),
            f"{text(owner)}.{text(name)}",
        )
        for ago, kind, owner, name, new, _ in rows
    )
    says = f"{rows[0][5]} of them, the last {' '.join(reversed(table[0]))}" if table else ""
    return Answer(("when", "was", "what", "name"), table, says)


async def _gathered(server: Server) -> Answer:
    """Of the account's own tenant: there is no view of all of them."""
    rows = await server.rows(
        "timestampdiff(second, start_time, now()), type, table_count, failed_count,"
        " timestampdiff(second, start_time, end_time), count(*) over ()"
        f" from oceanbase.{_GATHERED} where start_time > date_sub(now(), interval 1 hour)"
        f" order by start_time desc limit {SHOWN}"
    )
    table = tuple(
        (f"{span(ago)} ago", text(kind).lower(), amount(tables), amount(failed), span(took) or "goes on")
        for ago, kind, tables, failed, took, _ in rows
    )
    says = f"{amount(rows[0][5])} times, last {table[0][0]}; tables: {table[0][2]}" if table else ""
    return Answer(("begun", "what", "tables", "failed", "took"), table, says)


async def _indexes(server: Server) -> Answer:
    rows = await server.rows(
        "table_schema, table_name, count(distinct index_name) from information_schema.statistics"
        " where table_schema not in ('oceanbase', 'mysql') group by table_schema, table_name"
        f" having count(distinct index_name) > 1 order by 3 desc limit {SHOWN}"
    )
    table = tuple((f"{text(schema)}.{text(name)}", amount(number)) for schema, name, number in rows)
    says = f"{table[0][0]} has {table[0][1]} indexes" if table else ""
    return Answer(("table", "indexes"), table, says)


QUESTIONS: Final = {
    "top_sql": Question("Top SQL of the last minute", (_AUDIT,), _top_sql),
    "active": Question("What runs now", (_PROCESSLIST,), _active),
    "sessions": Question("Sessions", (_PROCESSLIST,), _sessions),
    "clients": Question("Clients of the last seconds", (_AUDIT,), _clients),
    "transactions": Question("Open transactions, oldest first", (_PARTICIPANTS,), _transactions),
    "commands": Question("DDL and ALTER SYSTEM of late", (_AUDIT,), _commands),
    "changed": Question("Objects changed within the hour", (), _changed, (_CDB_OBJECTS, _DBA_OBJECTS)),
    "statistics": Question("Statistics of tables gathered within the hour", (_GATHERED,), _gathered),
    "indexes": Question("Tables with most indexes", (), _indexes),
}

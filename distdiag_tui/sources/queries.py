"""The console's SQL, built from a server's capability record.

Every text is a constant of ours with column names from the record; no user input enters. The comment
makes our own statements recognisable in GV$OB_SQL_AUDIT. The hint bounds them on the server's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, Final

from distdiag_tui.model.metrics import STAT_IDS, WAIT_CLASSES, Column
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.discovery.values import LARGEST, number
from distdiag_tui.sources.frame import SERVER_WIDE

Row = Sequence[Any]
Reading = tuple[int | str, Column, float]  # tenant id, or name where a view has no id; raw column; value


def hint(seconds: float) -> str:
    """What a statement of ours begins with after its `select`, and how long the server may take for it.

    >>> hint(5.0)
    '/*+ QUERY_TIMEOUT(5000000) */ /* distdiag */'
    """
    return f"/*+ QUERY_TIMEOUT({seconds * 1e6:.0f}) */ /* distdiag */"


HINT: Final = hint(5.0)

WHO: Final = f"select {HINT} host_ip(), rpc_port(), unix_timestamp(now(6))"
"""One row: the server that answers, and its clock."""


def figure(value: object) -> float:
    """A server's figure; NaN for NULL, for what is none, and for a counter that is below zero or full.

    >>> [figure(value) for value in (7, "7.5", None, "x", -1, 9223372036854775807)]
    [7.0, 7.5, nan, nan, nan, nan]
    """
    if type(value) is int:  # nearly all of them
        return float(value) if 0 <= value < LARGEST else nan
    found = number({"": value}, "")
    return nan if found is None else found


@dataclass(frozen=True, slots=True)
class Query:
    """A statement, how its rows become readings, and how often it is worth asking (ticks)."""

    sql: str
    read: Callable[[Iterable[Row]], Iterable[Reading]]
    every: int = 1


def local(capability: Capability, view: str) -> str:
    """The condition that keeps a cluster-wide view to the server we are connected to."""
    if capability.has(view, "SVR_IP", "SVR_PORT"):
        return "svr_ip = host_ip() and svr_port = rpc_port()"
    return "1 = 1"


def tenant_of(capability: Capability, view: str) -> str:
    """The expression for a row's tenant id: of the only one, where the view has no column for it."""
    return "tenant_id" if capability.has(view, "TENANT_ID") else "effective_tenant_id()"


def plan(capability: Capability) -> tuple[Query, ...]:
    """The queries of a tick, as far as the server has their views and columns."""
    builders = (_sysstat, _system_event, _sessions, _plan_cache, _disks)
    return tuple(query for build in builders if (query := build(capability)) is not None)


def _sysstat(capability: Capability) -> Query | None:
    if not capability.has("GV$SYSSTAT", "CON_ID", "STAT_ID", "VALUE"):
        return None
    ids = ",".join(map(str, STAT_IDS))
    return Query(
        f"select {HINT} con_id, stat_id, value from oceanbase.GV$SYSSTAT"  # noqa: S608
        f" where stat_id in ({ids}) and {local(capability, 'GV$SYSSTAT')}",
        lambda rows: ((int(con), int(stat), figure(value)) for con, stat, value in rows),
    )


def _system_event(capability: Capability) -> Query | None:
    if not capability.has("GV$SYSTEM_EVENT", "CON_ID", "WAIT_CLASS", "TIME_WAITED_MICRO"):
        return None
    return Query(
        f"select {HINT} con_id, wait_class, sum(time_waited_micro) from oceanbase.GV$SYSTEM_EVENT"  # noqa: S608
        f" where wait_class <> 'IDLE' and {local(capability, 'GV$SYSTEM_EVENT')}"
        " group by con_id, wait_class",
        _read_waits,
    )


def _read_waits(rows: Iterable[Row]) -> Iterable[Reading]:
    """A class in which nothing has waited yet has no row: its total is 0, for every tenant listed."""
    totals = {(int(con), str(name)): figure(micros) for con, name, micros in rows}
    tenants = dict.fromkeys(tenant for tenant, _ in totals)
    for tenant in tenants:
        for name in WAIT_CLASSES:
            yield tenant, f"wait.{name.lower()}", totals.get((tenant, name), 0.0)


SESSION_FIGURES: Final[Mapping[Column, str]] = {
    "session.all": "count(*)",
    "session.active": "sum(state = 'ACTIVE')",
    # why a statement is to be tried again: a row is locked. No statistic tells of the wait before it is over
    "session.locked": "sum(state = 'ACTIVE' and coalesce(retry_info, 0) = -6005)",
}


def _sessions(capability: Capability) -> Query | None:
    view = "GV$OB_PROCESSLIST"
    if not capability.has(view, "TENANT", "STATE", "RETRY_INFO"):
        return None
    return Query(
        f"select {HINT} tenant, {', '.join(SESSION_FIGURES.values())} from oceanbase.{view}"  # noqa: S608
        f" where id <> connection_id() and {local(capability, view)} group by tenant",
        _read_sessions,
    )


def _read_sessions(rows: Iterable[Row]) -> Iterable[Reading]:
    for column in SESSION_FIGURES:
        yield SERVER_WIDE, column, 0.0  # a server without sessions has no rows, and still an answer
    for tenant, *figures in rows:
        for column, value in zip(SESSION_FIGURES, figures, strict=True):
            yield str(tenant), column, figure(value)


def _plan_cache(capability: Capability) -> Query | None:
    view = "GV$OB_PLAN_CACHE_STAT"
    if not capability.has(view, "ACCESS_COUNT", "HIT_COUNT", "MEM_HOLD"):
        return None
    tenant = tenant_of(capability, view)
    return Query(
        f"select {HINT} {tenant}, access_count, hit_count, mem_hold from oceanbase.{view}"  # noqa: S608
        f" where {local(capability, view)}",
        _read_plan_cache,
    )


def _read_plan_cache(rows: Iterable[Row]) -> Iterable[Reading]:
    for tenant, accesses, hits, memory in rows:
        yield int(tenant), "plan.accesses", figure(accesses)
        yield int(tenant), "plan.hits", figure(hits)
        yield int(tenant), "plan.memory", figure(memory)


DISK_COLUMNS: Final = ("DATA_DISK_IN_USE", "DATA_DISK_CAPACITY", "LOG_DISK_IN_USE", "LOG_DISK_CAPACITY")
DISK_FIGURES: Final = ("disk.data_used", "disk.data_total", "disk.log_used", "disk.log_total")


def _disks(capability: Capability) -> Query | None:
    view = next((v for v in ("V$OB_SERVER_STAT", "GV$OB_SERVERS") if capability.has(v, *DISK_COLUMNS)), None)
    if view is None:
        return None
    return Query(
        f"select {HINT} {', '.join(DISK_COLUMNS).lower()} from oceanbase.{view}"  # noqa: S608
        f" where {local(capability, view)}",
        _read_disks,
        every=10,
    )


def _read_disks(rows: Iterable[Row]) -> Iterable[Reading]:
    for row in rows:
        for column, value in zip(DISK_FIGURES, row, strict=True):
            if value is not None:
                yield SERVER_WIDE, column, figure(value)


def identity(capability: Capability) -> str:
    """One row: zone, role, seconds since the server began to serve; NULL where a server cannot tell."""
    if capability.has("DBA_OB_SERVERS", "ZONE", "WITH_ROOTSERVER", "START_SERVICE_TIME"):
        return (
            f"select {HINT} zone, if(with_rootserver = 'YES', 'rootserver', ''),"  # noqa: S608
            " timestampdiff(second, start_service_time, now()) from oceanbase.DBA_OB_SERVERS"
            f" where {local(capability, 'DBA_OB_SERVERS')}"
        )
    if capability.has("V$OB_SERVER_STAT", "ROLE", "START_SERVICE_TIME"):
        zone = "null"
        if capability.has("GV$OB_PARAMETERS", "ZONE"):
            zone = "(select zone from oceanbase.GV$OB_PARAMETERS limit 1)"
        return (
            f"select {HINT} {zone}, lower(role), unix_timestamp(now(6)) - start_service_time / 1000000"  # noqa: S608
            " from oceanbase.V$OB_SERVER_STAT"
        )
    return f"select {HINT} null, '', null"


def tenants(capability: Capability) -> str:
    """Rows of tenant id and name; meta tenants, which belong to the kernel, are left out."""
    if capability.has("DBA_OB_TENANTS", "TENANT_ID", "TENANT_NAME", "TENANT_TYPE"):
        return (
            f"select {HINT} tenant_id, tenant_name from oceanbase.DBA_OB_TENANTS"  # noqa: S608
            " where tenant_type <> 'META' order by tenant_id"
        )
    if capability.has("GV$OB_PROCESSLIST", "ID", "TENANT"):
        return (
            f"select {HINT} effective_tenant_id(), tenant from oceanbase.GV$OB_PROCESSLIST"  # noqa: S608
            " where id = connection_id()"
        )
    return f"select {HINT} 1, 'tenant'"


def proxy(capability: Capability) -> str | None:
    """One row: how many sessions of ours there are (one, or none) that come through an OBProxy."""
    if not capability.has("GV$OB_PROCESSLIST", "SVR_IP", "ID", "PROXY_SESSID"):
        return None
    return (
        f"select {HINT} count(proxy_sessid) from oceanbase.GV$OB_PROCESSLIST"  # noqa: S608
        " where id = connection_id() and proxy_sessid > 0"
    )

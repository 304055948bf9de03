"""Statistics, waits and the plan cache: by server and tenant, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.sim.definitions import Statistic, statistics, wait_events
from distdiag_tui.sim.load import PLAN_ACCESSES, PLAN_HITS
from distdiag_tui.sim.rows.ask import Ask, Pairs, Rows

_MOST: Final = np.int64(2**63 - 1)

SPOILT: Final = ("nulls", "duplicates", "negative", "overflow")
"""What may be wrong with the values of a server."""


def _sysstat(ask: Ask) -> Rows:
    wanted = chosen(ask)
    servers, tenants = ask.pairs()
    each, count = len(wanted), len(servers)
    values = np.empty((count, each), np.int64)
    for column, statistic in enumerate(wanted):
        values[:, column] = values_of(ask, statistic, (servers, tenants))
    where, who = np.repeat(servers, each), np.repeat(tenants, each)
    _spoil(ask, values, servers)
    places = _places(ask.version)
    rows = {
        "CON_ID": ask.tenant_ids(who), **ask.addresses(where), "VALUE": values.ravel(),
        "STATISTIC#": np.tile(np.array([places[one.id] for one in wanted], np.int64), count),
        "STAT_ID": np.tile(np.array([one.id for one in wanted], np.int64), count),
        "CLASS": np.tile(np.array([one.kind for one in wanted], np.int64), count),
        "NAME": lambda: np.tile(np.array([one.name for one in wanted], dtype=object), count),
        "VALUE_TYPE": lambda: np.tile(
            np.array(["ADD_VALUE" if one.adds else "SET_VALUE" for one in wanted], dtype=object), count
        ),
    }  # fmt: skip
    return _doubled(ask, rows, where)


def chosen(ask: Ask) -> list[Statistic]:
    """Those that are asked for."""
    ids, names = ask.wanted.get("STAT_ID"), ask.wanted.get("NAME")
    return [
        each
        for each in statistics(ask.version)
        if (ids is None or each.id in ids) and (names is None or each.name in names)
    ]


@cache
def _places(version: str) -> Mapping[int, int]:
    """STATISTIC# by id."""
    return {each.id: number for number, each in enumerate(statistics(version))}


def values_of(ask: Ask, statistic: Statistic, at: Pairs) -> NDArray[np.int64]:
    """Of every server and tenant. What the model does not know follows its statements, or is still."""
    load, number = ask.load, statistic.id
    if number in load.totals:
        return load.total(number, ask.now, at).astype(np.int64)
    if number in load.levels:
        return load.levels[number][at].astype(np.int64)
    share = (number * 2654435761 % 1000) / 1000.0
    if not statistic.adds:
        return (load.levels[140002][at] * share / 1000.0).astype(np.int64)
    return (load.total(40000, ask.now, at) * share**4).astype(np.int64)


def _spoil(ask: Ask, values: NDArray[np.int64], servers: NDArray[np.int64]) -> None:
    for server, how in ask.spoilt.items():
        rows = servers == server
        if how == "negative":
            values[rows] = -values[rows]
        elif how == "overflow":
            values[rows] = _MOST - values[rows]


def _doubled(ask: Ask, rows: dict[str, Any], where: NDArray[np.int64]) -> Rows:
    """With every row twice, or without a value, for servers that are spoilt so."""
    nulls = [server for server, how in ask.spoilt.items() if how == "nulls"]
    twice = [server for server, how in ask.spoilt.items() if how == "duplicates"]
    if nulls:
        values = rows["VALUE"].astype(np.float64)
        values[np.isin(where, nulls)] = np.nan
        rows["VALUE"] = values
    if not twice:
        return rows
    order = np.concatenate((np.arange(len(where)), np.nonzero(np.isin(where, twice))[0]))
    return {name: (each() if callable(each) else each)[order] for name, each in rows.items()}


# What the time waited in an event is made of: a running total of the model, its share, and µs of one wait.
WAITS: Final = {
    "db file data read": (60001, 0.8, 220), "db file data `index read": (60001, 0.2, 220),
    "interm result disk write": (60004, 0.02, 300), "interm result disk read": (60001, 0.02, 300),
    "row store disk write": (60004, 0.02, 300), "row store disk read": (60001, 0.02, 300),
    "db file compact write": (60004, 0.5, 900), "db file compact read": (60001, 0.1, 600),
    "palf write": (80003, 1.0, 180), "palf read": (80003, 0.01, 250),
    "memstore memory page alloc wait": (60004, 0.001, 900), "memstore read lock wait": (60023, 0.05, 400),
    "memstore write lock wait": (60023, 0.95, 900), "row lock wait": (60023, 0.95, 900),
    "sync rpc": (10005, 0.6, 110), "das wait remote response": (10005, 0.2, 150),
    "mysql response wait client": (10005, 0.05, 40), "wait in request queue": (20002, 1.0, 18),
    "sched wait": (20002, 0.2, 20), "sched idle": (20001, 60.0, 10000), "sleep wait": (20001, 90.0, 10000),
    "wait end trans": (30008, 0.6, 500), "tx commiting wait": (30008, 0.6, 500),
    "wait start stmt": (20002, 0.05, 20), "retry: other retry wait": (20002, 0.01, 1000),
    "exec inner sql wait": (20002, 0.3, 60), "wait remove partition": (20002, 0.0001, 100),
    "default condition wait": (20002, 0.5, 400), "io queue condition wait": (60001, 0.3, 100),
    "th worker condition wait": (20001, 40.0, 5000), "latch wait queue lock wait": (20002, 0.2, 20),
}  # fmt: skip


def _system_event(ask: Ask) -> Rows:
    kinds = ask.wanted.get("WAIT_CLASS")
    events = [
        each
        for each in wait_events(ask.version)
        if each.name in WAITS and (kinds is None or each.wait_class in kinds)
    ]
    servers, tenants = ask.pairs()
    each, count = len(events), len(servers)
    micros = np.empty((count, each), np.int64)
    waits = np.empty((count, each), np.int64)
    for column, event in enumerate(events):
        source, share, once = WAITS[event.name]
        waits[:, column] = ask.load.total(source, ask.now, (servers, tenants)) * share / once
        micros[:, column] = ask.load.total(source, ask.now, (servers, tenants)) * share
    where, who = np.repeat(servers, each), np.repeat(tenants, each)

    def tiled(name: str) -> Callable[[], NDArray[Any]]:
        values = [getattr(event, name) for event in events]
        return lambda: np.tile(np.array(values, object if isinstance(values[0], str) else np.int64), count)

    return {
        "CON_ID": ask.tenant_ids(who), **ask.addresses(where), "EVENT_ID": tiled("id"),
        "EVENT": tiled("name"),
        "WAIT_CLASS_ID": tiled("class_id"), "WAIT_CLASS#": tiled("class_number"),
        "WAIT_CLASS": tiled("wait_class"),
        "TOTAL_WAITS": waits.ravel(), "TOTAL_TIMEOUTS": np.zeros(count * each, np.int64),
        "TIME_WAITED": lambda: micros.ravel() / 1e4,
        "AVERAGE_WAIT": lambda: micros.ravel() / 1e4 / np.maximum(1, waits.ravel()),
        "TIME_WAITED_MICRO": micros.ravel(),
    } if events else {}  # fmt: skip


def _plan_cache(ask: Ask) -> Rows:
    servers, tenants = ask.pairs()
    accesses = ask.load.total(PLAN_ACCESSES, ask.now, (servers, tenants)).astype(np.int64)
    hits = ask.load.total(PLAN_HITS, ask.now, (servers, tenants)).astype(np.int64)
    memory = (ask.load.levels[140002][servers, tenants] * 0.01).astype(np.int64)
    plans = 40 + servers % 7 * 5 + tenants * 20
    return {
        "TENANT_ID": ask.tenant_ids(tenants), **ask.addresses(servers), "SQL_NUM": plans + 9,
        "MEM_USED": memory * 7 // 8,
        "MEM_HOLD": memory, "ACCESS_COUNT": accesses, "HIT_COUNT": hits,
        "HIT_RATE": hits * 100 // np.maximum(1, accesses), "PLAN_NUM": plans,
        "MEM_LIMIT": (ask.load.levels[140002][servers, tenants] * 0.05).astype(np.int64),
        "HASH_BUCKET": np.full(len(servers), 30011), "STMTKEY_NUM": plans + 4,
    }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "GV$SYSSTAT": _sysstat,
    "GV$SYSTEM_EVENT": _system_event,
    "GV$OB_PLAN_CACHE_STAT": _plan_cache,
}

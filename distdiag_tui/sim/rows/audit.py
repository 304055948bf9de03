"""Statements that ran of late, and the plans kept for them. Of each server and tenant a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.sim.clients import STATEMENTS
from distdiag_tui.sim.rows.ask import Ask, Rows

_KEPT: Final = 60  # statements of a server and tenant
_SPAN: Final = 60_000_000  # µs that they go back


def _column(name: str) -> NDArray[Any]:
    values = [getattr(each, name) for each in STATEMENTS]
    return np.array(values, dtype=object if isinstance(values[0], str) else None)


def _busy(ask: Ask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """User tenants, where they have anything to do."""
    servers, tenants = ask.pairs()
    works = ask.load.rates[40000][servers, tenants] > 0
    chosen = works & ask.arrays.user[tenants]
    return servers[chosen], tenants[chosen]


def _audit(ask: Ask) -> Rows:
    servers, tenants = _busy(ask)
    where, who = np.repeat(servers, _KEPT), np.repeat(tenants, _KEPT)
    number = np.tile(np.arange(_KEPT), len(servers))
    random = np.random.default_rng(ask.load.seconds)
    kinds = random.choice(len(STATEMENTS), len(where), p=_column("share") / _column("share").sum())
    writes = _column("writes")[kinds]
    slow = ask.load.rates[40001][where, who] / np.maximum(1e-9, ask.load.rates[40000][where, who]) / 180.0
    execute = (_column("micros")[kinds] * slow * random.uniform(0.7, 1.6, len(where))).astype(np.int64)
    queue = random.integers(5, 60, len(where))
    began = int(ask.now * 1e6) - (number + 1) * (_SPAN // _KEPT)
    ids = ask.tenant_ids(who)
    zero, one = np.zeros(len(where), np.int64), np.ones(len(where), np.int64)
    sessions = (3221487616 + where * 4096 + who * 512 + number % 12).astype(np.uint64)
    clients = np.array([f"10.8.0.{1 + index}" for index in range(8)], dtype=object)[number % 8]
    return ask.addresses(where) | {
        "REQUEST_ID": ask.load.seconds * _KEPT + number, "SID": sessions, "CLIENT_IP": clients,
        "USER_CLIENT_IP": clients, "CLIENT_PORT": 40000 + number % 12, "TENANT_ID": ids,
        "EFFECTIVE_TENANT_ID": ids, "TENANT_NAME": lambda: ask.arrays.tenant_names[who],
        "USER_NAME": lambda: np.full(len(where), "app", dtype=object),
        "DB_NAME": lambda: np.full(len(where), "shop", dtype=object),
        "SQL_ID": lambda: _column("sql_id")[kinds], "QUERY_SQL": lambda: _column("text")[kinds],
        "AFFECTED_ROWS": writes.astype(np.int64), "RETURN_ROWS": _column("rows")[kinds],
        "RET_CODE": np.where(number % 53 == 52, -5024, 0), "IS_INNER_SQL": zero, "IS_EXECUTOR_RPC": zero,
        "IS_HIT_PLAN": one, "REQUEST_TIME": began, "ELAPSED_TIME": execute + queue + 20, "QUEUE_TIME": queue,
        "GET_PLAN_TIME": zero + 15, "EXECUTE_TIME": execute, "NET_TIME": zero, "NET_WAIT_TIME": zero,
        "DECODE_TIME": zero, "RETRY_CNT": zero,
        "TABLE_SCAN": (_column("micros")[kinds] > 5000).astype(np.int64),
        "PLAN_ID": kinds + 100, "PLAN_TYPE": one, "DISK_READS": np.where(number % 9 == 8, 2, 0),
        "MEMSTORE_READ_ROW_COUNT": _column("rows")[kinds],
        "SSSTORE_READ_ROW_COUNT": _column("rows")[kinds] * 4,
        "USER_IO_WAIT_TIME": np.where(number % 9 == 8, 440, 0).astype(np.uint64),
        "APPLICATION_WAIT_TIME": zero.astype(np.uint64), "CONCURRENCY_WAIT_TIME": zero.astype(np.uint64),
        "SCHEDULE_TIME": zero.astype(np.uint64), "REQUEST_TYPE": one + 1, "TX_ID": number + 1,
        "STATE": lambda: np.full(len(where), "MAX_WAIT TIME ZERO", dtype=object),
    }  # fmt: skip


def _plans(ask: Ask) -> Rows:
    servers, tenants = _busy(ask)
    kinds = np.tile(np.arange(len(STATEMENTS)), len(servers))
    where, who = np.repeat(servers, len(STATEMENTS)), np.repeat(tenants, len(STATEMENTS))
    times = (ask.load.total(40000, ask.now)[where, who] * _column("share")[kinds]).astype(np.int64)
    micros = _column("micros")[kinds].astype(np.int64)
    return ask.addresses(where) | {
        "TENANT_ID": ask.tenant_ids(who), "PLAN_ID": kinds + 100, "SQL_ID": _column("sql_id")[kinds],
        "QUERY_SQL": _column("text")[kinds], "EXECUTIONS": times, "HIT_COUNT": times,
        "ELAPSED_TIME": times * micros, "AVG_EXE_USEC": micros,
        "LAST_ACTIVE_TIME": np.full(len(where), np.datetime64(int(ask.now * 1e6), "us")),
    }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "GV$OB_SQL_AUDIT": _audit,
    "GV$OB_PLAN_CACHE_PLAN_STAT": _plans,
}

"""Sessions: those of the model's clients, as arrays, and the real ones that ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.sim.clients import STATEMENTS
from distdiag_tui.sim.rows.ask import Ask, Connection, Rows

ROW_LOCKED: Final = -6005
"""Why a session tries its statement again that waits for a row lock."""

_CLIENTS: Final = np.array([f"10.8.0.{number}" for number in range(1, 9)], dtype=object)


def _processlist(ask: Ask) -> Rows:
    servers, tenants = ask.pairs()
    user = ask.arrays.user[tenants]
    servers, tenants = servers[user], tenants[user]
    active = np.round(ask.load.active()[servers, tenants]).astype(np.int64)
    everyone = active + 12 + servers * 7 % 5 + np.round(ask.load.idle()[servers]).astype(np.int64)
    where, who = np.repeat(servers, everyone), np.repeat(tenants, everyone)
    place = np.arange(len(where)) - np.repeat(np.cumsum(everyone) - everyone, everyone)
    works = place < np.repeat(active, everyone)
    real = [each for each in ask.connections if each.server in ask.servers and each.tenant in ask.tenants]
    columns = _clients(ask, where, who, place, works)
    return {
        name: _joined(values, [_own(ask, each)[name] for each in real]) for name, values in columns.items()
    }


def _joined(values: Any, own: list[Any]) -> Callable[[], Any]:  # noqa: ANN401  arrays, or what makes them
    def make() -> Any:  # noqa: ANN401
        array = values() if callable(values) else values
        return np.concatenate((array, np.array(own, dtype=array.dtype))) if own else array

    return make


def _clients(
    ask: Ask,
    where: NDArray[np.int64],
    who: NDArray[np.int64],
    place: NDArray[np.int64],
    works: NDArray[np.bool_],
) -> dict[str, Any]:
    """The columns of the model's own sessions."""
    ids = 3221487616 + where * 4096 + who * 512 + place
    kinds = (ids * 7 + ask.load.seconds * works) % len(STATEMENTS)
    texts = np.array([each.text for each in STATEMENTS], dtype=object)
    sql_ids = np.array([each.sql_id for each in STATEMENTS], dtype=object)
    clients = _CLIENTS[place % len(_CLIENTS)]
    waiting = ask.load.waiting().round()[where, who]
    idle = (place * 37 % 600).astype(np.float64) + (ask.now % 1.0)
    seconds = np.where(works, 0.001 * (1 + place % 9), idle)
    return ask.addresses(where) | {
        "SQL_PORT": lambda: ask.arrays.sql_ports[where], "ID": ids.astype(np.uint64),
        "USER": lambda: _same(len(ids), "app"),
        "HOST": lambda: clients + ":" + (40000 + place).astype("U5").astype(object),
        "DB": lambda: _same(len(ids), "shop"), "TENANT": lambda: ask.arrays.tenant_names[who],
        "COMMAND": lambda: np.where(works, "Query", "Sleep").astype(object), "TIME": seconds,
        "TOTAL_TIME": seconds, "STATE": lambda: np.where(works, "ACTIVE", "SLEEP").astype(object),
        "INFO": lambda: np.where(works, texts[kinds], None), "PROXY_SESSID": ids.astype(np.uint64) * 3,
        "USER_CLIENT_IP": lambda: clients, "USER_HOST": lambda: _same(len(ids), "%"),
        "RETRY_CNT": np.zeros(len(ids), np.int64),
        "RETRY_INFO": np.where(works & (place < waiting), ROW_LOCKED, 0),
        "SQL_ID": lambda: np.where(works, sql_ids[kinds], ""),
        "TRANS_ID": np.where(works, ids % 100000 + 1, 0).astype(np.uint64),
        "TRANS_STATE": lambda: np.where(works, "ACTIVE", "").astype(object),
        "THREAD_ID": np.where(works, place, 0).astype(np.uint64), "USER_CLIENT_PORT": 40000 + place,
    }  # fmt: skip


def _same(count: int, text: str) -> NDArray[Any]:
    return np.full(count, text, dtype=object)


def _own(ask: Ask, each: Connection) -> dict[str, Any]:
    """The columns of a session that is really there."""
    works, seconds = bool(each.statement), max(0.0, ask.now - each.since)
    client = each.client.rpartition(":")
    return {
        "SVR_IP": each.server.ip, "SVR_PORT": each.server.rpc_port, "SQL_PORT": each.server.sql_port,
        "ID": each.id, "USER": each.user, "HOST": each.client, "DB": each.database or "NULL",
        "TENANT": each.tenant.name, "COMMAND": "Query" if works else "Sleep", "TIME": seconds,
        "TOTAL_TIME": seconds, "STATE": "ACTIVE" if works else "SLEEP", "INFO": each.statement or None,
        "PROXY_SESSID": each.proxy, "USER_CLIENT_IP": client[0], "USER_HOST": "%", "RETRY_CNT": 0,
        "RETRY_INFO": 0, "SQL_ID": "", "TRANS_ID": 0, "TRANS_STATE": "", "THREAD_ID": 0,
        "USER_CLIENT_PORT": int(client[2]),
    }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {"GV$OB_PROCESSLIST": _processlist}

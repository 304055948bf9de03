"""Transactions that are open, and row locks that others wait for, on servers that suffer from those."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from distdiag_tui.sim.rows.ask import Ask, Rows, table
from distdiag_tui.sim.world import Server, Tenant

_MOST: Final = 200  # waiters of a server and tenant
_HELD: Final = 90.0  # s that the holder's transaction is open


def _held(ask: Ask) -> Iterator[tuple[Server, Tenant, int]]:
    """Servers and tenants with the number of sessions that wait for row locks."""
    servers, tenants = ask.pairs()
    waiting = ask.load.waiting()[servers, tenants]
    for server, tenant, count in zip(servers.tolist(), tenants.tolist(), waiting.tolist(), strict=True):
        owner = ask.world.tenants[tenant]
        if owner.kind == "USER" and count >= 1:
            yield ask.world.servers[server], owner, min(_MOST, round(count))


def _locks(ask: Ask) -> Iterator[dict[str, Any]]:
    for server, tenant, count in _held(ask):
        holder = server.index * 1000 + 1
        for number in range(count):
            yield {
                "SVR_IP": server.ip, "SVR_PORT": server.rpc_port, "TENANT_ID": tenant.id,
                "TRANS_ID": holder + 1 + number, "SESSION_ID": _session(server, tenant, number + 1),
                "TYPE": "TR", "ID1": holder, "ID2": _session(server, tenant, 0),
                "ID3": f"{200000 + server.index}-4711", "LMODE": "NONE", "REQUEST": "X",
                "CTIME": 1_000_000 + 10_000 * number, "BLOCK": 1,
            }  # fmt: skip


def _transactions(ask: Ask) -> Iterator[dict[str, Any]]:
    for server, tenant, count in _held(ask):
        for number in range(count + 1):
            age = _HELD if number == 0 else 1.0 + 0.01 * number
            yield {
                "TENANT_ID": tenant.id, "SVR_IP": server.ip, "SVR_PORT": server.rpc_port,
                "SESSION_ID": _session(server, tenant, number),
                "SCHEDULER_ADDR": f'"{server.ip}:{server.rpc_port}"', "TX_TYPE": "LOCAL",
                "TX_ID": server.index * 1000 + 1 + number, "LS_ID": 1001, "PARTICIPANTS": None,
                "CTX_CREATE_TIME": ask.now - age, "TX_EXPIRED_TIME": ask.now - age + 86400,
                "STATE": "ACTIVE", "ACTION": "START", "PENDING_LOG_SIZE": 120, "FLUSHED_LOG_SIZE": 0,
                "ROLE": "LEADER", "COORD": -1, "LAST_REQUEST_TIME": ask.now - age, "FORMATID": -1,
                "GLOBALID": None, "BRANCHID": None,
            }  # fmt: skip


def _session(server: Server, tenant: Tenant, number: int) -> int:
    """The model's session of that number there."""
    return 3221487616 + server.index * 4096 + tenant.index * 512 + number


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "GV$OB_LOCKS": lambda ask: table(_locks(ask)),
    "GV$OB_TRANSACTION_PARTICIPANTS": lambda ask: table(_transactions(ask)),
}

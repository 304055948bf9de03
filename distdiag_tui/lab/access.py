"""Talk to one node: is it there, does it answer, and give root a password."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import TYPE_CHECKING

from distdiag_tui.lab.state import HOST
from distdiag_tui.model.login import METHODS
from distdiag_tui.model.target import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncmy import Connection

_ATTEMPT = 5.0  # seconds for one try to connect and ask
_DENIED = 1045
_EMPTY = Secret()


class AccessDenied(Exception):  # noqa: N818  it is an answer, not a fault
    """The node knows neither the lab's password nor the empty one of its first start."""


def greets(port: int, patience: float = 1.0) -> bool:
    """Whether the server there sends its greeting within `patience` seconds; a frozen one does not."""
    try:
        with closing(socket.create_connection((HOST, port), patience)) as client:
            client.settimeout(patience)
            return bool(client.recv(1))
    except OSError:
        return False


async def try_secure(port: int, password: Secret, on_answer: Callable[[], None]) -> bool:
    """Ask a query, calling `on_answer` when it is answered, and see that the password is set.

    Returns False while the node is not ready. A node whose first start was interrupted still has the
    empty password. AccessDenied if neither is right.
    """
    for candidate in (password, _EMPTY):
        if (connection := await _login(port, candidate)) is None:
            continue
        async with connection:
            return await _secure(connection, password, candidate is _EMPTY, on_answer)
    raise AccessDenied


async def _secure(
    connection: Connection, password: Secret, fresh: bool, on_answer: Callable[[], None]
) -> bool:
    async with asyncio.timeout(_ATTEMPT), connection.cursor() as cursor:
        await cursor.execute("select 1")
        on_answer()
        if fresh:
            # the server listens on all addresses of the machine, the lab is for this machine alone
            await cursor.execute("set global ob_tcp_invited_nodes = '127.0.0.1,::1'")
            await cursor.execute("alter user root identified by %s", (password.reveal(),))
    return True


async def _login(port: int, password: Secret) -> Connection | None:
    """A connection as root, or None if the password is wrong."""
    import asyncmy  # noqa: PLC0415  costs 130 ms
    from asyncmy.errors import OperationalError  # noqa: PLC0415

    try:
        async with asyncio.timeout(_ATTEMPT):
            return await asyncmy.connect(
                host=HOST, port=port, user="root", password=password.reveal(), auth_plugin_map=METHODS
            )
    except OperationalError as error:
        if error.args[:1] == (_DENIED,):
            return None
        raise

"""How the SQL faults reach their server, and how their sessions are told from all others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from asyncmy.errors import MySQLError

from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.model.errors import AnomalyError, ConnectError, CutOffError, WorkloadError
from distdiag_tui.workloads.database import Cursor, reason, statements
from distdiag_tui.workloads.session import Node, error_key, lost_connection

PATIENCE: Final = 4.0
"""Seconds for one visit to the server: whoever reverts must not hang on a frozen one."""

_GOING: Final = 3.0  # seconds for sessions to go
_KILLED: Final = (1317, 5066)  # what a session is told that another one kills, if it is told anything
_NAME: Final = re.compile(r"[\w-]{1,40}", re.ASCII)


def word_of(site: Site) -> str:
    """The injection as part of a name in SQL: letters, digits and underscores."""
    if not _NAME.fullmatch(site.injection):  # it goes into statements and names of tables
        raise AnomalyError(f"{site.injection!r} cannot name what is created on a server")
    return site.injection.replace("-", "_").lower()


def quoted(name: object) -> str:
    """A server's name for something, as it is written in SQL.

    >>> quoted("orders"), quoted("odd`; drop")
    ('`orders`', '`odd``; drop`')
    """
    return "`" + str(name).replace("`", "``") + "`"


def tag(site: Site) -> str:
    """What the sessions of an injection have as their CLIENT_INFO."""
    return f"distdiag {word_of(site)}"


def tagging(site: Site) -> str:
    """The statement that marks a session."""
    return f"CALL DBMS_APPLICATION_INFO.SET_CLIENT_INFO('{tag(site)}')"


def node_of(site: Site) -> Node:
    """The server, with connections that say what they are for."""
    return Node(site.endpoint, site.user, site.password, program="distdiag-anomaly")


@asynccontextmanager
async def asking(site: Site, seconds: float = PATIENCE) -> AsyncIterator[Cursor]:
    """A cursor on a connection of its own; AnomalyError in one line for whatever fails or takes too long.

    CutOffError if the session is ended or its connection breaks.
    """
    try:
        async with asyncio.timeout(seconds), statements(node_of(site)) as cursor:
            yield cursor
    except TimeoutError:
        raise AnomalyError(f"{site.label}: no answer within {seconds:g} s") from None
    except ConnectError as error:
        raise AnomalyError(str(error)) from error
    except WorkloadError as error:
        kind = CutOffError if _cut_off(error.__cause__) else AnomalyError
        raise kind(str(error)) from error


def _cut_off(error: BaseException | None) -> bool:
    return isinstance(error, Exception) and (lost_connection(error) or error_key(error) in _KILLED)


async def rows_of(cursor: Cursor, query: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    await cursor.execute(query)
    return [tuple(row) for row in await cursor.fetchall()]


async def own_tenant(cursor: Cursor, view: str) -> str:
    """The condition that keeps a view to the account's tenant; seekdb has only one, and no such column."""
    columns = {str(row[0]).upper() for row in await rows_of(cursor, f"SHOW COLUMNS FROM {view}")}
    return "tenant_id = EFFECTIVE_TENANT_ID()" if "TENANT_ID" in columns else "1 = 1"


def refusal(site: Site, error: Exception) -> AnomalyError:
    """What the server or the wire said, as an error for people."""
    return AnomalyError(f"{site.label}: {reason(error)}")


async def sessions_of(cursor: Cursor, site: Site) -> list[int]:
    """Ids of the injection's sessions on the server."""
    # a session that has no time for the mark has it as a comment of its statements
    query = (
        "SELECT id FROM oceanbase.V$OB_PROCESSLIST WHERE id <> CONNECTION_ID()"  # noqa: S608 - checked name
        f" AND (client_info = '{tag(site)}' OR info LIKE '%/* {tag(site)} */%')"
    )
    return [int(row[0]) for row in await rows_of(cursor, query)]


async def end_sessions(cursor: Cursor, site: Site) -> None:
    """KILL the injection's sessions, whoever made them, and see them gone; AnomalyError if they stay.

    What one of them was doing is done, or never will be, once it is gone.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + _GOING
    while sessions := await sessions_of(cursor, site):
        if clock() > end:
            raise AnomalyError(f"{len(sessions)} of its sessions on {site.label} do not end")
        for session in sessions:
            with suppress(MySQLError):  # it has ended by itself
                await cursor.execute(f"KILL {session}")
        await asyncio.sleep(0.05)

"""A stand-in for a test, and asking it as a client does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncmy
from asyncmy.errors import MySQLError

from distdiag_tui.model.target import Endpoint, Target


@asynccontextmanager
async def client(target: Target, endpoint: Endpoint | None = None) -> AsyncIterator[Any]:
    """A cursor on a connection of its own."""
    where = endpoint or target.endpoints[0]
    connection = await asyncmy.connect(
        host=where.host,
        port=where.port,
        user=target.user,
        password=target.password.reveal(),
        autocommit=True,
        connect_timeout=3,
    )
    try:
        async with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


async def rows(cursor: Any, sql: str) -> list[tuple[Any, ...]]:  # noqa: ANN401  asyncmy is untyped
    """All rows of a statement."""
    await cursor.execute(sql)
    return [tuple(row) for row in await cursor.fetchall()]


async def number(cursor: Any, sql: str) -> int:  # noqa: ANN401
    """The number of the error that a statement gets; 0 for none."""
    try:
        await cursor.execute(sql)
    except MySQLError as error:
        return int(error.args[0])
    return 0


async def login_number(target: Target) -> int:
    """The number of the error that logging in gets; 0 for none."""
    try:
        async with client(target):
            return 0
    except MySQLError as error:
        return int(error.args[0])

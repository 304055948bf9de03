"""Statements of a test's own, on a real node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncmy

from distdiag_tui.model.target import Target


@asynccontextmanager
async def session(target: Target) -> AsyncIterator[Any]:
    """A connection to the first node, with a cursor to say things by."""
    endpoint = target.endpoints[0]
    connection = await asyncmy.connect(
        host=endpoint.host, port=endpoint.port, user=target.user, password=target.password.reveal(),
        autocommit=True,
    )  # fmt: skip
    try:
        async with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()

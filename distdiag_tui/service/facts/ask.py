"""Asking a server something at the moment of a finding, over a connection of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.text import duration, figure, plain
from distdiag_tui.sources.capability import Capability, probe
from distdiag_tui.sources.queries import HINT, Row, local, tenant_of
from distdiag_tui.sources.session import connect

TIMEOUT: Final = 3.0
"""Seconds, for connecting and for each statement."""
SHOWN: Final = 8
"""Rows of a fact."""
WIDTH: Final = 160
"""Characters of a statement."""

OURS: Final = "'%/* distdiag */%'"
"""The pattern of the console's own statements."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes a fact: rows of texts, and the line that matters in them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    says: str = ""


class Server:
    """A server that answers. Its views are known, as far as somebody wants them."""

    def __init__(self, endpoint: Endpoint, connection: Any, capability: Capability) -> None:  # noqa: ANN401
        self.endpoint = endpoint
        self.capability = capability
        self._connection = connection

    def has(self, view: str, *columns: str) -> bool:
        """Whether the view can be read and has these columns."""
        return self.capability.has(view, *columns)

    def here(self, view: str) -> str:
        """The condition that keeps a view to this server."""
        return local(self.capability, view)

    def tenant_of(self, view: str) -> str:
        """The expression for the tenant id of the view's rows."""
        return tenant_of(self.capability, view)

    @property
    def connected(self) -> bool:
        """Whether the connection is still good for anything."""
        return bool(self._connection.connected)

    async def rows(self, select: str) -> list[Row]:
        """What a statement gives that begins with its list of columns; TimeoutError, MySQLError."""
        async with asyncio.timeout(TIMEOUT), self._connection.cursor() as cursor:
            await cursor.execute(f"select {HINT} {select}")
            return list(await cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Question:
    """A fact's title, the views that it cannot do without, how it is found, and views that it can use."""

    title: str
    needs: tuple[str, ...]
    ask: Callable[[Server], Awaitable[Answer]]
    likes: tuple[str, ...] = ()


@asynccontextmanager
async def connected(endpoint: Endpoint, target: Target, views: Iterable[str]) -> AsyncIterator[Server]:
    """The server, if it answers. Errors as the driver raises them."""
    connection = None
    try:
        async with asyncio.timeout(TIMEOUT):
            connection = await connect(endpoint, target, TIMEOUT)
            capability = await probe(connection, views)
        yield Server(endpoint, connection, capability)
    finally:
        if connection is not None:
            connection.close()  # at once: a hung server would not say good-bye


async def twice(read: Callable[[], Awaitable[Mapping[Any, Sequence[float]]]]) -> dict[Any, list[float]]:
    """By how much running totals grow in about a second, a second."""
    before, started = await read(), elapsed()
    await asyncio.sleep(1.0)
    after = await read()
    seconds = elapsed() - started
    return {
        key: [(new - old) / seconds for new, old in zip(values, before.get(key, values), strict=True)]
        for key, values in after.items()
    }


_PASSWORD: Final = re.compile(
    r"(identified\s+by(?:\s+password)?\s*|password\s*(?:=\s*)?\(?\s*)"
    r"(?:'(?:[^']|'')*(?:'|$)|\"[^\"]*(?:\"|$))",
    re.IGNORECASE,
)
"""A password in a statement, which may be cut off anywhere."""


def text(value: object, limit: int = WIDTH) -> str:
    """A server's value as it is shown, without passwords in it; "" for NULL.

    >>> text("ALTER USER app IDENTIFIED BY 'tiger'"), text("set password = password('ti")
    ("ALTER USER app IDENTIFIED BY '******'", "set password = password('******'")
    """
    if value is None:
        return ""
    return " ".join(plain(_PASSWORD.sub(r"\1'******'", str(value)), limit).split())


def span(seconds: object) -> str:
    """A time that has passed.

    >>> span(0.0123), span("75"), span(None)
    ('12.3 ms', '1m15s', '')
    """
    if seconds is None:
        return ""
    value = float(str(seconds))
    return " ".join(figure(value, "s")) if value < 10 else duration(value)


def amount(value: object, unit: str = "") -> str:
    """A figure with its unit, scaled for reading; "" for NULL."""
    return "" if value is None else " ".join(figure(float(str(value)), unit)).strip()

"""A connection that the cluster as a whole is asked over: discovery, events, cluster-wide figures."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Final

import asyncmy

from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.sources.capability import Capability, probe
from distdiag_tui.sources.queries import HINT, Row

TIMEOUT: Final = 5.0  # s, for connecting and for each statement; as long as HINT lets one run
LONGEST_BACK_OFF: Final = 15.0  # s, between attempts to connect


class Session:
    """One connection to whichever of some endpoints answers; the next one is tried when one fails.

    Endpoints may be servers or OBProxies. Everything raises what the driver raises, and TimeoutError;
    after an error `drop` it, or not if it was only an SQL error.
    """

    def __init__(self, target: Target, views: tuple[str, ...]) -> None:
        self.capability: Capability | None = None
        self.endpoint: Endpoint | None = None
        self._target = target
        self._views = views
        self._link: Any = None
        self._failures = 0
        self._next = 0
        self._retry_at = 0.0

    @property
    def connected(self) -> bool:
        """Whether the connection is still good for anything."""
        return self._link is not None and bool(self._link.connected)

    @property
    def resting(self) -> bool:
        """Whether it is too early for another attempt."""
        return time.monotonic() < self._retry_at

    async def connect(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Connect to the next of the endpoints, and find out what can be asked there."""
        self.endpoint = endpoints[self._next % len(endpoints)]
        async with asyncio.timeout(TIMEOUT):
            self._link = await asyncmy.connect(
                host=self.endpoint.host,
                port=self.endpoint.port,
                user=self._target.user_at(self.endpoint),
                password=self._target.password.reveal(),
                connect_timeout=TIMEOUT,
                autocommit=True,
                program_name="distdiag",
            )
        # a proxy may hang at any of these, so the time limit is that of each statement
        self.capability = await probe(self._link, self._views, timeout=TIMEOUT)
        self._failures = 0

    async def rows(self, select: str) -> list[Row]:
        """What a statement gives that begins with its list of columns."""
        return await self.run(f"select {HINT} {select}")

    async def run(self, sql: str) -> list[Row]:
        """The rows of any statement of ours."""
        async with asyncio.timeout(TIMEOUT), self._link.cursor() as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall())

    def failed(self) -> None:
        """Drop the connection, take the next endpoint next time, and not too soon."""
        self.close()
        self._next += 1
        pause = min(LONGEST_BACK_OFF, 0.5 * 2**self._failures)
        self._failures = min(self._failures + 1, 8)
        self._retry_at = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311

    def close(self) -> None:
        """Give the connection up at once: a hung server would not say good-bye."""
        if self._link is not None:
            self._link.close()
            self._link = None

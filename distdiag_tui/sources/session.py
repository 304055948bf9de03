"""A connection that the cluster as a whole is asked over: discovery, events, cluster-wide figures."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Final

import asyncmy

from distdiag_tui.model.login import METHODS
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.sources.capability import Capability, probe
from distdiag_tui.sources.queries import HINT, Row

TIMEOUT: Final = 5.0  # s, for connecting and for each statement; as long as HINT lets one run
_AT_ONCE: Final = 3  # endpoints that are tried before it is said that none answers
LONGEST_BACK_OFF: Final = 15.0  # s, between attempts to connect


async def connect(endpoint: Endpoint, target: Target, seconds: float) -> Any:  # noqa: ANN401  untyped
    """A connection with the target's account. Errors as the driver raises them.

    `seconds` is for the port to answer; the greeting and the login need a limit of their own.
    """
    return await asyncmy.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=target.user_at(endpoint),
        password=target.password.reveal(),
        connect_timeout=seconds,
        autocommit=True,
        program_name="distdiag",
        auth_plugin_map=METHODS,
    )


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
        self._failed_at: dict[str, float] = {}  # by address, s, monotonic
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
        """Connect to one of the endpoints, and find out what can be asked there.

        Those that failed come last. Raises what the last one tried gave.
        """
        trouble: Exception | None = None
        for endpoint in sorted(endpoints, key=lambda each: self._failed_at.get(each.address, 0.0))[:_AT_ONCE]:
            self.endpoint = endpoint
            try:
                await self._connect_to(endpoint)
            except Exception as error:  # whatever the driver makes of what is there
                trouble = error
                self._failed_at[endpoint.address] = time.monotonic()
                self.close()
            else:
                self._failures = 0
                return
        raise trouble or ValueError("no endpoint to connect to")

    async def _connect_to(self, endpoint: Endpoint) -> None:
        async with asyncio.timeout(TIMEOUT):
            self._link = await connect(endpoint, self._target, TIMEOUT)
        # a proxy may hang at any of these, so the time limit is that of each statement
        self.capability = await probe(self._link, self._views, timeout=TIMEOUT)

    async def rows(self, select: str) -> list[Row]:
        """What a statement gives that begins with its list of columns."""
        return await self.run(f"select {HINT} {select}")

    async def run(self, sql: str) -> list[Row]:
        """The rows of any statement of ours."""
        async with asyncio.timeout(TIMEOUT), self._link.cursor() as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall())

    def failed(self) -> None:
        """Drop the connection, take another endpoint next time, and not too soon."""
        self.close()
        if self.endpoint is not None:
            self._failed_at[self.endpoint.address] = time.monotonic()
        pause = min(LONGEST_BACK_OFF, 0.5 * 2**self._failures)
        self._failures = min(self._failures + 1, 8)
        self._retry_at = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311

    def close(self) -> None:
        """Give the connection up at once: a hung server would not say good-bye."""
        if self._link is not None:
            self._link.close()
            self._link = None

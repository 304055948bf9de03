"""A connection to one store that outlives loss: it comes back, and what was under way is made good."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, cast

from distdiag_tui.model.errors import ConnectError, WorkloadError
from distdiag_tui.model.pauses import pauses
from distdiag_tui.workloads.database import Cursor, reason
from distdiag_tui.workloads.session import Node, Wire, error_key, limit_statements, lost_connection
from distdiag_tui.workloads.tpch.kind import TPCH

PATIENCE: Final = 60.0
"""Seconds for a server to come back, and for one INSERT."""

SLOW: Final = 3600.0
"""Seconds for a statement over a whole table."""

_PASSING: Final = (1205, 1213, 4012, 4013, 4030, 4038, 6002, 8001)
"""Lock wait, deadlock, late, no memory (two), no leader, rolled back, just starting: they pass, so the load
goes on."""


class Link:
    """To a store's database. To be closed."""

    def __init__(self, store: Node) -> None:
        self.store = store
        self._clock = asyncio.get_running_loop().time
        self._connection: Any = None

    async def run(
        self, *statements: str, again: Sequence[str] = (), limit: float | None = None
    ) -> Sequence[tuple[Any, ...]]:
        """The rows of the last statement.

        `again` is sent instead once it is not known what has become of them. WorkloadError is the server's
        answer, or that a statement takes longer than `limit` seconds; without a limit one that takes PATIENCE
        is taken for lost. ConnectError if the server does not come back within PATIENCE.
        """
        deadline, waits = 0.0, pauses()
        while True:
            try:
                return await self._send(statements, limit)
            except WorkloadError:
                raise
            except Exception as error:  # whatever a torn stream raises
                deadline = deadline or self._clock() + PATIENCE
                self._judge(error, self._clock() > deadline)
            statements = tuple(again) or statements
            await asyncio.sleep(next(waits))

    def close(self) -> None:
        """At once; the server rolls back."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    async def _send(self, statements: Sequence[str], limit: float | None) -> Sequence[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = await self._open()
        cursor = cast(Cursor, self._connection.cursor())
        for statement in statements:
            try:
                async with asyncio.timeout(limit or PATIENCE):
                    await cursor.execute(statement)
            except TimeoutError as error:
                if limit is None:
                    raise
                self.close()
                raise WorkloadError(f"{self.store.label}: no answer within {limit:g} s") from error
        return await cursor.fetchall()

    async def _open(self) -> Wire:
        wire = await self.store.connect()
        try:
            async with asyncio.timeout(PATIENCE):
                await limit_statements(wire, SLOW)
                await wire.query(f"USE {TPCH.database}")
        except BaseException:
            wire.close()
            raise
        return wire

    def _judge(self, error: Exception, too_late: bool) -> None:
        """Return if it is worth another try."""
        lost, message = lost_connection(error), f"{self.store.label}: {reason(error)}"
        if lost:
            self.close()
        if lost and too_late:
            raise ConnectError(message) from error
        if too_late or not (lost or error_key(error) in _PASSING):
            raise WorkloadError(message) from error

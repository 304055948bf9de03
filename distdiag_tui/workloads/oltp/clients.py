"""The clients of the load: each a task that runs transactions until cancelled, outliving any error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from distdiag_tui.workloads.crew import connect
from distdiag_tui.workloads.meter import Meter
from distdiag_tui.workloads.oltp.config import OltpConfig
from distdiag_tui.workloads.oltp.statements import Planner, Step
from distdiag_tui.workloads.pacer import Pacer
from distdiag_tui.workloads.session import Node, Session, error_key, require_data


class Client:
    """One client: a session on each of its nodes (one in independent mode, all of them in coupled mode)."""

    def __init__(self, config: OltpConfig, nodes: Sequence[Node], pacer: Pacer, meter: Meter) -> None:
        self.sessions = [Session(node, config.statement_timeout) for node in nodes]
        self._bare = len(nodes) == 1 and config.mix.single_read
        self._planner = Planner(config, len(nodes), Random())  # noqa: S311 - test data
        self._pacer, self._meter = pacer, meter
        self._clock = asyncio.get_running_loop().time
        self._was_connected = [False] * len(nodes)

    async def run(self) -> None:
        """For ever. A transaction that fails is counted, not repeated; WorkloadError if its data is gone."""
        try:
            while True:
                await self._connect()
                due = await self._pacer.turn()
                try:
                    queries = await self._transaction(self._planner.transaction())
                except Exception as error:  # whatever a torn stream raises, the load goes on
                    await self._recover(error)
                else:
                    self._meter.committed(self._clock() - due, queries)
        finally:
            for session in self.sessions:
                session.close()

    async def _transaction(self, steps: list[Step]) -> int:
        """Visits one node after the other, so it waits for the slowest; returns the statements sent."""
        sessions = self.sessions
        if self._bare:
            await sessions[0].execute(steps[0].sql, steps[0].args)
            return 1
        for session in sessions:
            await session.begin()
        for node, sql, args in steps:
            await sessions[node].execute(sql, args)
        for session in sessions:
            await session.commit()
        return len(steps) + 2 * len(sessions)

    async def _recover(self, error: Exception) -> None:
        """Count the error and leave every session outside a transaction: rolled back, or closed."""
        require_data(error)
        late = any(session.timed_out for session in self.sessions)
        self._meter.failed("timeout" if late else error_key(error))
        for session in self.sessions:
            await session.clear()

    async def _connect(self) -> None:
        for index, session in enumerate(self.sessions):
            if session.broken:
                await connect(session, self._meter)
                if self._was_connected[index]:
                    self._meter.reconnected()
                self._was_connected[index] = True

"""Caches that are emptied over and over; without GLOBAL the plan cache of the one server."""

from __future__ import annotations

from typing import ClassVar

from distdiag_tui.anomalies.sql.clients import Clients
from distdiag_tui.anomalies.sql.fault import SqlFault
from distdiag_tui.workloads.session import Session


class Flush(SqlFault):
    """One session that runs `statement` every `every_ms`."""

    statement: ClassVar[str]

    async def _doing(self) -> list[str]:
        return [f"every {self.values['every_ms']} ms: {self.statement}"]

    def _crew(self) -> Clients:
        return Clients(self.site, [self._flush], rest=float(self.values["every_ms"]) / 1000)

    async def _flush(self, session: Session) -> None:
        await session.query(self.statement)


class FlushKvCache(Flush):
    """Row, block and other caches of data."""

    statement = "ALTER SYSTEM FLUSH KVCACHE"


class FlushPlanCache(Flush):
    """Plans, on the one server."""

    statement = "ALTER SYSTEM FLUSH PLAN CACHE"

"""One server's answers, put into columns."""

from __future__ import annotations

from typing import Any

from reference import capability_of

from distdiag_tui.model.metrics import COLUMN_INDEX
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Tenant
from distdiag_tui.sources import queries
from distdiag_tui.sources.frame import SERVER_WIDE
from distdiag_tui.sources.node import Node


class Answering(Node):
    """A node whose every statement is answered with the same rows."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        super().__init__(Endpoint("ob1", 2881), Target("c", ()))
        self._rows = rows
        self._tenants = (Tenant(1, "sys"), Tenant(1002, "shop"))

    async def _fetch(self, sql: str) -> list[queries.Row]:
        return list(self._rows)


async def test_sessions_of_tenants_without_an_id_are_added_up() -> None:
    sessions = queries.plan(capability_of("ob-4.3.3.1"))[2]
    readings: dict[tuple[int, int], float] = {}
    rows = [("shop", 5, 2, 1), ("META$1002", 3, 1, 0), ("created just now", 4, 4, 2)]
    await Answering(rows)._ask(sessions, readings)
    everyone, active, locked = (COLUMN_INDEX[f"session.{name}"] for name in ("all", "active", "locked"))
    assert readings == {
        (SERVER_WIDE, everyone): 7,
        (SERVER_WIDE, active): 5,
        (SERVER_WIDE, locked): 2,
        (1002, everyone): 5,
        (1002, active): 2,
        (1002, locked): 1,
    }

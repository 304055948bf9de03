"""A table of the injection's own with a small write load, where there is no workload to disturb."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.anomalies.sql import own
from distdiag_tui.anomalies.sql.clients import Step
from distdiag_tui.anomalies.sql.hot import Table
from distdiag_tui.workloads.session import Session

ROWS = 1000
WRITERS = 4
_REST = 0.02  # seconds between two updates of one writer


def own_table(site: Site) -> Table:
    """The table's name and columns."""
    return Table(own.database_of(site), "data", ("id",), ("id", "k", "a", "b", "c"))


def statements(site: Site) -> list[str]:
    """What makes and fills it."""
    name = own_table(site).full
    columns = (
        "id INT NOT NULL PRIMARY KEY, k INT NOT NULL, a INT NOT NULL, b INT NOT NULL, c CHAR(64) NOT NULL"
    )
    return [f"CREATE TABLE {name} ({columns})", *own.rows(name, ROWS, "0, {id}, {id}, MD5({id})")]


def update(site: Site) -> str:
    """What a writer does over and over; ? is a row drawn anew each time."""
    return f"UPDATE {own_table(site).full} SET k = k + 1, a = a + 1, b = b + 1, c = MD5(k) WHERE id = ?"  # noqa: S608


def writers(site: Site) -> Sequence[Step]:
    """The clients of the load."""
    sql = update(site)

    async def write(session: Session) -> None:
        await session.execute(sql, (random.randint(1, ROWS),))  # noqa: S311 - test data
        await asyncio.sleep(_REST)

    return [write] * WRITERS

"""The tables of the load: filled to a number of rows, and checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

from distdiag_tui.workloads.database import Cursor, statements
from distdiag_tui.workloads.oltp.config import OltpConfig
from distdiag_tui.workloads.oltp.statements import DATABASE, create_table_sql, digits, table_name
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.session import Node, together

BATCH_ROWS = 500
_LOADERS = 4  # tables filled at a time on one node


async def fill(stores: Sequence[Node], config: OltpConfig, progress: Progress) -> None:
    """Bring every store's tables to exactly `config.rows` rows; what is already there is kept."""
    tally = _Tally(len(stores) * config.tables * config.rows, progress)
    await together(_fill_store(store, config, tally) for store in stores)


async def verify(stores: Sequence[Node], config: OltpConfig) -> AsyncIterator[Check]:
    """Every table has its rows: deletes are followed by inserts in one transaction."""
    for store in stores:
        async with statements(store) as cursor:
            for table in range(1, config.tables + 1):
                name = f"{DATABASE}.{table_name(table)}"
                found = await _count(cursor, name)
                detail = f"{found[0]:,} rows, ids up to {found[1]:,}"
                yield Check(f"{store.label} {table_name(table)}", found == (config.rows, config.rows), detail)


class _Tally:
    """Rows in place over all tables and stores."""

    def __init__(self, expected: int, progress: Progress) -> None:
        self._expected, self._progress, self._rows = expected, progress, 0

    def add(self, rows: int) -> None:
        self._rows += rows
        self._progress(min(self._rows / self._expected, 1.0), f"{self._rows:,} rows")


async def _fill_store(store: Node, config: OltpConfig, tally: _Tally) -> None:
    gate = asyncio.Semaphore(_LOADERS)

    async def fill_one(table: int) -> None:
        async with gate, statements(store) as cursor:
            await _fill_table(cursor, table, config.rows, tally)

    await together(fill_one(table) for table in range(1, config.tables + 1))


async def _fill_table(cursor: Cursor, table: int, rows: int, tally: _Tally) -> None:
    name = f"{DATABASE}.{table_name(table)}"
    await cursor.execute(create_table_sql(table))
    count, last = await _count(cursor, name)
    if count != last or count > rows:  # not a clean beginning: start over
        await cursor.execute(f"TRUNCATE TABLE {name}")
        count = 0
    tally.add(count)
    rng = Random(table)  # noqa: S311 - test data, the same on each node
    for first in range(count + 1, rows + 1, BATCH_ROWS):
        batch = range(first, min(first + BATCH_ROWS, rows + 1))
        await cursor.execute(_insert_sql(name, batch, rows, rng))
        tally.add(len(batch))


async def _count(cursor: Cursor, name: str) -> tuple[int, int]:
    await cursor.execute(f"SELECT COUNT(*), COALESCE(MAX(id), 0) FROM {name}")  # noqa: S608 - our own name
    [(count, last)] = await cursor.fetchall()
    return int(count), int(last)


def _insert_sql(name: str, ids: range, rows: int, rng: Random) -> str:
    values = (f"({i},{rng.randint(1, rows)},'{digits(rng, 120)}','{digits(rng, 60)}')" for i in ids)
    return f"INSERT INTO {name} (id, k, c, pad) VALUES {','.join(values)}"  # noqa: S608 - our own digits

"""Fills the tables: several connections to each store, one transaction a batch, taken up where it stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

from distdiag_tui.workloads.database import Cursor, Database, statements
from distdiag_tui.workloads.protocol import Progress
from distdiag_tui.workloads.session import Node, adjust, together
from distdiag_tui.workloads.tpcc.parts import Part, parts
from distdiag_tui.workloads.tpcc.scale import Scale
from distdiag_tui.workloads.tpcc.schema import CREATE, DATABASE, DROP, sql

CONNECTIONS = 4  # to each store
_PATIENCE = 300  # seconds for one statement: the disk of a busy server
_HIGHEST = (
    sql("SELECT MAX(w_id) FROM {warehouse}"),
    sql("SELECT MAX(s_w_id) FROM {stock}"),
    sql("SELECT MAX(c_w_id) FROM {customer}"),
    sql("SELECT MAX(o_w_id) FROM {orders}"),
)


class Loader:
    """Brings stores to a number of warehouses. `rows` counts what it inserted itself."""

    def __init__(self, stores: Sequence[Node], warehouses: int, scale: Scale, progress: Progress) -> None:
        self.rows = 0
        self._stores, self._warehouses, self._scale = stores, warehouses, scale
        self._progress, self._there = progress, 0.0
        self._expected = len(stores) * scale.rows(warehouses)
        self._now = datetime.now().isoformat(" ", "seconds")  # noqa: DTZ005 - as a terminal's clock shows it
        self._begin = time.monotonic()

    async def run(self) -> None:
        """May be cancelled or die at any point; what it had committed is kept by the next."""
        await together(self._fill(store) for store in self._stores)

    async def _fill(self, store: Node) -> None:
        await self._make_tables(store)
        work = parts(self._warehouses, self._scale, self._now)
        await together(self._work(store, work) for _ in range(CONNECTIONS))

    async def _make_tables(self, store: Node) -> None:
        """Empty ones, unless those that are there have rows that fit."""
        database, wanted = Database(DATABASE, [store]), self._scale.to_json()
        noted = (await database.notes(store)).get("scale")
        async with statements(store) as cursor:
            await be_patient(cursor)
            if noted is not None and (noted != wanted or await _highest(cursor) > self._warehouses):
                await _execute(cursor, DROP)
            await database.note(store, scale=wanted)
            await _execute(cursor, CREATE)

    async def _work(self, store: Node, work: Iterator[Part]) -> None:
        async with statements(store) as cursor:
            await be_patient(cursor)
            for part in work:
                await self._load(cursor, part)

    async def _load(self, cursor: Cursor, part: Part) -> None:
        done = await _done(cursor, part)
        self._tell(done * part.weight)
        for ids in part.batches(done):
            await _execute(cursor, ("BEGIN", *part.make(ids), "COMMIT"))
            self.rows += int(len(ids) * part.weight)
            self._tell(len(ids) * part.weight)

    def _tell(self, rows: float) -> None:
        self._there += rows
        speed = self.rows / (time.monotonic() - self._begin)
        words = f"{self._there:,.0f} of {self._expected:,} rows, {speed:,.0f} a second"
        self._progress(min(self._there / self._expected, 1.0), words)


async def be_patient(cursor: Cursor) -> None:
    """OceanBase ends a statement after 10 s, MySQL warns of tables that exist; each ignores one of these."""
    for setting in (f"ob_query_timeout = {_PATIENCE * 1_000_000}", "sql_notes = 0"):
        await adjust(cursor.execute, f"SET {setting}")


async def _execute(cursor: Cursor, queries: Sequence[str]) -> None:
    for query in queries:
        await cursor.execute(query)


async def _done(cursor: Cursor, part: Part) -> int:
    """How many of the part's ids are in place; if they are not the first ones, it is cleared."""
    await cursor.execute(part.count_sql)
    [(count, last)] = await cursor.fetchall()
    whole = count == len(part.ids) or count % part.step == 0
    if count and (last - part.ids.start + 1 != count or not whole):
        await _execute(cursor, ("BEGIN", *part.clear_sql, "COMMIT"))
        return 0
    return int(count)


async def _highest(cursor: Cursor) -> int:
    """The highest warehouse that has any row, even half loaded; 0 if there are no tables."""
    await cursor.execute(f"SHOW TABLES FROM {DATABASE} LIKE 'warehouse'")
    if not await cursor.fetchall():
        return 0
    found = 0
    for query in _HIGHEST:
        await cursor.execute(query)
        [(highest,)] = await cursor.fetchall()
        found = max(found, int(highest or 0))
    return found

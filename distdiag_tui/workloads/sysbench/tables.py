"""The tables of sysbench: made by its own prepare, checked, made again only where they differ."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.database import Cursor, Database, statements
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.session import Node, together
from distdiag_tui.workloads.sysbench.config import DATABASE, SysbenchConfig
from distdiag_tui.workloads.sysbench.output import Failure, Output
from distdiag_tui.workloads.sysbench.program import Child
from distdiag_tui.workloads.sysbench.ready import CHANGED

_LOADERS: Final = 4  # tables filled at a time on one server
_LOOK_EVERY: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Found:
    """A table as it is: rows, the least and the greatest id, and whether its second index is there.

    The index comes last, so that with it and all rows a table is as sysbench left it.
    """

    rows: int
    first: int
    last: int
    indexed: bool

    def complete(self, size: int) -> bool:
        """Whether it has every row from 1 to `size`."""
        return self.indexed and (self.rows, self.first, self.last) == (size, 1, size)


async def fill(stores: Sequence[Node], config: SysbenchConfig, progress: Progress) -> None:
    """Bring every store's tables to their size; a table that is complete is kept.

    WorkloadError names the server, and what it or sysbench says.
    """
    tally = _Tally(len(stores), len(stores) * config.tables * config.table_size, progress)
    await together(_fill_store(index, store, config, tally) for index, store in enumerate(stores))


async def verify(stores: Sequence[Node], config: SysbenchConfig, progress: Progress) -> AsyncIterator[Check]:
    """Every table has its rows; where a script ran that changes their number, it is only told."""
    done = 0
    for store in stores:
        changed = (await Database(DATABASE, [store]).notes(store)).get(CHANGED, "")
        async with statements(store) as cursor:
            there = await _numbers(cursor)
            for number in range(1, config.tables + 1):
                found = await _look(cursor, number) if number in there else None
                yield _check(f"{store.label} {_name(number)}", found, config.table_size, changed)
                done += 1
                progress(done / (len(stores) * config.tables))


def _check(name: str, found: Found | None, size: int, changed: str) -> Check:
    if found is None:
        return Check(name, passed=False, detail="there is no such table")
    detail = f"{found.rows:,} rows, ids {found.first:,} to {found.last:,}"
    if not found.indexed:
        return Check(name, passed=False, detail=f"{detail}, its index is missing")
    if changed and not found.complete(size):
        return Check(name, passed=True, detail=f"{detail}: {changed} has changed the {size:,} that were made")
    return Check(name, found.complete(size), detail)


class _Tally:
    """Rows in place over all stores."""

    def __init__(self, stores: int, expected: int, progress: Progress) -> None:
        self._rows = [0] * stores
        self._expected, self._progress = expected, progress

    def set(self, store: int, rows: int) -> None:
        """So many are in that store now; it never shows less than before."""
        self._rows[store] = max(rows, self._rows[store])
        total = sum(self._rows)
        self._progress(min(total / self._expected, 1.0), f"{total:,} rows")


async def _fill_store(index: int, store: Node, config: SysbenchConfig, tally: _Tally) -> None:
    async with statements(store) as cursor:
        wanted = range(1, config.tables + 1)
        lacking = await _clear(cursor, wanted, config.table_size)
        kept = (len(wanted) - len(lacking)) * config.table_size
        tally.set(index, kept)
        if lacking:
            filling = asyncio.create_task(_run_prepare(store, config, lacking))
            try:
                while not filling.done():
                    await asyncio.wait({filling}, timeout=_LOOK_EVERY)
                    tally.set(index, kept + await _rows_so_far(cursor, lacking))
            finally:
                filling.cancel()
                await asyncio.wait({filling})
            await _demand_complete(cursor, store, config, lacking, filling.result())
    await Database(DATABASE, [store]).note(store, **{CHANGED: ""})


async def _clear(cursor: Cursor, wanted: range, size: int) -> list[int]:
    """Drop what is not as it should be; returns the numbers of the tables to make."""
    kept = []
    for number in await _numbers(cursor):
        if number in wanted and (await _look(cursor, number)).complete(size):
            kept.append(number)
        else:
            await cursor.execute(f"DROP TABLE {DATABASE}.{_name(number)}")
    return [number for number in wanted if number not in kept]


async def _run_prepare(store: Node, config: SysbenchConfig, numbers: Sequence[int]) -> Failure | None:
    """What sysbench complained about, if anything: its exit code is 0 even then."""
    arguments = [*config.data, f"--threads={min(len(numbers), _LOADERS)}", "prepare"]
    variables = {"DISTDIAG_SCRIPT": "oltp_read_write", "DISTDIAG_TABLES": " ".join(map(str, numbers))}
    child = await Child.start(store, arguments, variables)
    output = Output()
    complaint = None
    try:
        async for line in child.lines():
            event = output.read(line)
            if isinstance(event, Failure) and (complaint is None or complaint.code is None):
                complaint = event
        await child.ended()
    finally:
        await child.end()
    return complaint


async def _demand_complete(
    cursor: Cursor, store: Node, config: SysbenchConfig, numbers: Sequence[int], complaint: Failure | None
) -> None:
    if complaint is not None:
        raise WorkloadError(f"{store.label}: {complaint.words}")
    there = await _numbers(cursor)
    for number in numbers:
        if number not in there or not (await _look(cursor, number)).complete(config.table_size):
            raise WorkloadError(f"{store.label}: sysbench ended before {_name(number)} was complete")


async def _rows_so_far(cursor: Cursor, numbers: Sequence[int]) -> int:
    """By the greatest id: sysbench inserts in order, and to count would cost the server more."""
    rows = 0
    for number in set(numbers) & set(await _numbers(cursor)):
        await cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {DATABASE}.{_name(number)}")  # noqa: S608 - ours
        rows += int((await cursor.fetchall())[0][0])
    return rows


async def _numbers(cursor: Cursor) -> list[int]:
    """Of the tables that are there, those of bulk_insert left out."""
    await cursor.execute(f"SHOW TABLES FROM {DATABASE}")
    names = (re.fullmatch(r"sbtest(\d{1,4})", str(row[0])) for row in await cursor.fetchall())
    return sorted(int(name[1]) for name in names if name)


async def _look(cursor: Cursor, number: int) -> Found:
    table = f"{DATABASE}.{_name(number)}"
    await cursor.execute(f"SHOW INDEX FROM {table}")
    indexed = any(f"k_{number}" in row for row in await cursor.fetchall())
    await cursor.execute(f"SELECT COUNT(*), COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608 - ours
    [(rows, first, last)] = await cursor.fetchall()
    return Found(int(rows), int(first), int(last), indexed)


def _name(number: int) -> str:
    return f"sbtest{number}"

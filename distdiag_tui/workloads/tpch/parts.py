"""The data in portions: parts that fit into memory, cut into chunks that are one INSERT each."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from distdiag_tui.workloads.tpch.duck import Duck, Rows
from distdiag_tui.workloads.tpch.schema import TABLES, Table

PART_SCALE: Final = 0.1
"""Scale of what is in memory at a time: 870,000 rows, 190 MB."""

CHUNK_ROWS: Final = 4000
"""About. At most 0.7 MB of SQL, below any server's default max_allowed_packet."""

_KEPT: Final = 24  # chunks, for stores that are not in step


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows of a table with keys `first` to `last`."""

    table: Table
    number: int
    first: int
    last: int
    rows: int

    @property
    def range(self) -> str:
        """As a condition."""
        return f"{self.table.key} BETWEEN {self.first} AND {self.last}"


@dataclass(frozen=True)
class Slice:
    """One table's rows in a part: keys from `low` to `high`, chunks of `width` keys each.

    `rows` by the number of the chunk, 0 upwards; chunks without rows are not in it.
    """

    table: Table
    low: int
    high: int
    width: int
    rows: Mapping[int, int]

    @cached_property
    def total(self) -> int:
        """Rows."""
        return sum(self.rows.values())

    @property
    def count(self) -> str:
        """SQL for MySQL's dialect that gives `rows` of a server."""
        key, name = self.table.key, self.table.name
        return (
            f"SELECT ({key} - {self.low}) DIV {self.width} AS chunk, COUNT(*) FROM {name} "  # noqa: S608 - ours
            f"WHERE {key} BETWEEN {self.low} AND {self.high} GROUP BY chunk"
        )

    def absent(self, there: Mapping[int, int]) -> Iterator[Chunk]:
        """The chunks of which a server, with its own `rows`, has not exactly all."""
        for number, rows in self.rows.items():
            if there.get(number, 0) != rows:
                first = self.low + number * self.width
                yield Chunk(self.table, number, first, min(first + self.width - 1, self.high), rows)


def number_of_parts(scale: float) -> int:
    """Into how many parts the data is cut."""
    return math.ceil(scale / PART_SCALE)


class Part:
    """One part of the data, in memory until the next is made. Stores share the text of its chunks."""

    def __init__(self, duck: Duck, slices: list[Slice], columns: Mapping[str, str]) -> None:
        self.slices = slices
        self._duck, self._columns = duck, columns
        self._recent: dict[Chunk, asyncio.Task[Rows]] = {}

    @classmethod
    async def make(cls, duck: Duck, scale: float, part: int, parts: int) -> Part:
        """Generate it, in place of the one before."""
        for table in TABLES:
            await duck.rows(f"DROP TABLE IF EXISTS {table.name}")
        await duck.generate(scale, part, parts)
        slices = [found for table in TABLES if (found := await _slice(duck, table))]
        return cls(duck, slices, {table.name: await _row_text(duck, table) for table in TABLES})

    async def values(self, chunk: Chunk) -> str:
        """The chunk's rows as they stand behind VALUES: written by DuckDB in a quarter of Python's time."""
        task = self._recent.get(chunk)
        if task is None:
            sql = f"SELECT string_agg({self._columns[chunk.table.name]}, ',') FROM {chunk.table.name} "  # noqa: S608
            task = self._recent[chunk] = asyncio.create_task(self._duck.rows(f"{sql} WHERE {chunk.range}"))
            if len(self._recent) > _KEPT:
                del self._recent[next(iter(self._recent))]
        [(text,)] = await asyncio.shield(task)
        return str(text)


async def _slice(duck: Duck, table: Table) -> Slice | None:
    """None if this part has no rows of the table."""
    key, name = table.key, table.name
    [(low, high, rows)] = await duck.rows(f"SELECT MIN({key}), MAX({key}), COUNT(*) FROM {name}")  # noqa: S608 - ours
    if not rows:
        return None
    width = max(1, (high - low + 1) * CHUNK_ROWS // rows)
    found = await duck.rows(
        f"SELECT ({key} - {low}) // {width} AS chunk, COUNT(*) FROM {name} GROUP BY chunk ORDER BY chunk"  # noqa: S608
    )
    return Slice(table, low, high, width, dict(found))


async def _row_text(duck: Duck, table: Table) -> str:
    """A DuckDB expression that gives a row as MySQL's dialect writes it: `(1,'text','1998-09-02')`.

    One concat of all, as a chain of || takes twice the time.
    """
    kinds = await duck.rows(f"SELECT column_name, column_type FROM (DESCRIBE {table.name})")  # noqa: S608 - ours
    columns = (_quoted(column, kind) for column, kind in kinds)
    return f"""concat('(', {", ',', ".join(columns)}, ')')"""


def _quoted(column: str, kind: str) -> str:
    """Arguments of concat. Quotes are doubled, and backslashes, which are escapes in MySQL's dialect."""
    quote = "''''"
    if kind == "VARCHAR":
        return rf"{quote}, replace(replace({column}, '\', '\\'), {quote}, ''''''), {quote}"
    return f"{quote}, {column}, {quote}" if kind == "DATE" else column

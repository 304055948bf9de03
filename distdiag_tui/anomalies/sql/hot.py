"""The tables that a load is busy with: those of our workloads, never somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from asyncmy.errors import MySQLError

from distdiag_tui.anomalies.sql.asking import rows_of
from distdiag_tui.workloads.database import NOTES_TABLE, OWNER_TABLE, Cursor
from distdiag_tui.workloads.kinds import KINDS

_PLAIN: Final = re.compile(r"\w+", re.ASCII)
_INDEXABLE: Final = frozenset(
    {"int", "bigint", "smallint", "tinyint", "mediumint", "decimal", "double", "float",
     "date", "datetime", "timestamp", "char", "varchar"}
)  # fmt: skip
_WRITES: Final = ("insert", "update", "delete", "replace")
_RECENTLY: Final = 30  # seconds


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its primary key and the columns that can be in an index."""

    schema: str
    name: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def full(self) -> str:
        """As it is written in SQL."""
        return f"{self.schema}.{self.name}"


async def hot_tables(cursor: Cursor, limit: int) -> list[Table]:
    """Up to `limit` tables with our owner's mark, the busiest first."""
    schemas = ", ".join(f"'{kind.database}'" for kind in KINDS)
    columns = await rows_of(
        cursor,
        "SELECT table_schema, table_name, column_name, data_type, column_key FROM information_schema.columns"  # noqa: S608
        f" WHERE table_schema IN ({schemas}) ORDER BY table_schema, table_name, ordinal_position",
    )
    tables = ours(columns)
    names = _PLAIN
    heat = await _heat(cursor, [table.name for table in tables])
    return sorted(
        (
            table
            for table in tables
            if table.keys and all(map(names.fullmatch, (table.name, *table.keys, *table.columns)))
        ),
        key=lambda table: heat[table.name],
        reverse=True,
    )[:limit]


def ours(columns: Iterable[Sequence[Any]]) -> list[Table]:
    """Tables of marked databases, from rows of schema, table, column, type and key, in order."""
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for schema, table, column, kind, key in columns:
        found.setdefault((str(schema), str(table)), []).append((str(column), str(kind), str(key)))
    marked = {schema for schema, table in found if table == OWNER_TABLE}
    return [
        Table(
            schema,
            name,
            tuple(column for column, _, key in each if key == "PRI"),
            tuple(column for column, kind, _ in each if kind.lower() in _INDEXABLE),
        )
        for (schema, name), each in found.items()
        if schema in marked and name not in (OWNER_TABLE, NOTES_TABLE)
    ]


async def _heat(cursor: Cursor, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """By table, how many statements of the last half minute write it, and how many name it at all."""
    texts: list[str] = []
    with suppress(MySQLError):  # not every account may look; then they count as equally busy
        rows = await rows_of(
            cursor,
            "SELECT LOWER(LEFT(query_sql, 2000)) FROM oceanbase.V$OB_PLAN_CACHE_PLAN_STAT"  # noqa: S608
            f" WHERE last_active_time > NOW() - INTERVAL {_RECENTLY} SECOND LIMIT 2000",
        )
        texts = [str(row[0]) for row in rows]
    heat = {}
    for name in names:
        word = re.compile(rf"\b{re.escape(name.lower())}\b")
        naming = [text for text in texts if word.search(text)]
        heat[name] = sum(text.lstrip().startswith(_WRITES) for text in naming), len(naming)
    return heat

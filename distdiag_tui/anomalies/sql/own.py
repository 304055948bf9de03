"""A database for one injection alone, made and dropped whole: no two get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.anomalies.sql.asking import asking, rows_of, tagging, word_of
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.workloads.database import OWNER_TABLE, Cursor

PREFIX: Final = "distdiag_anomaly_"
_BUILD_SECONDS: Final = 30.0
_NOTE: Final = "database"  # without it one of that name is another machine's, whose injection is called alike


def database_of(site: Site) -> str:
    """Its name, which follows from the injection's."""
    return f"{PREFIX}{word_of(site)}"


def creation(site: Site, tables: Sequence[str]) -> list[str]:
    """The statements that make the database with our mark, then the tables and what is in them."""
    name = database_of(site)
    owner = f"CREATE TABLE {name}.{OWNER_TABLE} (mark CHAR(36) NOT NULL PRIMARY KEY)"
    mark = f"INSERT INTO {name}.{OWNER_TABLE} VALUES ('{site.injection}')"  # noqa: S608 - checked name
    return [f"CREATE DATABASE {name}", owner, mark, *tables]


def dropping(site: Site) -> str:
    """The statement that removes it."""
    return f"DROP DATABASE IF EXISTS {database_of(site)}"


def rows(table: str, count: int, values: str) -> Iterator[str]:
    """Statements that fill a table with ids from 1 to `count`, doubling it; `values` come from {id}.

    >>> list(rows("t", 3, "{id} * 2"))[1:]
    ['INSERT INTO t SELECT id + 1, (id + 1) * 2 FROM t WHERE id <= 2',\
 'INSERT INTO t SELECT id + 2, (id + 2) * 2 FROM t WHERE id <= 1']
    """
    yield f"INSERT INTO {table} SELECT 1, {values.format(id='1')}"
    there = 1
    while there < count:
        following = values.format(id=f"(id + {there})")
        yield f"INSERT INTO {table} SELECT id + {there}, {following} FROM {table} WHERE id <= {count - there}"  # noqa: S608
        there *= 2


async def create(site: Site, note: Note, tables: Sequence[str]) -> None:
    """Make it; AnomalyError if there is one of that name already, or the account may not."""
    name = database_of(site)
    async with asking(site, _BUILD_SECONDS) as cursor:
        if await _there(cursor, name):
            raise AnomalyError(f"{site.label}: there is a database {name} already")
        await cursor.execute(tagging(site))  # whoever undoes it first ends this session
        note(_NOTE, name)
        for statement in creation(site, tables):
            await cursor.execute(statement)


async def drop(site: Site, notes: Notes) -> None:
    """Drop it if it is there and ours; AnomalyError if it holds somebody else's tables."""
    if _NOTE not in notes:
        return
    name = database_of(site)
    async with asking(site) as cursor:
        if not await _there(cursor, name):
            return
        tables = {str(row[0]) for row in await rows_of(cursor, f"SHOW TABLES FROM {name}")}
        if tables and OWNER_TABLE not in tables:  # empty: it was cut off before the mark
            raise AnomalyError(f"{site.label}: database {name} has no mark of ours, so it is left alone")
        await cursor.execute(dropping(site))


async def left(cursor: Cursor, site: Site, notes: Notes) -> str:
    """A line if it is there and ours."""
    name = database_of(site)
    there = _NOTE in notes and await _there(cursor, name)
    return f"database {name} is still on {site.label}" if there else ""


async def _there(cursor: Cursor, name: str) -> bool:
    return (name,) in await rows_of(cursor, f"SHOW DATABASES LIKE '{name}'")

"""The file that incidents are kept in: opened, brought up to date, and moved aside when it is damaged."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from distdiag_tui.model.errors import IncidentError

# What leads from each version to the next; `PRAGMA user_version` says how many have been taken.
STEPS: Final = (
    (
        """create table incident (
            id text primary key, cluster text not null, server text not null, cause text not null,
            state text not null, opened real not null, updated real not null, acknowledged integer not null,
            body text not null) without rowid""",
        "create index incident_by_state on incident (cluster, state, updated)",
        """create table event (
            incident text not null references incident on delete cascade,
            time real not null, kind text not null, words text not null, author text not null,
            primary key (incident, time, kind, words, author)) without rowid""",
        """create table paper (
            incident text not null references incident on delete cascade,
            kind text not null, name text not null, body text not null,
            primary key (incident, kind, name)) without rowid""",
        """create table keeper (
            cluster text primary key, holder text not null, until real not null) without rowid""",
    ),
)

_BUSY_SECONDS: Final = 5.0
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damaged(error: sqlite3.Error) -> bool:
    """Whether it says that the file is no database, or a broken one."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED


def open_file(file: Path) -> tuple[sqlite3.Connection, str]:
    """A connection, and a line if the file was damaged and is kept elsewhere now. IncidentError, OSError."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(file):
        try:
            return _open(file), ""
        except sqlite3.DatabaseError as error:
            if not damaged(error):
                raise
        kept = _move_aside(file)
        return _open(file), f"the file of incidents was damaged: it is kept as {kept}, and a new one is begun"


def in_one_line(error: sqlite3.Error | OSError, file: Path) -> IncidentError:
    """What a person can do something about."""
    words = error.strerror if isinstance(error, OSError) else str(error)
    return IncidentError(f"incidents cannot be kept in {file}: {words}")


def _open(file: Path) -> sqlite3.Connection:
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would let everybody read it
    connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma foreign_keys = on")
        _check(connection)
        _upgrade(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raises what SQLite raises itself where it comes across the damage."""
    (found,) = connection.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _upgrade(connection: sqlite3.Connection, file: Path) -> None:
    with transaction(connection):
        (version,) = connection.execute("pragma user_version").fetchone()
        if version > len(STEPS):
            raise IncidentError(
                f"{file} is from a newer distdiag (version {version}): incidents are not kept"
            )
        for statements in STEPS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"pragma user_version = {len(STEPS)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; others who write wait."""
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One process at a time opens the file, or moves it aside."""
    lock = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _move_aside(file: Path) -> Path:
    name = f"{file.stem}-damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    kept = file.with_name(f"{name}{file.suffix}")
    for ending in ("-wal", "-shm"):  # they belong to it
        beside = file.with_name(file.name + ending)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + ending))
    file.rename(kept)
    return kept

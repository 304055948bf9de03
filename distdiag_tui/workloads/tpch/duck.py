"""DuckDB inside this process: makes the data, formats it, knows the right answers. In a thread of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import duckdb

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.tpch.kind import extension_file, missing

_FAREWELL: Final = 1.0  # seconds for an interrupted statement to end
_MEMORY: Final = "1GB"

_SPARSE: Final = 0.03
"""Below this scale there are so few suppliers that some part is supplied by one of them twice."""

_WITHOUT_DOUBLES: Final = (
    "DELETE FROM partsupp WHERE rowid NOT IN "
    "(SELECT MIN(rowid) FROM partsupp GROUP BY ps_partkey, ps_suppkey)"
)

Rows = list[tuple[Any, ...]]


def connect(file: str = ":memory:", spill: str = "") -> duckdb.DuckDBPyConnection:
    """A database that can make TPC-H data; nothing is downloaded. WorkloadError if the extra is missing."""
    extension = extension_file()
    if extension is None:
        raise WorkloadError(f"tpch needs {missing()}")
    connection = duckdb.connect(file, config={
        "threads": 2,
        "memory_limit": _MEMORY,
        "temp_directory": spill,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    })  # fmt: skip
    connection.execute(f"LOAD '{str(extension).replace(chr(39), chr(39) * 2)}'")
    return connection


class Duck:
    """One connection, one statement at a time, without holding up the event loop. To be closed.

    It works in memory, or with `on_disk` in a file; what its queries cannot hold goes to `folder`.
    """

    def __init__(self, folder: Path, *, on_disk: bool = False) -> None:
        self._connection = connect(str(folder / "tpch.duckdb") if on_disk else ":memory:", str(folder))
        self._thread = ThreadPoolExecutor(1, "duckdb")

    async def rows(self, sql: str) -> Rows:
        """The rows of a statement; WorkloadError if it fails."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, sql)
        except duckdb.Error as error:
            raise WorkloadError(f"DuckDB: {str(error).splitlines()[0]}") from error

    async def generate(self, scale: float, part: int, parts: int) -> None:
        """Add one part of the data to its tables: the parts together are the same rows as the whole."""
        await self.rows(f"CALL dbgen(sf = {scale}, children = {parts}, step = {part})")
        if scale < _SPARSE:
            await self.rows(_WITHOUT_DOUBLES)

    async def close(self) -> None:
        """Break off what is going on."""
        self._connection.interrupt()
        ending = asyncio.get_running_loop().run_in_executor(None, self._end)
        await asyncio.wait({ending}, timeout=_FAREWELL)

    def _fetch(self, sql: str) -> Rows:
        return self._connection.execute(sql).fetchall()

    def _end(self) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._connection.close()

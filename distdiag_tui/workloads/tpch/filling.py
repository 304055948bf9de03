"""Loading: makes the data once, and brings every store to exactly these rows, whatever it had of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.protocol import Progress
from distdiag_tui.workloads.session import Node, together
from distdiag_tui.workloads.tpch.duck import Duck
from distdiag_tui.workloads.tpch.folder import private_folder
from distdiag_tui.workloads.tpch.link import SLOW, Link
from distdiag_tui.workloads.tpch.parts import Chunk, Part, Slice, number_of_parts
from distdiag_tui.workloads.tpch.schema import BYTES_PER_SCALE, ROWS_PER_SCALE, TABLES, Table

_WRITERS: Final = 2  # connections to a store: one sends while the other's rows are stored
_NEARLY: Final = 0.99  # of the progress: with all rows there are still indexes to make
_COMMENTS: Final = (
    "SELECT table_name AS name, table_comment AS words FROM information_schema.tables "
    "WHERE table_schema = DATABASE()"
)
_INDEXES: Final = (
    "SELECT DISTINCT index_name AS name FROM information_schema.statistics WHERE table_schema = DATABASE()"
)
_FREE_DISK: Final = (
    "SELECT MIN(DATA_DISK_CAPACITY - DATA_DISK_IN_USE) FROM oceanbase.GV$OB_SERVERS",
    "SELECT MIN(DATA_DISK_CAPACITY - DATA_DISK_IN_USE) FROM oceanbase.V$OB_SERVER_STAT",
)


async def fill(stores: Sequence[Node], scale: float, progress: Progress, *, indexes: bool) -> None:
    """Bring the tables of every store to this scale, with or without indexes on foreign keys.

    May be cut off anywhere and called again: chunks that are not whole are replaced.
    """
    parts = number_of_parts(scale)
    tally = _Tally(len(stores) * scale * ROWS_PER_SCALE, parts, progress)
    with private_folder() as folder:
        duck = Duck(folder)
        fillers = [_Filler(store, scale, tally) for store in stores]
        try:
            await together(filler.begin() for filler in fillers)
            for number in range(parts):
                tally.making(number)
                part = await Part.make(duck, scale, number, parts)
                await together(filler.add(part) for filler in fillers)
            await together(filler.finish(indexes=indexes) for filler in fillers)
        finally:
            for filler in fillers:
                filler.close()
            await duck.close()


class _Tally:
    """Rows in place over all stores, as progress."""

    def __init__(self, expected: float, parts: int, progress: Progress) -> None:
        self._expected, self._parts, self._progress = expected, parts, progress
        self._rows, self._part = 0, ""

    def making(self, number: int) -> None:
        """This part is being generated."""
        self._part = f" (part {number + 1} of {self._parts})" if self._parts > 1 else ""
        self._tell(f"generating{self._part}")

    def add(self, store: Node, piece: Slice, there: int, rows: int) -> None:
        """A store got `rows`, and now has `there` of a slice."""
        self._rows += rows
        words = f"{there:,} of {piece.total:,} rows{self._part}"
        self._tell(f"{piece.table.name}, {store.endpoint.name or store.endpoint.address}: {words}")

    def finishing(self, table: str, store: Node) -> None:
        """The rows are there."""
        self._tell(f"indexes and statistics of {table}, {store.endpoint.name or store.endpoint.address}")

    def _tell(self, words: str) -> None:
        self._progress(min(self._rows / self._expected, _NEARLY), words)


class _Filler:
    """Fills one store."""

    def __init__(self, store: Node, scale: float, tally: _Tally) -> None:
        self._store, self._scale, self._tally = store, scale, tally
        self._links = [Link(store) for _ in range(_WRITERS)]
        self._totals: Counter[str] = Counter()

    async def begin(self) -> None:
        """Create the tables; those of another scale are dropped. WorkloadError if the disk is too small."""
        link, ours = self._links[0], f"TPC-H scale {self._scale:g}"
        found = dict(await link.run(_COMMENTS))
        if any(found.get(table.name) != ours for table in TABLES):
            await self._require_disk()
        for table in TABLES:
            if table.name in found and found[table.name] != ours:
                await link.run(f"DROP TABLE IF EXISTS {table.name}", limit=SLOW)
            if found.get(table.name) != ours:
                await link.run(table.create(ours))

    async def add(self, part: Part) -> None:
        """Bring the store to all rows of a part."""
        for piece in part.slices:
            self._totals[piece.table.name] += piece.total
            await self._add_slice(part, piece)

    async def finish(self, *, indexes: bool) -> None:
        """Compare the numbers of rows, index them, and let the optimizer know what is there."""
        link, found = self._links[0], await self._found_indexes()
        for table in TABLES:
            self._tally.finishing(table.name, self._store)
            [(rows,)] = await link.run(f"SELECT COUNT(*) FROM {table.name}", limit=SLOW)  # noqa: S608 - ours
            expected = self._totals[table.name]
            if rows != expected:
                raise WorkloadError(
                    f"{self._store.label}: {table.name} has {rows:,} rows, not {expected:,}: somebody else "
                    "writes to it; clean up and prepare again"
                )
            await self._index(table, found, wanted=indexes)
            await self._gather_statistics(table.name)

    def close(self) -> None:
        """All connections."""
        for link in self._links:
            link.close()

    async def _add_slice(self, part: Part, piece: Slice) -> None:
        found = {int(number): rows for number, rows in await self._links[0].run(piece.count, limit=SLOW)}
        there = sum(min(found.get(number, 0), rows) for number, rows in piece.rows.items())
        self._tally.add(self._store, piece, there, there)
        absent = piece.absent(found)

        async def write(link: Link) -> None:
            nonlocal there
            for chunk in absent:
                had = found.get(chunk.number, 0)
                await _put(link, chunk, await part.values(chunk), fresh=not had)
                there += chunk.rows - min(had, chunk.rows)
                self._tally.add(self._store, piece, there, chunk.rows - min(had, chunk.rows))

        await together(write(link) for link in self._links)

    async def _require_disk(self) -> None:
        """A server that does not tell how much is free finds out by itself."""
        for question in _FREE_DISK:
            try:
                [(free,)] = await self._links[0].run(question)
            except WorkloadError:
                continue
            need = self._scale * BYTES_PER_SCALE
            if free is not None and free < need:
                raise WorkloadError(
                    f"{self._store.label}: scale {self._scale:g} takes about {need / 1e9:.1f} GB of its data "
                    f"disk, where {float(free) / 1e9:.1f} GB are free"
                )
            return

    async def _index(self, table: Table, found: set[str], *, wanted: bool) -> None:
        """After the rows, which is quicker than along with them."""
        for name, create in table.indexes.items():
            if (name in found) != wanted:
                drop = f"DROP INDEX {name} ON {table.name}"
                await self._change_index(name, create if wanted else drop, wanted=wanted)

    async def _change_index(self, name: str, sql: str, *, wanted: bool) -> None:
        """A server may do it though the connection is lost, and then refuses it when it is sent again."""
        try:
            await self._links[0].run(sql, limit=SLOW)
        except WorkloadError:
            if (name in await self._found_indexes()) != wanted:
                raise

    async def _found_indexes(self) -> set[str]:
        return {str(name) for (name,) in await self._links[0].run(_INDEXES)}

    async def _gather_statistics(self, table: str) -> None:
        """Only to its own advantage: a server that cannot do it plans as it can."""
        try:
            await self._links[0].run(f"ANALYZE TABLE {table}", limit=SLOW)
        except WorkloadError:
            return


async def _put(link: Link, chunk: Chunk, values: str, *, fresh: bool) -> None:
    """Insert a chunk; if some of it may be there, in place of that."""
    name = chunk.table.name
    insert = f"INSERT INTO {name} VALUES {values}"  # noqa: S608 - written by DuckDB, quoted
    replacing = (f"DELETE FROM {name} WHERE {chunk.range}", insert)  # noqa: S608 - ours
    await link.run(*((insert,) if fresh else replacing), again=replacing)

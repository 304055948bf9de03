"""The SQL of the load, and the drawing of one transaction: pure, no I/O."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from distdiag_tui.workloads.oltp.config import OltpConfig
from distdiag_tui.workloads.oltp.kind import OLTP

DATABASE = OLTP.database


def table_name(table: int) -> str:
    """Tables count from 1: oltp1, oltp2, …"""
    return f"oltp{table}"


class TableSql(NamedTuple):
    """The statements on one table, each with `?` for its parameters."""

    point_select: str
    range_select: str
    indexed_update: str
    plain_update: str
    delete: str
    insert: str

    @classmethod
    def of(cls, table: int) -> TableSql:
        """Parameters: id | low, high | id | c, id | id | id, k, c, pad."""
        name = f"{DATABASE}.{table_name(table)}"
        return cls(
            f"SELECT c FROM {name} WHERE id = ?",  # noqa: S608 - the name is ours, values are bound
            f"SELECT SUM(k) FROM {name} WHERE id BETWEEN ? AND ?",  # noqa: S608
            f"UPDATE {name} SET k = k + 1 WHERE id = ?",  # noqa: S608
            f"UPDATE {name} SET c = ? WHERE id = ?",  # noqa: S608
            f"DELETE FROM {name} WHERE id = ?",  # noqa: S608
            f"INSERT INTO {name} (id, k, c, pad) VALUES (?, ?, ?, ?)",  # noqa: S608
        )


def create_table_sql(table: int) -> str:
    """The layout of sysbench's tables, so that figures compare."""
    return (
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{table_name(table)} ("
        "id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, "
        "KEY k_idx (k))"
    )


def digits(rng: Random, width: int) -> str:
    """`width` random decimal digits: incompressible enough, and free of anything to escape.

    >>> len(digits(Random(1), 120)), digits(Random(1), 60).isdigit()
    (120, True)
    """
    return str(rng.getrandbits(width * 4))[-width:].zfill(width)


class Step(NamedTuple):
    """One statement: on which of the client's nodes (index), what, with which parameters."""

    node: int
    sql: str
    args: tuple[int | str, ...]


class Planner:
    """Draws one client's transactions.

    Statements are dealt to the nodes in turn. In coupled mode each node owns the ids of its shard, as
    behind a sharding proxy; so a client cannot block itself on a row seen through two nodes of one cluster.
    """

    def __init__(self, config: OltpConfig, nodes: int, rng: Random) -> None:
        self._mix, self._rows, self._range = config.mix, config.rows, config.range_size
        self._nodes, self._rng, self._turn = nodes, rng, rng.randrange(nodes)
        self._tables = [TableSql.of(table) for table in range(1, config.tables + 1)]

    def transaction(self) -> list[Step]:
        """Reads first (they lock nothing), then writes in one order for all clients: they cannot deadlock."""
        mix = self._mix
        steps = [self._point_select() for _ in range(mix.point_selects)]
        if mix.single_read and steps:
            return steps
        steps += [self._range_select() for _ in range(mix.range_selects)]
        writes = [self._write(kind) for kind in self._kinds()]
        for _, _, _, group in sorted(writes, key=lambda write: write[:3]):
            steps += group
        return steps

    def _kinds(self) -> list[str]:
        mix = self._mix
        return (
            ["indexed"] * mix.indexed_updates
            + ["plain"] * mix.plain_updates
            + ["delete_insert"] * mix.delete_inserts
        )

    def _place(self) -> tuple[int, int]:
        """The next node in turn, and an id of its shard."""
        nodes = self._nodes
        self._turn = node = (self._turn + 1) % nodes
        shard_rows = (self._rows - 1 - node) // nodes + 1
        return node, node + 1 + nodes * int(self._rng.random() * shard_rows)

    def _table(self) -> int:
        return int(self._rng.random() * len(self._tables))

    def _point_select(self) -> Step:
        node, row = self._place()
        return Step(node, self._tables[self._table()].point_select, (row,))

    def _range_select(self) -> Step:
        node, row = self._place()
        low = min(row, self._rows - self._range + 1)
        return Step(node, self._tables[self._table()].range_select, (low, low + self._range - 1))

    def _write(self, kind: str) -> tuple[int, int, int, list[Step]]:
        """Sort key (node, table, id), and the statements on that row."""
        node, row = self._place()
        table = self._table()
        sql = self._tables[table]
        if kind == "indexed":
            steps = [Step(node, sql.indexed_update, (row,))]
        elif kind == "plain":
            steps = [Step(node, sql.plain_update, (digits(self._rng, 120), row))]
        else:
            fresh = (
                row,
                int(self._rng.random() * self._rows) + 1,
                digits(self._rng, 120),
                digits(self._rng, 60),
            )
            steps = [Step(node, sql.delete, (row,)), Step(node, sql.insert, fresh)]
        return node, table, row, steps

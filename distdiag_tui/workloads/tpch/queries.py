"""The 22 queries: DuckDB's texts, put into MySQL's dialect by sqlglot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import cast

import sqlglot
from sqlglot import exp

from distdiag_tui.workloads.tpch.duck import connect


@dataclass(frozen=True, slots=True)
class Query:
    """One query: as DuckDB runs it, and as servers do.

    `keys` are the columns that its ORDER BY sorts by, first to last; `limit` rows at most, 0 for all.
    """

    number: int
    original: str
    sql: str
    keys: tuple[int, ...]
    limit: int

    @property
    def name(self) -> str:
        """As it is shown: q01."""
        return f"q{self.number:02}"


def load_queries() -> list[Query]:
    """All 22, with the specification's validation parameters. WorkloadError if the extra is missing."""
    connection = connect()
    try:
        texts = connection.execute("FROM tpch_queries()").fetchall()
    finally:
        connection.close()
    return [translated(number, text) for number, text in texts]


def translated(number: int, text: str) -> Query:
    """A query of DuckDB's in MySQL's dialect."""
    tree = cast(exp.Select, sqlglot.parse_one(text, read="duckdb"))
    for ordered in tree.find_all(exp.Ordered):
        # DuckDB puts nulls last, MySQL first: sqlglot keeps that by sorting by IS NULL, too. Nothing is null
        # here, and so it would only be work that others' TPC-H does not do
        ordered.set("nulls_first", not ordered.args.get("desc"))
    for subquery in tree.find_all(exp.Subquery):
        _move_aliases(subquery)
    order, limit = tree.args.get("order"), tree.args.get("limit")
    columns = [column.alias_or_name for column in tree.selects]
    keys = tuple(columns.index(key.this.name) for key in order.expressions) if order else ()
    rows = int(limit.expression.name) if limit else 0
    return Query(number, text, tree.sql(dialect="mysql"), keys, rows)


def _move_aliases(subquery: exp.Subquery) -> None:
    """`(SELECT a) AS t(b)` becomes `(SELECT a AS b) AS t`: MariaDB does not know the former."""
    alias = subquery.args.get("alias")
    if alias is None or not alias.columns:
        return
    inner = cast(exp.Select, subquery.this)
    inner.set("expressions", [
        exp.alias_(column.unalias(), name.name)
        for column, name in zip(inner.selects, alias.columns, strict=True)
    ])  # fmt: skip
    alias.set("columns", [])


def orders(stream: int, queries: list[Query]) -> Iterator[list[Query]]:
    """The queries in a new order for each round, always the same for a stream: 0 is that of the power test.

    The specification's appendix A lists 41 permutations for streams of one round; any others do as well.
    """
    rng = Random(stream)  # noqa: S311 - an order, no secret
    while True:
        yield rng.sample(queries, len(queries))

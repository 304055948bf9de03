"""The eight tables of TPC-H, as the specification types them (version 3, clause 1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BYTES_PER_SCALE: Final = 1_000_000_000
"""What a server needs on disk at scale 1: less once compacted (0.6 GB on OceanBase), more before that."""

ROWS_PER_SCALE: Final = 8_661_245
"""About: lineitem's share varies a little, nation and region do not grow."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Its rows are made, counted and loaded by ranges of `key`, the primary key's first column.

    `foreign` are the foreign keys that the primary key does not begin with, such as "l_partkey, l_suppkey".
    """

    name: str
    columns: tuple[str, ...]
    primary: tuple[str, ...]
    foreign: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A column of whole numbers."""
        return self.primary[0]

    def create(self, comment: str) -> str:
        """SQL for MySQL's dialect. The collation orders and compares text by bytes, as DuckDB does.

        `comment` tells later what is in it: our own words.
        """
        columns = ", ".join(f"{column} NOT NULL" for column in self.columns)
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, PRIMARY KEY ({', '.join(self.primary)})) "
            f"DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = '{comment}'"
        )

    @property
    def indexes(self) -> dict[str, str]:
        """For the foreign keys: by their names, the SQL that makes them."""
        names = ((f"{columns.replace(', ', '_')}_idx", columns) for columns in self.foreign)
        return {name: f"CREATE INDEX {name} ON {self.name} ({columns})" for name, columns in names}


def _table(name: str, primary: str, columns: str, *foreign: str) -> Table:
    return Table(name, tuple(columns.split("; ")), tuple(primary.split()), foreign)


TABLES: Final = (
    _table("region", "r_regionkey", "r_regionkey INT; r_name CHAR(25); r_comment VARCHAR(152)"),
    _table(
        "nation",
        "n_nationkey",
        "n_nationkey INT; n_name CHAR(25); n_regionkey INT; n_comment VARCHAR(152)",
        "n_regionkey",
    ),
    _table(
        "supplier",
        "s_suppkey",
        "s_suppkey BIGINT; s_name CHAR(25); s_address VARCHAR(40); s_nationkey INT; s_phone CHAR(15); "
        "s_acctbal DECIMAL(15,2); s_comment VARCHAR(101)",
        "s_nationkey",
    ),
    _table(
        "customer",
        "c_custkey",
        "c_custkey BIGINT; c_name VARCHAR(25); c_address VARCHAR(40); c_nationkey INT; c_phone CHAR(15); "
        "c_acctbal DECIMAL(15,2); c_mktsegment CHAR(10); c_comment VARCHAR(117)",
        "c_nationkey",
    ),
    _table(
        "part",
        "p_partkey",
        "p_partkey BIGINT; p_name VARCHAR(55); p_mfgr CHAR(25); p_brand CHAR(10); p_type VARCHAR(25); "
        "p_size INT; p_container CHAR(10); p_retailprice DECIMAL(15,2); p_comment VARCHAR(23)",
    ),
    _table(
        "partsupp",
        "ps_partkey ps_suppkey",
        "ps_partkey BIGINT; ps_suppkey BIGINT; ps_availqty INT; ps_supplycost DECIMAL(15,2); "
        "ps_comment VARCHAR(199)",
        "ps_suppkey",
    ),
    _table(
        "orders",
        "o_orderkey",
        "o_orderkey BIGINT; o_custkey BIGINT; o_orderstatus CHAR(1); o_totalprice DECIMAL(15,2); "
        "o_orderdate DATE; o_orderpriority CHAR(15); o_clerk CHAR(15); o_shippriority INT; "
        "o_comment VARCHAR(79)",
        "o_custkey",
    ),
    _table(
        "lineitem",
        "l_orderkey l_linenumber",
        "l_orderkey BIGINT; l_partkey BIGINT; l_suppkey BIGINT; l_linenumber INT; "
        "l_quantity DECIMAL(15,2); l_extendedprice DECIMAL(15,2); l_discount DECIMAL(15,2); "
        "l_tax DECIMAL(15,2); l_returnflag CHAR(1); l_linestatus CHAR(1); l_shipdate DATE; "
        "l_commitdate DATE; l_receiptdate DATE; l_shipinstruct CHAR(25); l_shipmode CHAR(10); "
        "l_comment VARCHAR(44)",
        "l_partkey, l_suppkey",
        "l_suppkey",
    ),
)
"""The small ones first: a mistake shows at once."""

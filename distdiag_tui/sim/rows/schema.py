"""The part of information_schema that the console reads, and the tables that user tenants have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from distdiag_tui.sim.definitions import Definition
from distdiag_tui.sim.rows.ask import Ask, Rows, table

DATABASE: Final = "information_schema"

_TEXT: Final = "varchar(64)"
_NUMBER: Final = "bigint(20)"

DEFINITIONS: Final = {
    "STATISTICS": Definition(
        "STATISTICS",
        dict.fromkeys(("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME"), _TEXT)
        | {"NON_UNIQUE": _NUMBER, "INDEX_SCHEMA": _TEXT, "INDEX_NAME": _TEXT, "SEQ_IN_INDEX": _NUMBER}
        | {"COLUMN_NAME": _TEXT, "COLLATION": _TEXT, "CARDINALITY": _NUMBER, "SUB_PART": _NUMBER}
        | dict.fromkeys(("PACKED", "NULLABLE", "INDEX_TYPE", "COMMENT", "INDEX_COMMENT"), _TEXT),
        sys_only=False,
    ),
    "TABLES": Definition(
        "TABLES",
        dict.fromkeys(("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE", "ENGINE"), _TEXT)
        | {"VERSION": _NUMBER, "ROW_FORMAT": _TEXT}
        | dict.fromkeys(("TABLE_ROWS", "AVG_ROW_LENGTH", "DATA_LENGTH", "MAX_DATA_LENGTH"), _NUMBER)
        | dict.fromkeys(("INDEX_LENGTH", "DATA_FREE", "AUTO_INCREMENT"), _NUMBER)
        | dict.fromkeys(("CREATE_TIME", "UPDATE_TIME", "CHECK_TIME"), "datetime")
        | {"TABLE_COLLATION": _TEXT, "CHECKSUM": _NUMBER}
        | dict.fromkeys(("CREATE_OPTIONS", "TABLE_COMMENT"), _TEXT),
        sys_only=False,
    ),
}

_INDEXES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "orders": {"PRIMARY": ("id",), "by_customer": ("customer", "state")},
    "items": {"PRIMARY": ("order_id", "product")},
    "customers": {"PRIMARY": ("id",), "by_name": ("name",)},
    "stock": {"PRIMARY": ("product",)},
}


def _statistics(ask: Ask) -> Iterator[dict[str, Any]]:
    for name, indexes in _INDEXES.items() if ask.tenant.kind == "USER" else ():
        for index, columns in indexes.items():
            for place, column in enumerate(columns, 1):
                yield {
                    "TABLE_CATALOG": "def", "TABLE_SCHEMA": "shop", "TABLE_NAME": name,
                    "NON_UNIQUE": int(index != "PRIMARY"), "INDEX_SCHEMA": "shop", "INDEX_NAME": index,
                    "SEQ_IN_INDEX": place, "COLUMN_NAME": column, "INDEX_TYPE": "BTREE",
                }  # fmt: skip


def _tables(ask: Ask) -> Iterator[dict[str, Any]]:
    for name in _INDEXES if ask.tenant.kind == "USER" else ():
        yield {
            "TABLE_CATALOG": "def", "TABLE_SCHEMA": "shop", "TABLE_NAME": name, "TABLE_TYPE": "BASE TABLE",
            "CREATE_TIME": ask.tenant.created, "TABLE_COMMENT": "",
        }  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "STATISTICS": lambda ask: table(_statistics(ask)),
    "TABLES": lambda ask: table(_tables(ask)),
}

"""Which names a statement uses, against what real versions have."""

from __future__ import annotations

from functools import cache
from typing import Final

import sqlglot
from facts import facts
from sqlglot import exp

CLUSTERS: Final = ("ob-4.2.1.9", "ob-4.2.5.0", "ob-4.3.3.1", "ob-4.3.5.3")
ALONE: Final = "seekdb-1.3.0"


@cache
def columns_of(version: str) -> dict[str, frozenset[str]]:
    """Column names, in small letters, of every view that the version has."""
    views = facts(f"views/{version}.json")["views"]
    return {name: frozenset(column.split()[0].lower() for column in listed) for name, listed in views.items()}


def parsed(sql: str) -> exp.Expr:
    """ParseError if it is not one statement."""
    return sqlglot.parse_one(sql, read="mysql")


def unknown_names(sql: str, version: str) -> set[str]:
    """Views that the version does not have, and columns that none of the statement's views has there."""
    tree, known = parsed(sql), columns_of(version)
    views = {table.name for table in tree.find_all(exp.Table) if table.db == "oceanbase"}
    if missing := views - known.keys():
        return missing
    if any(table.db == "information_schema" for table in tree.find_all(exp.Table)):
        return set()
    own = {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
    used = {column.name.lower() for column in tree.find_all(exp.Column)} - own
    return used.difference(*(known[view] for view in views))

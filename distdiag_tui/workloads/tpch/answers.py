"""Whether two answers to a query are the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from distdiag_tui.workloads.tpch.queries import Query

Row = Sequence[Any]

_RELATIVE: Final = 1e-9  # of a floating-point number


def difference(query: Query, expected: Sequence[Row], found: Sequence[Row]) -> str:
    """What is wrong with `found`, in one line; "" if nothing is.

    Rows in the order of the query's ORDER BY; those it does not tell apart in any. Where such rows are cut
    off by its LIMIT, which of them are there is free, too.
    """
    if len(found) != len(expected):
        return f"{len(found):,} rows, not {len(expected):,}"
    free = _free_from(query, expected)
    pairs = zip(_settled(query, expected), _settled(query, found), strict=True)
    for number, (right, row) in enumerate(pairs):
        columns = query.keys if number >= free else range(max(len(right), len(row)))
        if not _alike(right, row, columns):
            return f"row {number + 1} is {_shown(row)}, not {_shown(right)}"
    return ""


def _free_from(query: Query, rows: Sequence[Row]) -> int:
    """The first row of those that end at the LIMIT and tie with the last."""
    first = len(rows)
    if not query.limit or first < query.limit:
        return first
    while first and _key(query, rows[first - 1]) == _key(query, rows[-1]):
        first -= 1
    return first


def _settled(query: Query, rows: Sequence[Row]) -> list[Row]:
    """Ties in an order of our own."""
    return [row for _, tied in groupby(rows, lambda row: _key(query, row)) for row in sorted(tied, key=_text)]


def _key(query: Query, row: Row) -> list[Any]:
    return [_plain(row[column]) for column in query.keys]


def _text(row: Row) -> list[str]:
    return [str(_plain(value)) for value in row]


def _plain(value: object) -> object:
    """CHAR may come padded, and whole numbers as decimals."""
    if isinstance(value, str):
        return value.rstrip(" ")
    return value.normalize() if isinstance(value, Decimal) else value


def _alike(right: Row, row: Row, columns: Sequence[int]) -> bool:
    return len(right) == len(row) and all(_same(right[column], row[column]) for column in columns)


def _same(right: object, value: object) -> bool:
    if isinstance(right, float) and isinstance(value, int | float | Decimal):
        return abs(right - float(value)) <= max(abs(right) * _RELATIVE, _last_place(value))
    return _plain(right) == _plain(value)


def _last_place(value: float | Decimal) -> float:
    """What rounding may have taken from a decimal: DuckDB divides in floating point, servers in decimals."""
    if not isinstance(value, Decimal):
        return 0.0
    exponent = value.as_tuple().exponent
    return 10.0**exponent if isinstance(exponent, int) else 0.0


def _shown(row: Row) -> str:
    return "(" + ", ".join(str(value) for value in row) + ")"

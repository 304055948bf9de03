"""Runs SELECTs over the model's rows on DuckDB, with the names and types of a version's views."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np

from distdiag_tui.sim.definitions import Definition
from distdiag_tui.sim.dialect import Statement
from distdiag_tui.sim.sqlerror import SqlError, unknown_column
from distdiag_tui.sim.translation import MACROS
from distdiag_tui.sim.wire import Column, Type

Rows = Mapping[str, Any]  # column name in capitals -> array, list, or a function that gives either

_PLANS: Final = 1000

_KINDS: Final = {
    "bigint": "BIGINT", "bigint unsigned": "UBIGINT", "tinyint": "BIGINT", "int": "BIGINT",
    "double": "DOUBLE",
    "varchar": "VARCHAR", "varbinary": "VARCHAR", "longtext": "VARCHAR", "text": "VARCHAR", "date": "DATE",
    "datetime": "TIMESTAMP", "timestamp": "TIMESTAMP",
}  # fmt: skip


def duck_type(kind: str) -> str:
    """DuckDB's type for a column's.

    >>> duck_type("bigint(20) unsigned"), duck_type("decimal(42,0)"), duck_type("timestamp(6)")
    ('UBIGINT', 'DECIMAL(38,0)', 'TIMESTAMP')
    """
    if kind.startswith("decimal"):
        digits, _, after = kind[8:].partition(")")[0].partition(",")
        return f"DECIMAL({min(38, int(digits))},{int(after or 0)})"
    return _KINDS[re.sub(r"\(.*?\)", "", kind)]


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement that was bound once: the types of its columns are known."""

    statement: Statement
    names: tuple[str, ...]
    types: tuple[str, ...]


class Engine:
    """One DuckDB connection, used by one thread at a time."""

    def __init__(self) -> None:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "python_enable_replacements": False,
            "autoload_known_extensions": False,
        }
        self._duck = duckdb.connect(config=settings)
        self._duck.execute("set pandas_analyze_sample=0")  # objects are texts: looking at each costs 20 ms
        self._duck.execute("set default_collation='NOCASE'")  # as utf8mb4_general_ci compares
        for macro in MACROS:
            self._duck.execute(macro)
        self._plans: dict[tuple[object, ...], Plan] = {}

    def close(self) -> None:
        """Free everything."""
        self._duck.close()

    def run(
        self,
        statement: Statement,
        views: Callable[[str, str], Definition],
        rows: Callable[[Definition, Statement], Rows],
        session: Mapping[str, object],
    ) -> list[Column]:
        """The answer's columns. `rows` gives those of a view; SqlError as MySQL would have it."""
        used = tuple(views(table.database, table.name) for table in statement.tables)
        try:
            return self._fetch(self._plan(statement, used), used, rows, session)
        except duckdb.Error as error:
            raise translated(error) from error

    def _plan(self, statement: Statement, used: Sequence[Definition]) -> Plan:
        key = (statement.sql, statement.names, tuple(table.name for table in statement.tables))
        if key not in self._plans:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            described = self._duck.execute(
                "describe " + _filled(statement, [_empty(each, statement) for each in used]),
                _values(statement, {}),
            ).fetchall()
            names = statement.names or tuple(row[0] for row in described)
            self._plans[key] = Plan(statement, names, tuple(row[1] for row in described))
        return self._plans[key]

    def _fetch(
        self,
        plan: Plan,
        used: Sequence[Definition],
        rows: Callable[[Definition, Statement], Rows],
        session: Mapping[str, object],
    ) -> list[Column]:
        raw, texts = [], []
        try:
            for number, definition in enumerate(used):
                raw.append(f"distdiag_raw_{number}")
                texts.append(
                    self._register(raw[-1], definition, rows(definition, plan.statement), plan.statement)
                )
            sql = f"select {_casts(plan)} from ({_filled(plan.statement, texts)}) t({_numbered(plan)})"  # noqa: S608
            found = self._duck.execute(sql, _values(plan.statement, session)).fetchnumpy()
        finally:
            for name in raw:
                self._duck.unregister(name)
        return [_column(plan, number, found[f"c{number}"]) for number in range(len(plan.names))]

    def _register(self, name: str, definition: Definition, rows: Rows, statement: Statement) -> str:
        """Hand the rows of a view to DuckDB; the SELECT that gives them the view's columns and types."""
        columns = _used(definition, statement)
        given = {
            column: _array(values() if callable(values) else values, definition.columns[column])
            for column, values in rows.items()
            if column in columns
        }
        if not given:
            if not rows:
                return _empty(definition, statement)
            given[columns[0]] = np.full(_count(rows), None)
        self._duck.register(name, given)
        casts = (
            f"cast({_quoted(each) if each in given else 'null'} as {duck_type(definition.columns[each])})"
            f" as {_quoted(each)}"
            for each in columns
        )
        return f"(select {', '.join(casts)} from {name})"  # noqa: S608  from carried names


def _used(definition: Definition, statement: Statement) -> list[str]:
    """The columns of a view that a statement can mean: binding dozens that it does not takes time."""
    columns = list(definition.columns)
    if statement.columns is None:
        return columns
    return [each for each in columns if each in statement.columns] or columns[:1]


def _quoted(name: str) -> str:
    return f'"{name}"'


def _count(rows: Rows) -> int:
    return max(len(values() if callable(values) else values) for values in rows.values())


def _array(values: Any, kind: str) -> Any:  # noqa: ANN401  what the generators give
    """An array of the type that DuckDB takes for the column's; None and NaN become NULL."""
    duck = duck_type(kind)
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return values.astype("datetime64[us]") if duck == "TIMESTAMP" and values.dtype.kind != "M" else values
    if duck == "VARCHAR":
        return values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if duck == "TIMESTAMP":
        micros = [
            np.datetime64("NaT") if each is None else np.datetime64(round(each * 1e6), "us")
            for each in values
        ]
        return np.array(micros, dtype="datetime64[us]")
    if any(each is None for each in values) or not duck.endswith("BIGINT"):
        return np.array([np.nan if each is None else each for each in values], dtype=np.float64)
    return np.array(values, dtype=np.uint64 if duck == "UBIGINT" else np.int64)


def _empty(definition: Definition, statement: Statement) -> str:
    """The view without rows."""
    columns = (
        f"cast(null as {duck_type(definition.columns[each])}) as {_quoted(each)}"
        for each in _used(definition, statement)
    )
    return f"(select {', '.join(columns)} where false)"


def _filled(statement: Statement, texts: Sequence[str]) -> str:
    sql = statement.sql
    for table, text in zip(statement.tables, texts, strict=True):
        sql = sql.replace(f'"{table.placeholder}"', text)
    return sql


def _values(statement: Statement, session: Mapping[str, object]) -> dict[str, object]:
    return {name: session.get(name) for name in statement.parameters}


def _numbered(plan: Plan) -> str:
    return ", ".join(f"c{number}" for number in range(len(plan.names)))


def _casts(plan: Plan) -> str:
    """NumPy has no exact numbers beyond 64 bits: those travel as text."""
    exact = ("HUGEINT", "UHUGEINT", "DECIMAL", "DATE", "TIME", "INTERVAL")
    return ", ".join(
        f"c{number}::varchar as c{number}" if kind.startswith(exact) and kind != "TIMESTAMP" else f"c{number}"
        for number, kind in enumerate(plan.types)
    )


def _column(plan: Plan, number: int, values: Any) -> Column:  # noqa: ANN401
    name, kind = plan.names[number], plan.types[number]
    if kind.startswith(("HUGEINT", "UHUGEINT", "DECIMAL")):
        return Column(name, Type.NEWDECIMAL, values)
    if kind in ("DOUBLE", "FLOAT"):
        exact = number in plan.statement.decimals
        return Column(name, Type.NEWDECIMAL if exact else Type.DOUBLE, values, decimals=4 if exact else 31)
    if kind == "BOOLEAN":
        return Column(name, Type.LONGLONG, values)
    if kind.endswith(("INT", "INTEGER")):
        return Column(name, Type.LONGLONG, values, unsigned=kind.startswith("U"))
    if kind.startswith("TIMESTAMP"):
        return Column(name, Type.DATETIME, values.astype("datetime64[us]"), decimals=6)
    return Column(name, {"DATE": Type.DATE, "TIME": Type.TIME}.get(kind, Type.VAR_STRING), values)


_MISSING: Final = re.compile(
    r'(?:Referenced column|Table) "([^"]+)" (?:not found|does not have a column named "([^"]+)")'
)
_VALUES: Final = re.compile(r'Values list "([^"]+)" does not have a column named "([^"]+)"')
_AMBIGUOUS: Final = re.compile(r'Ambiguous reference to column name "?([^"\s]+)"?')
_NO_SOURCE: Final = re.compile(r'Referenced table "([^"]+)" not found')


def translated(error: duckdb.Error) -> SqlError:  # noqa: PLR0911  one for each number
    """DuckDB's complaint as MySQL would have it."""
    words = " ".join(str(error).split("\n\nLINE")[0].split())
    if match := _VALUES.search(words) or _NO_SOURCE.search(words) or _MISSING.search(words):
        return unknown_column(".".join(part for part in match.groups() if part), "field list")
    if match := _AMBIGUOUS.search(words):
        return SqlError(1052, f"Column '{match[1]}' in field list is ambiguous")
    if "must appear in the GROUP BY" in words or "must be part of the GROUP BY" in words:
        return SqlError(1055, "an expression of the field list is neither aggregated nor in GROUP BY")
    if "aggregate" in words.lower() and "WHERE" in words:
        return SqlError(1111, "Invalid use of group function")
    if isinstance(error, duckdb.ConversionException):
        return SqlError(1292, f"Truncated incorrect value: {words}")
    if isinstance(error, duckdb.ParserException):
        return SqlError(1064, "You have an error in your SQL syntax")
    return SqlError(1235, f"the stand-in cannot do this: {words}")

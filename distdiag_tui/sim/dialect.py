"""A statement is parsed, checked for what DuckDB takes and MySQL does not, and made ready to run there."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile, pairwise
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from distdiag_tui.sim.sqlerror import SqlError, unknown_column
from distdiag_tui.sim.translation import translated

# Functions that OceanBase has and that are understood here. DuckDB knows many that it has not.
FUNCTIONS: Final = frozenset(
    """
    abs any avg bit_and bit_or cast ceil ceiling char_length coalesce concat concat_ws connection_id convert
    count current_timestamp current_user database date date_add date_format date_sub datediff dense_rank
    effective_tenant_id elt exists extract field find_in_set first_value floor format from_unixtime greatest
    group_concat hex host_ip hour if ifnull inet_ntoa instr interval isnull lag last_value lead least left
    length lower lpad ltrim max md5 min minute mod mysql_port now nullif ob_version pow power rank repeat
    replace right round row_number rpc_port rpad rtrim scn_to_timestamp second sign sqrt stddev substr
    substring substring_index sum sysdate time_to_usec timestampadd timestampdiff trim truncate unhex
    unix_timestamp upper usec_to_time user utc_timestamp values variance version
    """.split()  # noqa: SIM905
)
_WORDS: Final = frozenset(
    """
    all and any as between by case else from having in is like not on or over regexp select then using
    when where with
    """.split()  # noqa: SIM905
)

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it cannot parse is refused here, with a number


@dataclass(frozen=True, slots=True)
class TableUse:
    """A view that a statement reads: its placeholder in the text, and its name in capitals."""

    placeholder: str
    database: str
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT in DuckDB's words. `wanted` are literals that a column is compared with in every row."""

    sql: str
    tables: tuple[TableUse, ...]
    names: tuple[str, ...]  # of the columns; empty if there is a star
    decimals: frozenset[int]  # columns that are no doubles, though DuckDB makes them so
    parameters: frozenset[str]
    columns: frozenset[str] | None  # names in capitals that occur; None if all may
    wanted: Mapping[str, frozenset[str | int]]
    empty: bool  # LIMIT 0


Lookup = Callable[[str, str], Iterable[str]]  # database and name of a view -> its columns; SqlError


def parse(sql: str) -> exp.Expr:
    """One statement. SqlError 1064 where it cannot be read, 1305 for a function that is not there."""
    try:
        tokens = sqlglot.tokenize(sql, read="mysql")
        trees = [tree for tree in sqlglot.parse(sql, read="mysql") if tree is not None]
    except SqlglotError as error:
        near = " ".join(sql.split())[:80]
        raise SqlError(1064, f"You have an error in your SQL syntax near '{near}'") from error
    if len(trees) != 1:
        raise SqlError(1064, "You have an error in your SQL syntax: one statement at a time")
    if isinstance(trees[0], exp.Query):
        _check_functions(tokens)
    return trees[0]


def _check_functions(tokens: list[Token]) -> None:
    for token, after in pairwise(tokens):
        if after.token_type is not TokenType.L_PAREN or token.token_type in (
            TokenType.STRING,
            TokenType.NUMBER,
        ):
            continue
        name = token.text.lower()
        if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in FUNCTIONS and name not in _WORDS:
            raise SqlError(1305, f"FUNCTION {name} does not exist")


def rewrite(
    sql: str, tree: exp.Query, lookup: Lookup, database: str, variables: Mapping[str, object]
) -> Statement:
    """A parsed SELECT for DuckDB. SqlError for views and columns that are not there."""
    tree = tree.copy()
    names = _names(tree, sql)
    star = any(True for _ in tree.find_all(exp.Star)) and not _only_counted(tree)
    columns = None if star else frozenset(_columns(tree))
    decimals = frozenset(_decimals(tree))
    _check_where(tree, lookup, database)
    wanted = _wanted(tree)
    tables = tuple(_tables(tree, lookup, database))
    parameters: set[str] = set()
    final = translated(tree, parameters, variables)
    _label(final, names)
    text = final.sql(dialect="duckdb", identify=True, comments=False)
    return Statement(text, tables, names, decimals, frozenset(parameters), columns, wanted, _is_empty(tree))


def _columns(tree: exp.Query) -> Iterator[str]:
    """Names of columns, also those of USING, in capitals."""
    yield from (column.name.upper() for column in tree.find_all(exp.Column))
    for join in tree.find_all(exp.Join):
        yield from (each.name.upper() for each in join.args.get("using") or ())


def _is_empty(tree: exp.Query) -> bool:
    limit = tree.args.get("limit")
    return isinstance(limit, exp.Limit) and limit.expression.name == "0"


def _only_counted(tree: exp.Query) -> bool:
    return all(isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))


def _names(tree: exp.Query, sql: str) -> tuple[str, ...]:
    """Names of the columns as MySQL gives them: as written. None if there is a star."""
    listed = tree.selects
    if any(isinstance(each, exp.Star) or (isinstance(each, exp.Column) and each.is_star) for each in listed):
        return ()
    written = _written(sql)
    if len(written) != len(listed):
        written = [each.sql(dialect="mysql", comments=False) for each in listed]
    return tuple(
        each.alias_or_name if isinstance(each, (exp.Alias, exp.Column)) else text
        for each, text in zip(listed, written, strict=True)
    )


def _written(sql: str) -> list[str]:
    """The text between SELECT and FROM, cut at its commas."""
    skipped = (TokenType.SELECT, TokenType.HINT, TokenType.DISTINCT)
    tokens = list(dropwhile(lambda token: token.token_type in skipped, sqlglot.tokenize(sql, read="mysql")))
    found: list[str] = []
    depth, first = 0, 0
    for number, token in enumerate(tokens):
        kind = token.token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        last = kind is TokenType.FROM or number == len(tokens) - 1
        if depth == 0 and (kind is TokenType.COMMA or last):
            end = (
                token.end + 1 if kind not in (TokenType.COMMA, TokenType.FROM) else tokens[number - 1].end + 1
            )
            found.append(sql[tokens[first].start : end])
            first = number + 1
            if last:
                break
    return found


def _label(tree: exp.Expr, names: tuple[str, ...]) -> None:
    """Give every column of a plain SELECT its name, whatever DuckDB would call it."""
    if not isinstance(tree, exp.Select) or not names:
        return
    labelled = [
        each if isinstance(each, (exp.Alias, exp.Column)) else exp.alias_(each, name, quoted=True)
        for each, name in zip(tree.expressions, names, strict=True)
    ]
    tree.set("expressions", labelled)


def _decimals(tree: exp.Query) -> Iterator[int]:
    """Numbers of the columns that divide or average, where MySQL computes exactly."""
    for number, each in enumerate(tree.selects):
        exact = any(isinstance(node, (exp.Div, exp.Avg)) for node in each.walk())
        floating = any(
            isinstance(node, exp.Literal) and not node.is_string and "e" in node.this.lower()
            for node in each.walk()
        )
        if exact and not floating:
            yield number


def _check_where(tree: exp.Query, lookup: Lookup, database: str) -> None:
    """DuckDB takes names given in the list of columns in WHERE and ON, MySQL does not."""
    for select in tree.find_all(exp.Select):
        sources = [
            each.this for each in [select.args.get("from_"), *(select.args.get("joins") or [])] if each
        ]
        if not sources or not all(isinstance(each, exp.Table) for each in sources):
            continue
        known = {name.upper() for table in sources for name in _columns_of(table, lookup, database)}
        own = {each.alias.upper() for each in select.expressions if isinstance(each, exp.Alias)} - known
        where = select.args.get("where")
        for column in where.find_all(exp.Column) if where else ():
            if column.parent_select is select and not column.table and column.name.upper() in own:
                raise unknown_column(column.name, "where clause")


def _columns_of(table: exp.Table, lookup: Lookup, database: str) -> Iterable[str]:
    if _is_cte(table):
        return ()
    return lookup((table.db or database).lower(), table.name.upper())


def _is_cte(table: exp.Table) -> bool:
    if table.db:
        return False
    withs = (each for parent in _parents(table) if (each := parent.args.get("with_")))
    return any(cte.alias.lower() == table.name.lower() for each in withs for cte in each.expressions)


def _parents(node: exp.Expr) -> Iterator[exp.Expr]:
    current = node.parent
    while current is not None:
        yield current
        current = current.parent


def _tables(tree: exp.Query, lookup: Lookup, database: str) -> Iterator[TableUse]:
    for number, table in enumerate(list(tree.find_all(exp.Table))):
        if _is_cte(table):
            continue
        where = (table.db or database).lower()
        lookup(where, table.name.upper())
        use = TableUse(f"distdiag_view_{number}", where, table.name.upper())
        _unqualify(table)
        alias = table.alias or table.name
        table.replace(exp.alias_(exp.to_table(use.placeholder), alias, table=True, quoted=True))
        yield use


def _unqualify(table: exp.Table) -> None:
    """Columns written db.view.column become view.column."""
    select = table.parent_select
    for column in select.find_all(exp.Column) if select is not None else ():
        if column.args.get("db"):
            column.set("db", None)


def _wanted(tree: exp.Query) -> Mapping[str, frozenset[str | int]]:
    """Of a SELECT from one view: literals in conditions that all must hold. They only spare rows."""
    if not isinstance(tree, exp.Select) or not tree.args.get("where") or tree.args.get("joins"):
        return {}
    if len(list(tree.find_all(exp.Table))) != 1 or not isinstance(tree.args["from_"].this, exp.Table):
        return {}
    found: dict[str, frozenset[str | int]] = {}
    for condition in (
        tree.args["where"].this.flatten()
        if isinstance(tree.args["where"].this, exp.And)
        else [tree.args["where"].this]
    ):
        plain = condition.unnest()
        match plain:
            case exp.In(this=exp.Column() as column) if plain.expressions:
                literals = [_literal(each) for each in plain.expressions]
            case exp.EQ(this=exp.Column() as column, expression=value):
                literals = [_literal(value)]
            case _:
                continue
        kept = frozenset(each for each in literals if each is not None)
        if len(kept) == len(set(literals)):
            name = column.name.upper()
            found[name] = found[name] & kept if name in found else kept
    return found


def _literal(node: exp.Expr) -> str | int | None:
    """A whole number or a text, or the name of a value of the session."""
    if isinstance(node, exp.Literal):
        if node.is_string:
            return str(node.this)
        return int(node.this) if node.this.isdecimal() else None
    if isinstance(node, exp.Anonymous) and node.name.lower() in ("host_ip", "rpc_port"):
        return f"{node.name.lower()}()"
    return None

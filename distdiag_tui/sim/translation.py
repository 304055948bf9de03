"""MySQL's expressions in DuckDB's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from distdiag_tui.sim.sqlerror import SqlError

# Values of the session, given to each statement as parameters.
SESSION: Final = {
    "connection_id": "bigint", "effective_tenant_id": "bigint", "host_ip": "varchar", "rpc_port": "bigint",
    "mysql_port": "bigint", "ob_version": "varchar", "version": "varchar", "database": "varchar",
    "current_user": "varchar", "user": "varchar",
}  # fmt: skip

MACROS: Final = (
    "create macro unix_timestamp(t) as epoch(t::timestamp)",
    "create macro from_unixtime(t) as make_timestamp((t * 1000000)::bigint)",
    "create macro time_to_usec(t) as epoch_us(t::timestamp)",
    "create macro usec_to_time(u) as make_timestamp(u::bigint)",
    "create macro scn_to_timestamp(scn) as make_timestamp((scn::hugeint // 1000)::bigint)",
    "create macro substring_index(s, d, n) as case when n > 0"
    " then array_to_string(list_slice(str_split(s, d), 1, n), d)"
    " else array_to_string(list_slice(str_split(s, d), n, -1), d) end",
)


def translated(tree: exp.Expr, parameters: set[str], variables: Mapping[str, object]) -> exp.Expr:
    """The same question; `parameters` gets the names of the values of the session that it needs."""
    final: exp.Expr = tree.transform(lambda node: _valued(node, parameters, variables))
    # what takes another node's place is not looked into again: one kind after the other
    for change in (_plain, _timed, lambda node: _joined(node, variables)):
        final = final.transform(change)
    return final


def _valued(node: exp.Expr, parameters: set[str], variables: Mapping[str, object]) -> exp.Expr:
    """Values of the session as parameters, system variables as literals."""
    if isinstance(node, (exp.SessionParameter, exp.Parameter)):
        return _variable(node.name, variables)
    name = _session_value(node)
    if name is None:
        return node
    parameters.add(name)
    return exp.cast(exp.Placeholder(this=name), SESSION.get(name, "timestamp"))


def _plain(node: exp.Expr) -> exp.Expr:
    """Without hints, with texts where texts are put together, and with patterns that take any case."""
    if isinstance(node, exp.Select):
        node.set("hint", None)
    elif isinstance(node, exp.Like):
        return exp.ILike(**node.args)
    elif isinstance(node, exp.RegexpLike):
        node.set("flag", exp.Literal.string("i"))
    elif isinstance(node, exp.Concat):
        node.set("expressions", [exp.cast(each, "varchar") for each in node.expressions])
    return node


def _timed(node: exp.Expr) -> exp.Expr:
    """MySQL counts whole units between two times, as DuckDB's date_sub does and its date_diff does not."""
    if not isinstance(node, (exp.TimestampDiff, exp.DateDiff)) or not node.args.get("unit"):
        return node
    unit = exp.Literal.string(str(node.args["unit"].name).lower())
    return exp.Anonymous(this="date_sub", expressions=[unit, node.expression.copy(), node.this.copy()])


def _joined(node: exp.Expr, variables: Mapping[str, object]) -> exp.Expr:
    """MySQL cuts what is longer than group_concat_max_len, without a word."""
    if not isinstance(node, exp.GroupConcat):
        return node
    inner = node.copy()
    inner.set("separator", node.args.get("separator") or exp.Literal.string(","))
    longest = exp.Literal.number(variables["group_concat_max_len"])
    return exp.Anonymous(this="left", expressions=[inner, longest])


_NOW: Final = (exp.CurrentTimestamp, exp.UtcTimestamp)


def _session_value(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Anonymous) and node.name.lower() in SESSION:
        return node.name.lower()
    if isinstance(node, (exp.CurrentUser, exp.CurrentSchema, exp.CurrentVersion, exp.SessionUser)):
        return {
            "CurrentUser": "current_user", "CurrentSchema": "database", "CurrentVersion": "version",
            "SessionUser": "user",
        }[type(node).__name__]  # fmt: skip
    if isinstance(node, _NOW) or (
        isinstance(node, exp.Anonymous) and node.name.lower() in ("now", "sysdate")
    ):
        fine = node.this if not isinstance(node, exp.Anonymous) else next(iter(node.expressions), None)
        return "now_fine" if fine is not None and str(getattr(fine, "name", "")) not in ("", "0") else "now"
    return None


def _variable(name: str, variables: Mapping[str, object]) -> exp.Expr:
    key = name.lower().removeprefix("session.").removeprefix("global.")
    if key not in variables:
        raise SqlError(1193, f"Unknown system variable '{name}'")
    value = variables[key]
    return exp.Literal.number(value) if isinstance(value, int) else exp.Literal.string(str(value))

"""The form of the table of causes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

_HERE: Final = "svr_ip = host_ip() and svr_port = rpc_port()"


@dataclass(frozen=True, slots=True)
class Look:
    """A read-only statement that shows it, and what to look for in the answer.

    `dialect`: "any", or "cluster" for views or columns that only a full OceanBase 4.x has. A cluster's views
    list all servers: {here} in `sql` keeps to the one that we are connected to, see `on`.
    """

    words: str
    sql: str
    dialect: Literal["any", "cluster"] = "any"

    def on(self, *, cluster: bool) -> Look:
        """The exact statement for a server of a full OceanBase, or for one that is alone (seekdb).

        >>> look = Look("", "select id from v where {here} and id > 1")
        >>> look.on(cluster=False).sql
        'select id from v where id > 1'
        """
        if cluster:
            return replace(self, sql=self.sql.replace("{here}", _HERE))
        return replace(self, sql=self.sql.replace("{here} and ", "").replace(" where {here}", ""))


@dataclass(frozen=True, slots=True)
class Obdiag:
    """A command of obdiag that looks into it: its arguments, and in a few words what it does."""

    words: str
    args: tuple[str, ...]

    @property
    def line(self) -> str:
        """To be copied into a shell."""
        return " ".join(("obdiag", *self.args))


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry: what a person should know of it. How it shows in metrics is in `signs`.

    `facts` names what is fetched when it is found, see `service.facts`.
    """

    id: str
    title: str
    about: str
    check: tuple[str, ...] = ()
    act: tuple[str, ...] = ()
    looks: tuple[Look, ...] = ()
    facts: tuple[str, ...] = ()
    obdiag: tuple[Obdiag, ...] = ()

    def seen_on(self, *, cluster: bool) -> tuple[Look, ...]:
        """What a server of a full OceanBase, or one that is alone, can be asked: exact statements."""
        return tuple(look.on(cluster=cluster) for look in self.looks if cluster or look.dialect == "any")

    def advice(self, *, cluster: bool) -> dict[str, Any]:
        """What to check, what to do, how to see it and what obdiag would do: a plain object for JSON."""
        return {
            "check": list(self.check),
            "act": list(self.act),
            "sql": [{"words": look.words, "sql": look.sql} for look in self.seen_on(cluster=cluster)],
            "obdiag": [{"words": each.words, "command": each.line} for each in self.obdiag],
        }

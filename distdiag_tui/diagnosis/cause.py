"""The form of the table of causes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Look:
    """A read-only statement that shows it, and what to look for in the answer.

    `dialect`: "any", or "cluster" for views or columns that only a full OceanBase 4.x has.
    """

    words: str
    sql: str
    dialect: Literal["any", "cluster"] = "any"


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

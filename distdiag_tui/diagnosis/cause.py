"""The form of the table of causes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Look:
    """A read-only statement that shows it, and what to look for in the answer.

    `dialect`: "any", or "cluster" for views that only a full OceanBase 4.x has.
    """

    words: str
    sql: str
    dialect: Literal["any", "cluster"] = "any"


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry: what a person should know of it. How it shows in metrics is in `signs`.

    `facts` names what is fetched when it is found, see `service.facts`. `obdiag` is the command line, without
    the program's name, that looks into it.
    """

    id: str
    title: str
    about: str
    check: tuple[str, ...] = ()
    act: tuple[str, ...] = ()
    looks: tuple[Look, ...] = ()
    facts: tuple[str, ...] = ()
    obdiag: tuple[str, ...] = ()

"""What views and statistics each version has: names, columns and types, as carried in the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

VERSIONS: Final = {"4.2.1": "4.2.1.9", "4.2.5": "4.2.5.0", "4.3.3": "4.3.3.1", "4.3.5": "4.3.5.3"}
_LETTERS: Final = dict(zip(VERSIONS, "abcd", strict=True))
_USUAL: Final = "bigint(20)"


@dataclass(frozen=True, slots=True)
class Definition:
    """A view: its columns in order, each with its type as DESC prints it; `sys_only`: in no user tenant."""

    name: str
    columns: Mapping[str, str]
    sys_only: bool


@dataclass(frozen=True, slots=True)
class Statistic:
    """A row of GV$SYSSTAT; `adds` tells running totals from levels."""

    id: int
    kind: int
    adds: bool
    name: str


@dataclass(frozen=True, slots=True)
class WaitEvent:
    """An event of GV$SYSTEM_EVENT, with the id and the number of its class."""

    id: int
    name: str
    wait_class: str
    class_id: int
    class_number: int


@cache
def definitions(version: str) -> Mapping[str, Definition]:
    """The views of a version ("4.2.5"), by name in capitals."""
    letter, types, found = _LETTERS[version], {"": _USUAL}, {}
    for kind, *words in map(str.split, _lines("views.txt")):
        if kind == "type":
            types[words[0]] = " ".join(words[1:])
        elif kind == "view" and letter in words[1]:
            columns = (word.partition(":") for word in words[2:])
            listed = {name: types[code] for name, _, code in columns}
            found[words[0]] = Definition(words[0], listed, words[1].startswith("!"))
    return found


@cache
def statistics(version: str) -> tuple[Statistic, ...]:
    """The statistics of a version, by id."""
    rows = (line.split(" ", 4) for line in _lines("statistics.txt"))
    return tuple(
        Statistic(int(number), int(kind), declared == "A", name)
        for number, kind, declared, letters, name in rows
        if _LETTERS[version] in letters
    )


@cache
def wait_events(version: str) -> tuple[WaitEvent, ...]:
    """The wait events of a version, by id."""
    classes, found = {}, []
    for line in _lines("events.txt"):
        if line.startswith("class "):
            _, name, number, index = line.split()
            classes[name] = int(number), int(index)
        else:
            _, event, kind, letters, name = line.split(" ", 4)
            if _LETTERS[version] in letters:
                found.append(WaitEvent(int(event), name, kind, *classes[kind]))
    return tuple(found)


def _lines(name: str) -> list[str]:
    text = (files(__package__) / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]

"""What an experiment consists of: cells, each of which becomes one recorded run, in a fixed order."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.options import Value

Event = Literal["none", "change", "fault"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A workload as cells name it. `options` are those that were given, checked."""

    name: str
    kind: str
    options: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """One run: `calm` seconds, then `fault` seconds with what happens, then `rest` seconds.

    `workload` names a setting, "" for none. What happens: `doses` (their start counts from the end of the
    calm), or `change` of the load (threads, rate), or nothing at all.
    """

    id: str
    workload: str
    calm: float
    fault: float
    rest: float
    repetition: int
    doses: tuple[Dose, ...] = ()
    change: Mapping[str, Value] = field(default_factory=dict)

    @property
    def event(self) -> Event:
        """What happens in the middle."""
        return "fault" if self.doses else "change" if self.change else "none"

    @property
    def seconds(self) -> float:
        """How long the run is meant to be."""
        return self.calm + self.fault + self.rest


@dataclass(frozen=True, slots=True)
class Plan:
    """All of an experiment. `settle`: seconds that a workload runs before anything is recorded under it."""

    name: str
    cluster: str
    interval: float
    settle: float
    workloads: tuple[Setting, ...]
    cells: tuple[Cell, ...]

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON."""
        return asdict(self)

    @property
    def seconds(self) -> float:
        """Recorded time, and the time to settle where the workload changes."""
        before = ("", *(cell.workload for cell in self.cells))
        starts = sum(cell.workload not in ("", old) for cell, old in zip(self.cells, before, strict=False))
        return sum(cell.seconds for cell in self.cells) + self.settle * starts


def name_of(what: str, parts: Sequence[str], workload: str, repetition: int) -> str:
    """A cell's name, which is that of its folder.

    >>> name_of("node_hang", ["[::1]:2881", "medium"], "coupled", 2)
    'node_hang-1.2881-medium-coupled-r2'
    """
    words = (re.sub(r"[^A-Za-z0-9_+]+", ".", word).strip(".") for word in (what, *parts, workload))
    return "-".join([*filter(None, words), f"r{repetition}"])


def in_order(cells: Sequence[Cell], seed: int) -> tuple[Cell, ...]:
    """Repetition after repetition; within one, workload after workload, each with its cells shuffled.

    A workload that has just run goes on. ConfigError if two cells have the same name.
    """
    twice = [name for name, count in Counter(cell.id for cell in cells).items() if count > 1]
    if twice:
        raise ConfigError(f"two cells are called {twice[0]}: give one of them a name of its own")
    dice = random.Random(seed)  # noqa: S311
    ordered: list[Cell] = []
    for repetition in sorted({cell.repetition for cell in cells}):
        groups: dict[str, list[Cell]] = {}
        for cell in cells:
            if cell.repetition == repetition:
                groups.setdefault(cell.workload, []).append(cell)
        names = list(groups)
        dice.shuffle(names)
        names.sort(key=lambda name: not ordered or name != ordered[-1].workload)
        for name in names:
            dice.shuffle(groups[name])
            ordered += groups[name]
    return tuple(ordered)

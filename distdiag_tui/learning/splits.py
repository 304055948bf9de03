"""Which runs are held out together. What is told of a run never comes from a model that has seen it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from distdiag_tui.learning.dataset import Examples
from distdiag_tui.learning.runs import Run

FOLDS: Final = 10
"""Parts of the runs when whole runs are all that is to be held out."""


@dataclass(frozen=True, slots=True)
class Split:
    """`test` are names of runs; `train` of those that the model may see, but for servers in `hidden`."""

    name: str
    test: frozenset[str]
    train: frozenset[str]
    hidden: frozenset[str] = frozenset()

    def training(self, examples: Examples) -> Examples:
        """What the model may see."""
        return examples.chosen(lambda run, server: run in self.train and server not in self.hidden)


def splits_by(kind: str, runs: Sequence[Run]) -> list[Split]:
    """Of `SPLITS`. Runs without a fault are held out in turn, whatever is split by."""
    return [split for split in SPLITS[kind](runs) if split.test and split.train]


def _by_run(runs: Sequence[Run]) -> list[Split]:
    names = [run.name for run in runs]
    parts = [frozenset(names[number::FOLDS]) for number in range(min(FOLDS, len(names)))]
    return [Split(f"part {number}", part, frozenset(names) - part) for number, part in enumerate(parts, 1)]


def _by(key: Callable[[Run], set[str]], runs: Sequence[Run], *, hide: bool = False) -> list[Split]:
    """A run with a fault is judged once, with the first of its keys, by what has seen no run with it."""
    keys = sorted({each for run in runs for each in key(run)})
    quiet = [run.name for run in runs if not key(run)]
    found = []
    for number, held in enumerate(keys):
        test = {run.name for run in runs if key(run) and min(key(run)) == held}
        left = {run.name for run in runs if key(run) and held not in key(run)}
        turn = set(quiet[number :: len(keys)])
        hidden = frozenset({held}) if hide else frozenset[str]()
        found.append(Split(held, frozenset(test | turn), frozenset(left | (set(quiet) - turn)), hidden))
    return found


def _by_server(runs: Sequence[Run]) -> list[Split]:
    return _by(_servers, runs, hide=True)


def _servers(run: Run) -> set[str]:
    """Where faults were made: what they share may make others sick too."""
    made = {label.server for label in run.info.labels if label.applied is not None}
    return made or {truth.server for truth in run.truths}


def _by_severity(runs: Sequence[Run]) -> list[Split]:
    return _by(lambda run: {truth.severity for truth in run.truths}, runs)


def _by_load(runs: Sequence[Run]) -> list[Split]:
    return _by(lambda run: {run.load}, runs)


SPLITS: Final[Mapping[str, Callable[[Sequence[Run]], list[Split]]]] = {
    "run": _by_run,
    "server": _by_server,
    "severity": _by_severity,
    "load": _by_load,
}

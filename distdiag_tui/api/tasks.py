"""Tasks: a workload and the anomalies that belong to it. They are known as long as the service runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from distdiag_tui.anomalies.injection import Injection, Injections
from distdiag_tui.ledger import new_name
from distdiag_tui.workloads.journal import RunRecord

KEPT: Final = 100
"""Tasks that have ended."""


@dataclass(frozen=True, slots=True)
class Task:
    """`run` and `injections` are names in the ledgers. `started` in epoch seconds."""

    id: str
    name: str
    kind: str
    run: str
    injections: tuple[str, ...] = ()
    started: float = field(default_factory=time.time)


class Tasks:
    """All of them, the newest last."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def add(self, name: str, run: RunRecord, injections: tuple[Injection, ...] = ()) -> Task:
        """A new one."""
        task = Task(new_name("task"), name, run.kind, run.id, tuple(each.id for each in injections))
        self._tasks[task.id] = task
        return task

    def find(self, name: str) -> Task | None:
        """The one of that id."""
        return self._tasks.get(name)

    def all(self) -> list[Task]:
        """The newest last."""
        return list(self._tasks.values())

    def forget(self, names: list[str], kept: int = 0) -> int:
        """Drop these but for the newest `kept`; how many were dropped."""
        doomed = names[: max(0, len(names) - kept)]
        for name in doomed:
            self._tasks.pop(name, None)
        return len(doomed)


def injections_of(task: Task, ledger: Injections) -> list[Injection]:
    """Its anomalies as they are now, those that the ledger still knows."""
    found = [ledger.look_up(name) for name in task.injections]
    return [record for record in found if record is not None]

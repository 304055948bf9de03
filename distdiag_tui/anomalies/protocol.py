"""What every fault can do, and what it is given to do it with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.options import Values

Severity = Literal["low", "medium", "high"]
SEVERITIES: Final[tuple[Severity, ...]] = ("low", "medium", "high")

Notes = Mapping[str, str]
"""What a fault has written down before it did something, for whoever reverts it."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a fault is made, and under which name.

    `injection` is unique and names all that is created, such as `lock_contention-3f9c`. `home` is the lab's
    folder if the server is a lab node, whose name then is `endpoint.name`. `values` are the parameters of the
    severity, `seconds` how long the fault is meant to last. `kube` says how to reach Kubernetes, if that is
    asked for.
    """

    injection: str
    cluster: str
    endpoint: Endpoint
    user: str
    password: Secret
    values: Values
    seconds: float
    home: Path | None = None
    kube: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The server, for messages."""
        return self.endpoint.label


Note = Callable[[str, str], None]
"""Write down `key` and `text`; on disk when it returns."""


class Fault(Protocol):
    """One fault on one server. Every method raises DistdiagError for what a person can understand.

    It is made by one process; another one, which knows only the site and the notes, may have to revert it.
    One that has more to tell has an attribute `words`, what it is at in a line, or a coroutine function
    `events`, which gives what others say of it, in lines.
    """

    async def plan(self) -> list[str]:
        """Exactly what would be done and undone: SQL, signals, files, manifest. Changes nothing."""
        ...

    async def apply(self, note: Note) -> None:
        """Make it; when it returns the fault is there. What revert needs to know is noted before it is done.

        May be cancelled or killed at any point, and is then reverted.
        """
        ...

    async def hold(self) -> str:
        """Keep it up until cancelled. Returns why, if it is over by itself, such as "n2 was stopped"."""
        ...

    async def revert(self, notes: Notes) -> None:
        """Undo it, whether wholly, partly or not at all there. May be called again and again."""
        ...

    async def remains(self, notes: Notes) -> str:
        """One line on what is still there of it, "" for nothing. Looks, and does not trust `revert`."""
        ...

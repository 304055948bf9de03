"""What every kind of workload can do, and how a kind introduces itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

from distdiag_tui.workloads.options import Option, Values
from distdiag_tui.workloads.report import IntervalReport

if TYPE_CHECKING:
    from distdiag_tui.workloads.session import Node

FAREWELL = 1.5
"""Seconds that a workload has to end in order; a frozen node must not hold it."""

Step = Literal["prepare", "run", "verify", "cleanup"]


class Progress(Protocol):
    """Told how far a step is, 0..1, and what it is at, such as "stock, warehouse 2 of 4"."""

    def __call__(self, fraction: float, words: str = "", /) -> None: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `verify` looked at; `detail` says what was found, in one line."""

    name: str
    passed: bool
    detail: str = ""


class Workload(Protocol):
    """One run of a workload on nodes. Raises WorkloadError or ConnectError for what a person can mend.

    One that may need more than FAREWELL to end says so in an attribute `farewell`, in seconds; one that
    cannot run on this machine says why in an attribute `lacks`, which is "" otherwise.
    """

    async def fill(self, stores: Sequence[Node], before: Values | None, progress: Progress) -> None:
        """Bring the data of every store to this run's sizes; `before`: those it had, or was to have.

        May be cancelled or die at any point and is then called again.
        """
        ...

    def run(self) -> AsyncIterator[IntervalReport]:
        """A report at each interval, at last the total; until `stop`, or until there is no more to do."""
        ...

    def set_threads(self, threads: int) -> None:
        """While running; ConfigError if out of bounds, or if this kind cannot change it."""
        ...

    def set_rate(self, rate: float) -> None:
        """Transactions a second, 0 without limit; ConfigError as above."""
        ...

    def stop(self) -> None:
        """End `run` soon: it still yields its total."""
        ...

    def verify(self, stores: Sequence[Node], progress: Progress) -> AsyncIterator[Check]:
        """Check the data of every store."""
        ...


def farewell(workload: Workload | None) -> float:
    """Seconds to wait for its end before it is cut short."""
    return float(getattr(workload, "farewell", FAREWELL))


def lacks(workload: Workload) -> str:
    """Why it cannot run on this machine; "" if it can."""
    return str(getattr(workload, "lacks", ""))


def ready() -> str:
    """Nothing is missing."""
    return ""


@dataclass(frozen=True, slots=True)
class StandIn:
    """The kind that takes over where another's program is missing.

    `translate` turns options given for the missing one (checked, and only those given) into its own.
    """

    kind: str
    translate: Callable[[Mapping[str, object]], dict[str, object]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of workload, as data; light to import. `missing` says what to install first, "" if nothing.

    `module` has `create(nodes: Sequence[Node], values: Values) -> Workload`, which needs the drivers.
    `rates` names the figures that add up where several loads run at the same time.
    """

    id: str
    title: str
    about: str
    database: str
    options: tuple[Option, ...]
    module: str
    missing: Callable[[], str] = ready
    stand_in: StandIn | None = None
    rates: tuple[str, ...] = ()

    def create(self, nodes: Sequence[Node], values: Values) -> Workload:
        """A workload with these (checked) values; ConfigError if they do not fit together."""
        return cast("Workload", import_module(self.module).create(nodes, values))

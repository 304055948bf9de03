"""What was injected from this machine, by whichever console or command: one record an injection."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from distdiag_tui.anomalies.catalogue import COMPACTION, find_anomaly
from distdiag_tui.anomalies.entry import Injector, Means
from distdiag_tui.anomalies.protocol import Severity, Site
from distdiag_tui.ledger import Ledger, state_folder
from distdiag_tui.model.errors import AnomalyError, ConfigError
from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.model.text import duration
from distdiag_tui.workloads.options import Value

SCHEMA: Final = "distdiag.injection/1"

Phase = Literal["waiting", "applying", "active", "reverting", "stuck", "orphaned", "ended", "failed"]
"""`stuck`: the server is not as before, and undoing goes on; `orphaned`: nobody undoes it, nobody holds it;
`failed`: it could not be made, and nothing is left of it."""

ENDED: Final[tuple[Phase, ...]] = ("ended", "failed")
SETTLE: Final = 10.0
"""Seconds between two injections that would get in each other's way: so long may making and undoing take."""
BAD: Final[tuple[Phase, ...]] = ("stuck", "orphaned")


@dataclass(frozen=True, slots=True)
class Injection:
    """One anomaly on one server. Times are epoch seconds.

    It was asked for at `started`, is to begin at `begins`, was there from `applied` on, and undone at
    `reverted`; `seconds` count from `applied`. `home` is the lab's folder if the server is a lab node.
    `notes` is what the fault wrote down for whoever undoes it, `words` what it is at, `why` why it ended,
    `message` what is wrong; `events`: what Kubernetes says of it, the newest last.
    """

    id: str
    anomaly: str
    injector: Injector
    severity: Severity
    cluster: str
    server: str
    address: str
    values: Mapping[str, Value]
    seconds: float
    started: float
    begins: float
    home: str = ""
    kube: Mapping[str, Any] = field(default_factory=dict)
    scenario: str = ""
    pid: int = 0
    phase: Phase = "waiting"
    words: str = ""
    why: str = ""
    message: str = ""
    applied: float | None = None
    reverted: float | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether it is to come, is there, or is not undone yet."""
        return self.phase not in ENDED

    def lasted(self, moment: float) -> bool:
        """Whether it is active, or was still there at that moment."""
        return self.active or (self.reverted or 0.0) >= moment

    @property
    def wrong(self) -> bool:
        """Whether it could not be undone yet."""
        return self.phase in BAD

    @property
    def means(self) -> Means:
        """How it is made; ConfigError if the catalogue of this version does not know."""
        anomaly = find_anomaly(self.anomaly)
        for means in anomaly.means:
            if means.injector == self.injector:
                return means
        raise ConfigError(f"{self.anomaly} is not made with {self.injector}")

    @property
    def made(self) -> str:
        """What is done, in one line; "" if the catalogue of this version does not know."""
        try:
            return self.means.words.format(**self.values)
        except (ConfigError, KeyError):
            return ""

    @property
    def label(self) -> str:
        """Short: what and where."""
        return f"{self.anomaly}→{self.server or self.address}"

    @property
    def summary(self) -> str:
        """What was asked for, in one line."""
        wait = self.begins - self.started
        after = f", {duration(wait)} from now" if wait >= 1 else ""
        return f"{self.label} {self.severity} for {duration(self.seconds)}{after}"

    def site(self, endpoint: Endpoint, user: str, password: Secret) -> Site:
        """What the fault is given, for the server and an account there."""
        return Site(
            injection=self.id,
            cluster=self.cluster,
            endpoint=endpoint,
            user=user,
            password=password,
            values=self.values,
            seconds=self.seconds,
            home=Path(self.home) if self.home else None,
            kube=self.kube,
        )

    def left(self, now: float) -> float:
        """Seconds until it ends, or begins."""
        if self.phase == "waiting":
            return max(0.0, self.begins - now)
        return max(0.0, (self.applied or now) + self.seconds - now)

    def to_fields(self) -> dict[str, Any]:
        """A plain object for JSON, of the schema distdiag.injection/1."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Injection:
        """The inverse; ValueError, KeyError, TypeError or AttributeError for anything else."""
        if fields["schema"] != SCHEMA or fields["phase"] not in get_args(Phase):
            raise ValueError(f"not a {SCHEMA} record")
        rest = {name: value for name, value in fields.items() if name != "schema"}
        return cls(**{**rest, "events": tuple(fields.get("events", ()))})


class Injections(Ledger[Injection]):
    """The injections in a folder, by default `injections` in the platform's folder for user state."""

    kept = 50
    error = AnomalyError

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder or state_folder("injections"))

    def parse(self, fields: dict[str, Any]) -> Injection:
        """See Injection.from_fields."""
        return Injection.from_fields(fields)

    def died(self, record: Injection) -> Injection:
        """It may still be there, and nobody minds it."""
        return replace(record, phase="orphaned", message="the process that minds it was killed")

    def settle(self, descriptor: int) -> None:
        """On the disk before anything is done: a power cut must not make us forget."""
        os.fsync(descriptor)

    def complaints(self, name: str) -> Path:
        """The file with what an injection's process had to say of its own bugs."""
        return self.folder / f"{name}.log"

    def find(self, name: str) -> Injection:
        """The injection of that name; AnomalyError names those that go on."""
        found = self.look_up(name)
        if found is None:
            active = ", ".join(record.id for record in self.records() if record.active) or "none"
            raise AnomalyError(f"there is no injection {name!r}; going on: {active}")
        return found

    def refuse(self, new: Injection) -> None:
        """AnomalyError if one that goes on is the same on the same server, or gets in its way."""
        _refuse_beside(new, (old for old in self.records() if old.active))


def refuse_together(records: Sequence[Injection]) -> None:
    """AnomalyError if two of these are the same on one server, or get in each other's way."""
    for index, record in enumerate(records):
        _refuse_beside(record, records[:index])


def _refuse_beside(new: Injection, others: Iterable[Injection]) -> None:
    for old in others:
        if _apart(old, new):
            continue
        if old.address == new.address and old.anomaly == new.anomaly:
            raise AnomalyError(f"{new.label} is already {old.phase}: {old.id}")
        if wanted := _contended(old, new):
            raise AnomalyError(f"{new.label} and {old.id} both want the {wanted}: one at a time")


def _contended(old: Injection, new: Injection) -> str:
    """What both want and only one can have, of a server or of a whole cluster; "" for nothing."""
    if old.address == new.address:
        held = sorted({*old.means.holds} & {*new.means.holds})
        return f"server's {' and '.join(held)}" if held else ""
    if new.home or old.cluster != new.cluster:  # each node of the lab is a cluster of its own
        return ""
    both = all(COMPACTION in each.means.holds for each in (old, new))
    return f"cluster's {COMPACTION}" if both else ""


def _apart(old: Injection, new: Injection) -> bool:
    """Whether one is certain to be over before the other begins."""
    if old.phase != "waiting":
        return False
    return old.begins + old.seconds + SETTLE < new.begins or new.begins + new.seconds + SETTLE < old.begins

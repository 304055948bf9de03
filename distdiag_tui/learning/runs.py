"""A recorded run as diagnosis sees it live: what each server measured, tick by tick, and what was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.engine import Engine
from distdiag_tui.model.errors import ModelError
from distdiag_tui.model.findings import Diagnosis
from distdiag_tui.model.snapshot import Totals, Values
from distdiag_tui.model.topology import Layout, Server, Subject
from distdiag_tui.recording.reader import Recording, recordings_below
from distdiag_tui.recording.replay import Replay
from distdiag_tui.recording.run import Label, RunInfo

Pair = tuple[str, str]
"""Server and cause."""

CALM: Final = frozenset({"calm", "change"})
"""Phases in which nothing is wrong."""

SHARED: Final = frozenset({"disk"})
"""Injectors of the lab that hit what all its nodes have in common: all of them are sick."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What came in at one moment; `values` of servers only, `layout` as the cluster told it.

    `totals` and `hosts` are as in a snapshot.
    """

    time: float
    interval: float
    servers: tuple[Server, ...]
    values: Mapping[Subject, Values]
    layout: Layout | None = None
    totals: Mapping[str, Totals] = field(default_factory=dict)
    hosts: Mapping[str, Totals] = field(default_factory=dict)

    def told(self, diagnoser: Diagnoser) -> Diagnosis:
        """What a diagnoser finds that is fed with it."""
        return diagnoser.feed(
            self.time, self.interval, self.servers, self.values, self.layout, self.totals, self.hosts
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """A fault that was really there, from `start` to `end` in epoch seconds; work on it began at `begun`."""

    server: str
    cause: str
    severity: str
    start: float
    end: float
    begun: float

    @property
    def pair(self) -> Pair:
        """Server and cause."""
        return self.server, self.cause


@dataclass(frozen=True, slots=True)
class Run:
    """One recording. `name` tells it from all others, `info` is its run.json."""

    name: str
    info: RunInfo
    ticks: tuple[Tick, ...]
    truths: tuple[Truth, ...]

    @property
    def pairs(self) -> frozenset[Pair]:
        """All that is to be found."""
        return frozenset(truth.pair for truth in self.truths)

    @property
    def load(self) -> str:
        """The kind of load and its name."""
        return f"{self.info.load.kind} {self.info.load.name}".strip() or "none"

    @property
    def severity(self) -> str:
        """Of its faults; "mixed" where they differ, "" without any."""
        found = {truth.severity for truth in self.truths}
        return "mixed" if len(found) > 1 else "".join(found)

    @property
    def span(self) -> tuple[float, float] | None:
        """From the first fault to the end of the last."""
        if not self.truths:
            return None
        return min(t.start for t in self.truths), max(t.end for t in self.truths)

    def calm(self, time: float) -> bool:
        """Whether nothing is wrong at that time, nor was before: after a fault all is a little unusual."""
        if self.span is not None:
            return time < min(truth.begun for truth in self.truths)
        return any(phase.name in CALM and phase.start <= time < phase.end for phase in self.info.phases)


def load_runs(folders: Sequence[Path]) -> list[Run]:
    """All whole runs below the folders whose recording went well; ModelError if there are none."""
    found = list(_good(folders))
    if not found:
        raise ModelError(f"no recorded runs in {', '.join(map(str, folders))}")
    return [_run(f"{recording.folder.parent.name}/{info.name}", recording, info) for recording, info in found]


def _good(folders: Sequence[Path]) -> Iterator[tuple[Recording, RunInfo]]:
    seen: set[Path] = set()
    for folder in folders:
        for recording in recordings_below(folder):
            where = recording.folder.resolve()
            if where not in seen and recording.info is not None and recording.info.outcome == "done":
                seen.add(where)
                yield recording, recording.info


def _run(name: str, recording: Recording, info: RunInfo) -> Run:
    ticks = tuple(_ticks(recording, info.cluster))
    servers = [server.name for server in ticks[0].servers] if ticks else []
    return Run(name, info, ticks, tuple(_truths(info, servers)))


def _ticks(recording: Recording, cluster: str) -> Iterator[Tick]:
    """Through the engine's own arithmetic."""
    frames = recording.frames()
    engine = Engine(Replay(frames), cluster)
    for frame in frames:
        taken = engine.take(frame)
        own = {subject: row for subject, row in taken.values.items() if subject.server and not subject.tenant}
        yield Tick(frame.time, frame.interval, frame.servers, own, frame.layout, taken.totals, taken.hosts)


def _truths(info: RunInfo, servers: Sequence[str]) -> Iterator[Truth]:
    for label in info.labels:
        if label.applied is None:
            continue
        begun, end = min(label.planned, label.applied), _end(label, info)
        for server in servers if label.injector in SHARED else [label.server]:
            yield Truth(server, label.cause, label.severity, label.applied, end, begun)


def _end(label: Label, info: RunInfo) -> float:
    """A fault that ended by itself counts for as long as it was meant to be there."""
    planned = label.planned + label.seconds
    return min(info.ended, max(planned, label.reverted or info.ended))

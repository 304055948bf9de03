"""One cell: calm, what happens, rest; with samples, labels and reports on disk at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.injection import Injection
from distdiag_tui.experiments.loads import Loads
from distdiag_tui.experiments.plan import Cell, Plan
from distdiag_tui.experiments.sampler import Sampler
from distdiag_tui.model.errors import AnomalyError, DistdiagError, RecordingError, WorkloadError
from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.recording.run import Change, Label, Load, Phase, RunInfo, Versions
from distdiag_tui.service.anomalies import STOP_SECONDS, Anomalies

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAD: Final = 4.0
"""Seconds before a fault at which its supervisor is started, so that it begins on time."""

SHORTEST: Final = 0.5
"""The share of its time that a fault must have lasted for its run to count."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What every cell is run with."""

    plan: Plan
    anomalies: Anomalies
    loads: Loads
    sampler: Sampler


class CellRun:
    """Runs a cell and records it below `folder`; `tell` hears which phase begins."""

    def __init__(self, cell: Cell, bench: Bench, folder: Path, tell: Tell) -> None:
        self._cell, self._bench, self._tell = cell, bench, tell
        self._folder = folder / cell.id
        self._load = Load()
        self._phases: list[Phase] = []
        self._changes: list[Change] = []
        self._injections: list[str] = []

    async def run(self) -> RunInfo:
        """The record of the run, which is on disk. RecordingError if it cannot be written.

        What goes wrong with the fault or the load is in the record. When cancelled, what was injected is
        undone, and what was sampled is left in a folder that ends in `.part`.
        """
        recorder, sampler = Recorder(self._folder), self._bench.sampler
        began, failed = time.time(), ""
        try:
            await self._get_load()
            began, sampler.recorder = time.time(), recorder
            await self._live()
            self._require_alone(began)
        except RecordingError:
            raise
        except DistdiagError as error:
            failed = " ".join(str(error).split())
        finally:
            sampler.recorder = None
            try:
                await self._clear()
            finally:
                recorder.flush()
        info = self._info(began, failed)
        await asyncio.to_thread(recorder.finish, info, tuple(self._bench.loads.reports))
        return info

    async def _live(self) -> None:
        end = time.time() + self._cell.calm
        with self._phase("calm"):
            if self._cell.doses:
                await self._until(end - LEAD)  # at once if the calm is not even that long
                self._inject(end - time.time())
            await self._until(end)
        with self._phase(self._cell.event):
            await self._happen(end + self._cell.fault)
        with self._phase("rest"):
            await self._until(time.time() + self._cell.rest)

    async def _get_load(self) -> None:
        """The cell's workload runs, and has settled; ConfigError, ConnectError or WorkloadError if not."""
        self._tell("getting the load")
        if await self._bench.loads.ensure(self._cell.workload):
            self._tell("letting it settle")
            await self._until(time.time() + self._bench.plan.settle)
        self._bench.loads.reports.clear()
        self._load = self._bench.loads.describe()

    async def _happen(self, end: float) -> None:
        match self._cell.event:
            case "fault":
                await self._fault(end)
            case "change":
                await self._change(end)
            case "none":
                await self._until(end)

    async def _change(self, end: float) -> None:
        """Another load for a while."""
        loads = self._bench.loads
        before, why = loads.before(self._cell.change), ""
        for given, until in ((self._cell.change, end), (before, 0.0)):
            loads.change(given)
            self._changes.append(Change(time.time(), dict(given)))
            await self._until(until)
            why = why or loads.refusal()
        if why:
            raise WorkloadError(why)

    async def _fault(self, end: float) -> None:
        """See the injections to their end; one that goes wrong ends all."""
        latest = end + STOP_SECONDS + max(record.means.lingers for record in self._records())
        while records := [record for record in self._records() if record.active]:
            await self._frame()
            wrong = [record for record in self._records() if record.wrong or record.phase == "failed"]
            if wrong or time.time() > latest:
                break
        for record in self._records():
            _require_whole(record)
        if records:
            raise AnomalyError(f"{records[0].label} does not end")

    def _inject(self, lead: float) -> None:
        doses = [replace(dose, start=dose.start + max(0.0, lead)) for dose in self._cell.doses]
        records = self._bench.anomalies.inject(doses, scenario=self._cell.id)
        self._injections = [record.id for record in records]

    def _require_alone(self, began: float) -> None:
        """AnomalyError or WorkloadError if others were at work on these servers: labels would lie."""
        for record in self._bench.anomalies.records():
            there = record.applied is not None and record.lasted(began)
            if there and record.id not in self._injections:
                raise AnomalyError(f"something else was injected meanwhile: {record.label}")
        if others := self._bench.loads.others(began):
            raise WorkloadError(f"another load ran meanwhile: {', '.join(others)}")

    def _records(self) -> list[Injection]:
        return [self._bench.anomalies.ledger.find(name) for name in self._injections]

    async def _clear(self) -> None:
        """Undo what goes on still: after an error, be it while injecting, or when we are to leave."""
        anomalies = self._bench.anomalies
        ours = [record for record in anomalies.records() if record.scenario == self._cell.id]
        if going := [record.id for record in ours if record.active]:
            await anomalies.stop(going)

    async def _until(self, end: float) -> None:
        """Wait, frame by frame. WorkloadError if the load ends meanwhile; what ended the sampling."""
        while (left := end - time.time()) > 0:
            try:
                await asyncio.wait_for(self._frame(), left)
            except TimeoutError:
                return

    async def _frame(self) -> None:
        await self._bench.sampler.next()
        if why := self._bench.loads.trouble():
            raise WorkloadError(why)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self._tell(name)
        start = time.time()
        try:
            yield
        finally:
            self._phases.append(Phase(name, start, time.time()))

    def _info(self, began: float, failed: str) -> RunInfo:
        latest, plan = self._bench.sampler.latest, self._bench.plan
        return RunInfo(
            name=self._cell.id,
            cluster=plan.cluster,
            interval=plan.interval,
            started=began,
            ended=time.time(),
            outcome="failed" if failed else "done",
            message=failed,
            phases=tuple(self._phases),
            labels=labels_of(self._records()),
            changes=tuple(self._changes),
            load=self._load,
            versions=Versions.here({s.name: s.product for s in latest.servers} if latest else {}),
            experiment=plan.name,
            cell=asdict(self._cell),
        )


def labels_of(records: Sequence[Injection]) -> tuple[Label, ...]:
    """What was injected, as labels."""
    return tuple(
        Label(
            anomaly=record.anomaly,
            cause=find_anomaly(record.anomaly).cause,
            server=record.server or record.address,
            address=record.address,
            severity=record.severity,
            injector=record.injector,
            values=dict(record.values),
            planned=record.begins,
            seconds=record.seconds,
            applied=record.applied,
            reverted=record.reverted,
            injection=record.id,
            why=record.why,
            message=record.message,
        )
        for record in records
    )


def _require_whole(record: Injection) -> None:
    """AnomalyError unless the fault was there for most of its time."""
    if record.wrong or record.phase == "failed":
        raise AnomalyError(f"{record.label}: {record.message}")
    if record.active:
        return
    lasted = (record.reverted or 0.0) - record.applied if record.applied else 0.0
    if lasted < SHORTEST * record.seconds and not record.means.finite:
        raise AnomalyError(f"{record.label} lasted {lasted:.1f} of {record.seconds:g} s: {record.why}")

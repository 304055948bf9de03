"""Runs an experiment: one cell after the other, each only when all is well again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from distdiag_tui.experiments.cellrun import Bench, CellRun
from distdiag_tui.experiments.folder import Folder
from distdiag_tui.experiments.loads import Loads
from distdiag_tui.experiments.plan import Cell, Plan
from distdiag_tui.experiments.sampler import Sampler
from distdiag_tui.hosts.opening import open_source
from distdiag_tui.model.errors import AnomalyError, ConnectError, ExperimentError, RefusedError
from distdiag_tui.model.target import Target
from distdiag_tui.recording.run import RunInfo
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.service.workloads import Workloads

WELL_SECONDS: Final = 120.0
"""Patience with servers and injections before a cell."""

FAILURES: Final = 5
"""In a row: then something is wrong that the next cell will meet as well."""

_BETWEEN: Final = 4.0  # s from one run to the next, until some have been measured


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. `number` of `total` cells (from 1) is at `phase`; `fraction` of the time, `left` in s.

    `ended` is the run that has just ended, with its message if it failed.
    """

    number: int
    total: int
    cell: Cell
    phase: str
    fraction: float
    left: float
    ended: RunInfo | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Cells of the plan: `ran` this time, of which `failed`; `done` in all."""

    total: int
    ran: int
    failed: int
    done: int


Show = Callable[[Progress], None]


def check(plan: Plan, anomalies: Anomalies) -> None:
    """RefusedError or ConfigError for what the cluster does not allow or cannot do; changes nothing."""
    for doses in {cell.doses for cell in plan.cells if cell.doses}:
        anomalies.check(doses)
    if anomalies.target.production and plan.workloads:
        raise RefusedError(f"{plan.cluster} is a production cluster: no load is put on it")


class Experiment:
    """A plan on a cluster, recorded into a folder; `show` hears of every step."""

    def __init__(self, target: Target, plan: Plan, folder: Folder, anomalies: Anomalies, show: Show) -> None:
        self._plan, self._folder, self._show = plan, folder, show
        sampler = Sampler(open_source(target, plan.interval))
        self._bench = Bench(plan, anomalies, Loads(Workloads(target), plan), sampler)
        self._clock = _Clock()

    async def run(self) -> Tally:
        """Every cell that is not done yet. When cancelled, faults and load are ended first.

        RecordingError if the folder is another plan's or cannot be written; ConnectError or AnomalyError if
        the cluster does not get well again; ExperimentError if FAILURES in a row fail. What is done stays.
        """
        check(self._plan, self._bench.anomalies)
        with self._folder.held():
            self._folder.begin(self._plan)
            beating = asyncio.create_task(self._bench.anomalies.beat())
            try:
                async with self._bench.sampler.running():
                    return await self._cells()
            finally:
                beating.cancel()
                await self._bench.loads.stop()

    async def _cells(self) -> Tally:
        cells = self._plan.cells
        todo = [cell for cell in cells if not self._folder.done(cell.id)]
        ran = failed = in_a_row = 0
        for index, cell in enumerate(todo):
            number = len(cells) - len(todo) + index + 1
            info = await self._cell(cell, number, todo[index:])
            ran += 1
            failed += info.outcome == "failed"
            in_a_row = in_a_row + 1 if info.outcome == "failed" else 0
            if in_a_row == FAILURES:
                raise ExperimentError(f"{FAILURES} runs in a row failed, the last one: {info.message}")
        return Tally(len(cells), ran, failed, sum(self._folder.done(cell.id) for cell in cells))

    async def _cell(self, cell: Cell, number: int, rest: list[Cell]) -> RunInfo:
        began = time.time()
        state = Progress(number, len(self._plan.cells), cell, "", 0.0, 0.0)

        def tell(phase: str) -> None:
            nonlocal state
            state = replace(state, phase=phase)

        ticking = asyncio.create_task(self._tick(lambda: state, began, rest))
        try:
            tell("getting ready")
            await self._ready()
            info = await CellRun(cell, self._bench, self._folder.path, tell).run()
        finally:
            ticking.cancel()
        self._clock.took(time.time() - began - (info.ended - info.started))
        self._show(self._timed(replace(state, ended=info), 0.0, rest[1:]))
        return info

    async def _ready(self) -> None:
        """Every server answers, and nothing is injected. ConnectError or AnomalyError if that takes long."""
        end = time.monotonic() + WELL_SECONDS
        if self._bench.sampler.latest is None:
            await self._bench.sampler.next()
        while not self._bench.sampler.well or self._injected():
            if time.monotonic() > end:
                self._complain()
            await self._bench.sampler.next()

    def _injected(self) -> str:
        return ", ".join(record.id for record in self._bench.anomalies.records() if record.active)

    def _complain(self) -> None:
        if injected := self._injected():
            raise AnomalyError(f"something is injected still after {WELL_SECONDS:.0f} s: {injected}")
        raise ConnectError(f"after {WELL_SECONDS:.0f} s: {self._bench.sampler.complaint()}")

    async def _tick(self, state: Callable[[], Progress], began: float, rest: list[Cell]) -> None:
        """Show the time that is left, twice a second."""
        while True:
            self._show(self._timed(state(), time.time() - began, rest))
            await asyncio.sleep(0.5)

    def _timed(self, state: Progress, spent: float, rest: list[Cell]) -> Progress:
        """With what is left of `rest`, of whose first cell some time is spent."""
        left = max(0.0, self._clock.of(rest) - spent)
        whole = self._clock.of(list(self._plan.cells))
        return replace(state, left=left, fraction=1 - left / whole if whole else 1.0)


class _Clock:
    """How long cells take, with what is around them."""

    def __init__(self) -> None:
        self._spent, self._count = 0.0, 0

    def took(self, around: float) -> None:
        """One more cell; `around`: seconds in which nothing was recorded."""
        self._spent, self._count = self._spent + max(0.0, around), self._count + 1

    def of(self, cells: list[Cell]) -> float:
        """Seconds for these cells."""
        around = self._spent / self._count if self._count else _BETWEEN
        return sum(cell.seconds + around for cell in cells)

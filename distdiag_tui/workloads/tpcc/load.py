"""The TPC-C load: its data, its terminals, its check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from random import Random
from typing import cast

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.crew import Crew
from distdiag_tui.workloads.database import Database
from distdiag_tui.workloads.meter import Meter
from distdiag_tui.workloads.options import Values
from distdiag_tui.workloads.pacer import Pacer
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.draws import Constants
from distdiag_tui.workloads.tpcc.loader import Loader
from distdiag_tui.workloads.tpcc.scale import SPEC, Scale
from distdiag_tui.workloads.tpcc.schema import DATABASE
from distdiag_tui.workloads.tpcc.terminal import Floor, Seats, Terminal
from distdiag_tui.workloads.tpcc.verify import verify

_SURVEY_SECONDS = 10.0


class TpccLoad(Crew):
    """Clients stay on one node and use the warehouses of its store. `scale` is for `fill`: less in tests."""

    def __init__(self, nodes: Sequence[Node], values: Values, scale: Scale = SPEC) -> None:
        threads, rate, interval = cast(int, values["threads"]), values["rate"], values["interval"]
        groups = [[node] for node in nodes]
        super().__init__(groups, self._terminal, threads, float(rate), float(interval))
        self._nodes, self._scale, self._warehouses = nodes, scale, cast(int, values["warehouses"])
        self._keying = bool(values["keying"])
        self._timeout = float(values["statement_timeout"])
        self._floor: Floor | None = None
        self._retries = 0

    async def fill(self, stores: Sequence[Node], _: Values | None, progress: Progress) -> None:
        """Add the warehouses that are missing; where there are too many, all are loaded anew."""
        await Loader(stores, self._warehouses, self._scale, progress).run()

    async def run(self) -> AsyncIterator[IntervalReport]:
        """Reports with tpmC: completed New-Order transactions a minute."""
        self._floor = await self._open_floor()
        async with aclosing(super().run()) as reports:  # type: ignore[type-var]
            async for report in reports:
                yield replace(report, figures=self._figures(report))

    async def verify(self, stores: Sequence[Node], progress: Progress) -> AsyncIterator[Check]:
        """The consistency conditions of the specification."""
        scales = [(store, await noted_scale(store)) for store in stores]
        async for check in verify(scales, self._warehouses, progress):
            yield check

    def _terminal(self, nodes: Sequence[Node], pacer: Pacer, meter: Meter) -> Terminal:
        assert self._floor is not None
        return Terminal(self._floor, nodes, pacer, meter)

    async def _open_floor(self) -> Floor:
        """Terminals are numbered by store: nodes of one cluster share them."""
        try:
            async with asyncio.timeout(_SURVEY_SECONDS):
                sharing = await Database(DATABASE, self._nodes).sharing()
                scale = await noted_scale(sharing[0][0])
        except TimeoutError:
            raise WorkloadError("a server does not answer") from None
        constants = Constants.of_run(Random())  # noqa: S311 - test data
        floor = Floor(self._warehouses, self._keying, self._timeout, scale, constants)
        for group in sharing:
            seats = Seats(self._warehouses)
            floor.seats |= dict.fromkeys(group, seats)
        return floor

    def _figures(self, report: IntervalReport) -> dict[str, float]:
        """`retries` are conflicts after which a transaction was repeated; shown if there were any."""
        assert self._floor is not None
        retries = self._floor.retries - (0 if report.total else self._retries)
        self._retries = self._floor.retries
        return {"tpmC": tpmc(report), **({"retries": retries} if retries else {})}


def tpmc(report: IntervalReport) -> float:
    """New-Order transactions a minute, from what a report says of all and of those."""
    transactions = sum(part.count for part in report.parts.values())
    if "new_order" not in report.parts or not transactions:
        return 0.0
    return 60 * report.tps * report.parts["new_order"].count / transactions


async def noted_scale(store: Node) -> Scale:
    """The scale of the data that is there."""
    notes = await Database(DATABASE, [store]).notes(store)
    if "scale" not in notes:
        raise WorkloadError(f"{store.label}: there is no TPC-C data; prepare the workload first")
    return Scale.from_json(notes["scale"])

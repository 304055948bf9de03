"""TPC-H as a workload: its data, its tests, its check. DuckDB and sqlglot are imported when they are used."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from distdiag_tui.model.errors import ConfigError, WorkloadError
from distdiag_tui.workloads.crew import Crew
from distdiag_tui.workloads.meter import Meter
from distdiag_tui.workloads.options import Values
from distdiag_tui.workloads.pacer import Pacer
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpch.kind import missing

if TYPE_CHECKING:
    from distdiag_tui.workloads.tpch.streams import Plan, Stream


class TpchLoad(Crew):
    """The power test is one stream on the first node, the throughput test several over all nodes."""

    def __init__(self, nodes: Sequence[Node], values: Values) -> None:
        self._power = values["test"] == "power"
        groups = [[node] for node in (nodes[:1] if self._power else nodes)]
        threads = 1 if self._power else int(values["threads"])
        super().__init__(groups, self._new_stream, threads, 0.0, float(values["interval"]))
        self._scale, self._timeout = float(values["scale"]), float(values["statement_timeout"])
        self._rounds, self._indexes = int(values["rounds"]), bool(values["indexes"])
        self._numbers = itertools.count(0 if self._power else 1)
        self._plan: Plan | None = None

    async def fill(self, stores: Sequence[Node], _: Values | None, progress: Progress) -> None:
        """Bring every store to the scale; the tables themselves say of which scale they are."""
        _require()
        from distdiag_tui.workloads.tpch.filling import fill  # noqa: PLC0415  needs the extra

        await fill(stores, self._scale, progress, indexes=self._indexes)

    async def run(self) -> AsyncIterator[IntervalReport]:
        """Reports until all streams have done their rounds, or `stop`; each query is a transaction."""
        _require()
        from distdiag_tui.workloads.tpch.queries import load_queries  # noqa: PLC0415  needs the extra
        from distdiag_tui.workloads.tpch.streams import Plan  # noqa: PLC0415

        self._plan = Plan(await asyncio.to_thread(load_queries), self._rounds, self._timeout, over=self.stop)
        async with aclosing(super().run()) as reports:  # type: ignore[type-var]
            async for report in reports:
                yield self._completed(report)

    async def verify(self, stores: Sequence[Node], progress: Progress) -> AsyncIterator[Check]:
        """Every query's answer on every store."""
        _require()
        from distdiag_tui.workloads.tpch.verifying import verify  # noqa: PLC0415  needs the extra

        async for check in verify(stores, self._scale, self._timeout, progress):
            yield check

    def set_threads(self, threads: int) -> None:
        """Streams are added or cut off; each does its rounds. ConfigError in the power test."""
        if self._power:
            raise ConfigError("the power test has one stream; --test throughput takes more")
        super().set_threads(threads)

    def set_rate(self, rate: float) -> None:
        """ConfigError: a stream's next query follows at once."""
        raise ConfigError(
            f"tpch holds no rate, such as {rate:g}/s: a stream sends its next query when the last has ended"
        )

    def _new_stream(self, nodes: Sequence[Node], _: Pacer, meter: Meter) -> Stream:
        from distdiag_tui.workloads.tpch.streams import Stream  # noqa: PLC0415  needs the extra

        assert self._plan is not None
        return Stream(next(self._numbers), nodes[0], self._plan, meter)

    def _completed(self, report: IntervalReport) -> IntervalReport:
        assert self._plan is not None
        if report.total:
            return replace(report, figures=self._result(report))
        return replace(report, threads=len(self._plan.active), figures=self._plan.figures)

    def _result(self, report: IntervalReport) -> dict[str, float]:
        """Nothing like QphH, which needs the refresh functions, too: they are not run."""
        assert self._plan is not None
        if not self._power:
            return {"queries per hour": report.tps * 3600}
        means = [part.mean for part in report.parts.values()]
        if len(means) < len(self._plan.queries):
            return {}  # of some queries alone it would compare with nothing
        return {"geometric mean s": math.exp(sum(map(math.log, means)) / len(means))}


def create(nodes: Sequence[Node], values: Values) -> TpchLoad:
    """For the catalogue of kinds."""
    return TpchLoad(nodes, values)


def _require() -> None:
    if needed := missing():
        raise WorkloadError(f"tpch needs {needed}")

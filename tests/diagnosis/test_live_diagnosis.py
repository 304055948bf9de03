"""A real fault on a real node under load: found, named, and over when it is over."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from conftest import LiveLab

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.engine import Engine
from distdiag_tui.model.findings import Diagnosis
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.target import Endpoint
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.sources.live import LiveSource

pytestmark = pytest.mark.slow

PATIENCE = 45.0


async def diagnosed(snapshots: AsyncIterator[Snapshot], true: Callable[[Diagnosis], bool]) -> Diagnosis:
    """The first diagnosis of which it is true."""
    end = time.monotonic() + PATIENCE
    async for snapshot in snapshots:
        assert snapshot.diagnosis is not None
        if true(snapshot.diagnosis):
            return snapshot.diagnosis
        assert time.monotonic() < end, f"it still says {snapshot.diagnosis.findings}"
    raise AssertionError("no more snapshots")


async def test_what_was_down_before_anyone_looked_is_found(lab: LiveLab) -> None:
    gone = Endpoint("127.0.0.1", 1, "n9", "zone1")
    target = replace(lab.target, endpoints=(*lab.target.endpoints, gone))
    engine = Engine(LiveSource(target, 0.2), target.cluster)
    engine.diagnoser = Diagnoser()
    async with aclosing(engine.snapshots()) as snapshots:
        found = await diagnosed(snapshots, lambda found: bool(found.findings) and found.warm >= 1.0)
    assert ("n9", "node_down") in {each.key for each in found.findings}
    assert math.isnan(found.scores["n9"])


async def test_a_fault_is_found_named_and_seen_to_end(lab_env: LiveLab) -> None:
    workloads, anomalies = Workloads(lab_env.target), Anomalies(lab_env.target)
    load = await workloads.start(Wish("oltp", ("prepare", "run"), {"threads": 6, "rate": 60}))
    engine = Engine(LiveSource(lab_env.target, 0.5), lab_env.target.cluster)
    engine.diagnoser = Diagnoser()
    try:
        async with aclosing(engine.snapshots()) as snapshots:

            async def until(true: Callable[[Diagnosis], bool]) -> Diagnosis:
                return await diagnosed(snapshots, true)

            await until(lambda found: found.warm >= 1.0 and not found.findings)
            (record,) = anomalies.inject([Dose("connection_storm", "n2", seconds=60)])
            found = await until(lambda found: ("n2", "connection_storm") in {f.key for f in found.findings})
            assert found.findings[0].key == ("n2", "connection_storm")
            assert {each.metric for each in found.findings[0].evidence} & {"logon_rate", "other_rate"}
            assert found.findings[0].since >= record.begins - 2
            await anomalies.stop([record.id])
            await until(lambda found: "n2" not in {f.server for f in found.findings})
    finally:
        await anomalies.stop([each.id for each in anomalies.active()])
        await asyncio.gather(load.stop(), load.ended())

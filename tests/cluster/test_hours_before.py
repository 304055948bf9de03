"""What servers were like in the hours before anyone looked, by their workload repository."""

from __future__ import annotations

import asyncio
import math
import re
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from conftest import LiveLab
from standin import client

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.diagnosis.usual import Usual
from distdiag_tui.doctor import servers
from distdiag_tui.engine import Engine, hours_before
from distdiag_tui.engine.hours_before import HoursBefore, usual_of
from distdiag_tui.engine.live import live_engine
from distdiag_tui.engine.memory import Memory
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim
from distdiag_tui.sources import repository
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.sources.repository import Spans, read_spans, spans_of

SELECTS = 300


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(repository, "TIMEOUT", 60.0)


async def test_a_real_server_tells_of_the_time_between_two_snapshots(
    lab: LiveLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "SHORTEST", 0.5)
    first, second, _ = lab.target.endpoints
    async with client(lab.target, first) as cursor:
        await cursor.execute("call dbms_workload_repository.create_snapshot()")
        for number in range(SELECTS):
            await cursor.execute(f"select {number}")
            await cursor.fetchall()
        await cursor.execute("call dbms_workload_repository.create_snapshot()")
        await cursor.execute(
            "select unix_timestamp(end_interval_time) from oceanbase.DBA_WR_SNAPSHOT"
            " where snap_id > 0 order by snap_id desc limit 2"
        )
        ((end,), (begin,)) = await cursor.fetchall()
    spans = await read_spans(first, lab.target.at(first))
    assert spans is not None
    last = int(spans.ends.argmax())
    assert spans.ends[last] == pytest.approx(float(end))
    figures = dict(zip(METRIC_INDEX, spans.metrics[last].tolist(), strict=True))
    seconds = float(end) - float(begin)
    assert SELECTS <= figures["select_rate"] * seconds <= 2 * SELECTS
    assert 0 < figures["select_rt"] < 0.1
    assert 0 < figures["cpu_time"] < 4
    assert math.isfinite(figures["wait_system_io"])
    assert math.isnan(figures["memory_used"]), "a level has no past"
    assert await read_spans(second, lab.target.at(second)) is None, "nobody made it write anything down"
    check = await servers._hours_before(first, lab.target)
    assert check.state == "ok"
    assert re.fullmatch(r"n1 \(\S+\) wrote \d+ spans? down, until \d+s ago", check.words)
    check = await servers._hours_before(second, lab.target)
    assert (check.state, check.words) == ("missing", f"{second.label} wrote nothing down of the last 6 hours")


async def frames_of(engine: Engine, ticks: int) -> list[Snapshot]:
    seen = []
    async with aclosing(engine.snapshots()) as snapshots:
        async for snapshot in snapshots:
            seen.append(snapshot)
            if len(seen) == ticks:
                return seen
    raise AssertionError("the source ended")


@pytest.mark.parametrize("version", ["4.2.1", "4.3.5"])
async def test_who_comes_late_compares_with_the_hours_before(version: str) -> None:
    """And not with what it was like on average in its long life."""
    async with Sim(Shape(version, zones=3, servers=3, tenants=1), seed=1) as sim:
        sim.symptom("z2s1", "log", 12.0)
        target, sick = sim.target(), sim.endpoint("z2s1").address
        engine = live_engine(LiveSource(target, 1.0), target)
        engine.diagnoser = Diagnoser()
        said = [""]
        async with aclosing(engine.snapshots()) as snapshots, asyncio.timeout(120):
            while not said[-1].startswith("against what was usual"):
                diagnosis = (await anext(snapshots)).diagnosis
                assert diagnosis is not None
                said += [each.said for each in diagnosis.findings if each.server == sick]


class Before(HoursBefore):
    """Never to be asked."""

    def take(self, snapshot: Snapshot) -> Usual | None:
        raise AssertionError(f"asked at tick {snapshot.tick}")


async def test_what_is_remembered_of_today_is_not_asked_for(tmp_path: Path) -> None:
    async with Sim(Shape(zones=3, servers=3, tenants=1), seed=1) as sim:
        target = sim.target()
        memory = Memory("sim", tmp_path)
        first = await frames_of(Engine(LiveSource(target, 0.2), "sim"), 2)
        names = tuple(server.name for server in first[0].servers)
        nothing = np.full((len(names), 1), 1.0)
        memory.keep(Usual(first[-1].time - 3600, names, ("qps",), nothing, nothing))
        engine = Engine(LiveSource(target, 0.2), "sim", memory=memory, before=Before(target))
        engine.diagnoser = Diagnoser()
        assert len(await frames_of(engine, 3)) == 3
        memory.file.unlink()
        engine = Engine(LiveSource(target, 0.2), "sim", memory=memory, before=Before(target))
        engine.diagnoser = Diagnoser()
        with pytest.raises(AssertionError, match="asked at tick"):
            await frames_of(engine, 3)


async def test_a_large_cluster_is_left_in_peace_and_a_silent_one_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Sim(Shape(zones=3, servers=3, tenants=1), seed=1) as sim:
        target = sim.target()
        (snapshot,) = await frames_of(Engine(LiveSource(target, 0.2), "sim"), 1)
        monkeypatch.setattr(hours_before, "MOST_SERVERS", 2)
        assert await HoursBefore(target)._ask(snapshot.servers) is None
        monkeypatch.setattr(hours_before, "MOST_SERVERS", 3)
        told = await HoursBefore(target)._ask(snapshot.servers)
        assert told is not None
        assert len(told.servers) == 3
    gone = HoursBefore(target)
    assert await gone._ask(snapshot.servers) is None
    assert gone.take(snapshot) is None
    async with asyncio.timeout(30):
        while not gone._told:
            await asyncio.sleep(0.05)
            assert gone.take(snapshot) is None
    await gone.close()


def statistic(tenant: int, snapshot: int, value: int) -> tuple[int, int, int, int]:
    return tenant, snapshot, 40000, value


def rates(spans: Spans | None) -> list[float]:
    return [] if spans is None else spans.metrics[:, METRIC_INDEX["select_rate"]].tolist()


HOUR = 3600
TAKEN = [(tenant, number, number * HOUR, 7) for tenant in (1, 1002) for number in (1, 2, 3)]
TOTALS = [
    statistic(tenant, number, tenant * 10 * number * HOUR) for tenant in (1, 1002) for number in (1, 2, 3)
]


def test_tenants_add_up() -> None:
    spans = spans_of(TAKEN, TOTALS, [])
    assert spans is not None
    assert spans.ends.tolist() == [2 * HOUR, 3 * HOUR]
    assert rates(spans) == [10030.0, 10030.0]
    assert spans.metrics[:, METRIC_INDEX["wait_system_io"]].tolist() == [0.0, 0.0]
    without = spans_of(TAKEN, TOTALS, None)
    assert without is not None
    assert np.isnan(without.metrics[:, METRIC_INDEX["wait_system_io"]]).all()


def test_a_span_in_which_the_server_started_anew_says_nothing() -> None:
    anew = [(tenant, number, end, 7 if number < 2 else 8) for tenant, number, end, _ in TAKEN]
    spans = spans_of(anew, TOTALS, None)
    assert spans is not None
    assert spans.ends.tolist() == [3 * HOUR]
    assert spans_of(anew[:2], TOTALS, None) is None
    assert spans_of([(1, number, end, None) for _, number, end, _ in TAKEN], TOTALS, None) is None


def test_a_span_of_which_a_tenant_tells_nothing_is_left_out() -> None:
    spans = spans_of(TAKEN, [row for row in TOTALS if row[:2] != (1002, 1)], None)
    assert spans is not None
    assert spans.ends.tolist() == [3 * HOUR]
    assert rates(spans) == [10030.0]


def test_spans_that_differ_say_how_far() -> None:
    metrics = np.full((5, len(METRIC_INDEX)), np.nan)
    metrics[:, METRIC_INDEX["select_rate"]] = [100, 200, 400, 200, 200]
    ends = np.arange(5.0)
    usual = usual_of({"n1": Spans(ends, metrics), "n2": Spans(ends[:2], metrics[:2])})
    column = usual.metrics.index("select_rate")
    assert usual.servers == ("n1", "n2")
    assert usual.time == 4.0
    assert usual.centre[0, column] == pytest.approx(200)
    assert usual.spread[0, column] >= 0
    assert np.isnan(usual.spread[1]).all()

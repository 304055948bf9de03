"""The faults of a lab node: that they are felt, and by whom, and that they leave nothing, in any process."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import asyncmy
import psutil
import pytest
from conftest import LiveLab, run
from sick import dirt, frozen, node_process, site, until

from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.nodes import disk, signals
from distdiag_tui.anomalies.nodes.stress import StressNg
from distdiag_tui.anomalies.nodes.weather import Weather
from distdiag_tui.anomalies.protocol import Fault, Site
from distdiag_tui.model.errors import AnomalyError

LASTING = ("cpu_stress", "node_hang", "io_bottleneck", "network_bottleneck")


def fault_at(place: Site, anomaly: str) -> Fault:
    return find_anomaly(anomaly).means[0].create(place)


@asynccontextmanager
async def held(fault: Fault) -> AsyncIterator[dict[str, str]]:
    """The fault is there for the block, with what it noted; afterwards it is undone, and nothing remains."""
    notes: dict[str, str] = {}
    await fault.apply(notes.__setitem__)
    holding = asyncio.ensure_future(fault.hold())
    try:
        yield notes
    finally:
        holding.cancel()
        await asyncio.wait({holding})
        await fault.revert(notes)
        assert await fault.remains(notes) == ""


async def round_trips(lab: LiveLab, node: str, count: int = 15) -> list[float]:
    """Seconds that each of some small queries takes, on one connection, in any part of a stop-and-go."""
    endpoint = next(e for e in lab.target.endpoints if e.name == node)
    connection = await asyncmy.connect(
        host=endpoint.host, port=endpoint.port, user="root", password=lab.target.password.reveal()
    )
    times = []
    async with connection, connection.cursor() as cursor:
        for _ in range(count):
            began = time.perf_counter()
            await cursor.execute("select 1")
            times.append(time.perf_counter() - began)
            await asyncio.sleep(0.013)
    return times


@pytest.mark.parametrize(("anomaly", "least"), [("cpu_stress", 0.005), ("network_bottleneck", 0.02)])
def test_the_sick_node_is_slow_and_its_neighbour_is_not(lab: LiveLab, anomaly: str, least: float) -> None:
    async def measure() -> tuple[float, float, float]:
        async with held(fault_at(site(lab, anomaly, "n2", "medium"), anomaly)):  # high resets connections
            sick, well = await round_trips(lab, "n2"), await round_trips(lab, "n1")
        return sum(sick) / len(sick), median(well), median(await round_trips(lab, "n2"))

    sick, well, after = run(measure())
    assert sick > least
    assert sick > 4 * well
    assert sick > 4 * after
    assert dirt(lab) == []


def test_a_bad_network_cuts_the_sessions_that_there_are(lab: LiveLab) -> None:
    async def connected() -> None:
        place = site(lab, "network_bottleneck", "n2")
        connection = await asyncmy.connect(
            host=place.endpoint.host, port=place.endpoint.port, user="root", password=place.password.reveal()
        )
        async with held(fault_at(place, "network_bottleneck")):
            with pytest.raises(Exception, match=r"(?i)lost|gone|closed|reset|interrupted|read"):
                async with connection.cursor() as cursor:
                    await cursor.execute("select 1")
        connection.close()

    run(connected())


def test_a_hung_node_does_not_answer(lab: LiveLab) -> None:
    async def hang() -> None:
        async with held(fault_at(site(lab, "node_hang", "n3"), "node_hang")):
            assert frozen(lab, "n3")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await round_trips(lab, "n3", 1)
        await round_trips(lab, "n3", 1)

    run(hang())


def test_disk_writers_write_and_leave_no_file(lab: LiveLab) -> None:
    writers = 0

    async def write() -> None:
        place = site(lab, "io_bottleneck", "n1", "low")
        nonlocal writers
        writers = int(place.values["writers"])
        async with held(disk.DiskWriters(place)) as notes:
            await asyncio.to_thread(until, lambda: written(notes["folder"]))

    def written(folder: str) -> bool:
        return [file.stat().st_size > 0 for file in Path(folder).glob("writer-*")] == [True] * writers

    run(write())
    assert dirt(lab) == []


def test_disk_writers_leave_room(lab: LiveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=600 << 20))
    fault = disk.DiskWriters(site(lab, "io_bottleneck", "n1", "high"))
    with pytest.raises(AnomalyError, match="too little disk for this: 1024 MiB"):
        run(fault.apply(lambda *_: pytest.fail("noted, though refused")))
    assert dirt(lab) == []


@pytest.mark.parametrize("anomaly", LASTING)
def test_undoing_what_was_never_made_does_nothing(lab: LiveLab, anomaly: str) -> None:
    before = node_process(lab, "n1").pid

    async def undo() -> str:
        fault = fault_at(site(lab, anomaly, "n1"), anomaly)
        await fault.revert({})
        return await fault.remains({})

    assert run(undo()) == ""
    assert node_process(lab, "n1").pid == before


@pytest.mark.parametrize("anomaly", [*LASTING, "node_down"])
def test_a_plan_changes_nothing_and_says_how_it_is_undone(lab: LiveLab, anomaly: str) -> None:
    lines = run(fault_at(site(lab, anomaly, "n1"), anomaly).plan())
    assert any(line.startswith("undo:") for line in lines)
    process = str(node_process(lab, "n1").pid)
    if anomaly in ("cpu_stress", "node_hang", "node_down"):
        assert process in " ".join(lines)
    assert dirt(lab) == []


@pytest.mark.skipif(not shutil.which("stress-ng"), reason="stress-ng is not installed")
def test_stress_ng_works_and_is_gone_with_all_its_workers(lab: LiveLab) -> None:
    def workers() -> int:
        alive = [p.info for p in psutil.process_iter(["name", "status"]) if p.info["status"] != "zombie"]
        return sum((info["name"] or "").startswith("stress-ng-cpu") for info in alive)

    async def stress() -> None:
        place = site(lab, "cpu_stress", "n1", "low", "stress-ng")
        async with held(StressNg(place)):
            await asyncio.to_thread(until, lambda: workers() == place.values["workers"])
        assert workers() == 0

    run(stress())


@pytest.mark.skipif(not shutil.which("stress-ng"), reason="stress-ng is not installed")
def test_stress_ng_of_a_dead_supervisor_is_found(lab: LiveLab) -> None:
    """Its own protection taken away: workers whose parent was killed."""

    async def orphan() -> str:
        place = site(lab, "cpu_stress", "n1", "low", "stress-ng")
        first, again = StressNg(place), StressNg(place)
        await first.apply(lambda *_: None)
        assert "stress-ng still runs" in await again.remains({})
        await again.revert({})
        await first.revert({})  # it is its child, and has to be collected
        return await again.remains({})

    assert run(orphan()) == ""


def test_undone_in_the_very_moment_it_is_made_it_does_not_freeze_afterwards(lab: LiveLab) -> None:
    """Many threads take a while to stop: until then the process does not look frozen."""

    async def hasty() -> list[bool]:
        found = []
        for _ in range(30):
            fault = signals.NodeHang(site(lab, "node_hang", "n1"))
            notes: dict[str, str] = {}
            await fault.apply(notes.__setitem__)
            await fault.revert(notes)
            await asyncio.sleep(0.03)
            found.append(frozen(lab, "n1"))
            node_process(lab, "n1").resume()
        return found

    assert not any(run(hasty()))


def test_a_hang_that_somebody_else_ends_is_over(lab: LiveLab) -> None:
    async def thawed() -> str:
        fault = signals.NodeHang(site(lab, "node_hang", "n1"))
        await fault.apply(lambda *_: None)
        node_process(lab, "n1").resume()
        return await fault.hold()

    assert run(thawed()) == "n1 was set going by somebody else"


def test_a_server_that_is_no_lab_node_has_no_process_to_signal(lab: LiveLab) -> None:
    with pytest.raises(AnomalyError, match="is no lab node"):
        signals.NodeHang(replace(site(lab, "node_hang", "n1"), home=None))


# -- weather, without a network -------------------------------------------------------------------

CALM = {
    "delay_ms": 0,
    "jitter_ms": 0,
    "kib_per_s": 1024,
    "stall_percent": 0,
    "stall_ms": 0,
    "resets_per_min": 0,
}


def weather(**values: float) -> Weather:
    return Weather({**CALM, **values}, random.Random(1))


def test_a_narrow_line_takes_its_time_for_all_who_share_it() -> None:
    narrow = weather()
    arrivals = [narrow.arrival("in", 10.0, 512 << 10) for _ in range(3)]
    assert arrivals == pytest.approx([10.5, 11.0, 11.5])
    assert narrow.arrival("out", 10.0, 512 << 10) == pytest.approx(10.5)
    assert narrow.arrival("in", 20.0, 1024 << 10) == pytest.approx(21.0)


def test_delay_and_jitter_keep_to_their_bounds() -> None:
    rough = weather(delay_ms=20, jitter_ms=30)
    late = [rough.arrival("in", 1e6 + n, 1) - 1e6 - n for n in range(500)]
    assert min(late) == pytest.approx(0.0, abs=1e-3)
    assert 0.045 < max(late) <= 0.0501


def test_stalls_are_as_frequent_as_asked_for() -> None:
    lossy = weather(stall_percent=10, stall_ms=300)
    late = [lossy.arrival("in", float(n), 1) - n > 0.2 for n in range(5000)]
    assert 0.08 < sum(late) / len(late) < 0.12


def test_resets_come_as_often_as_asked_for_or_never() -> None:
    stormy = weather(resets_per_min=60)
    pauses = [stormy.reset_pause() for _ in range(5000)]
    assert 0.95 < sum(pauses) / len(pauses) < 1.05
    assert weather().reset_pause() >= 3600

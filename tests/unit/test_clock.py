"""Time passes while this machine sleeps: no rate is of the moments alone in which it was awake."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scripted import play, server

from distdiag_tui.engine.rates import Rates
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.metrics import COLUMN_INDEX, STAT_IDS
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.prometheus.writer import Writer
from distdiag_tui.recording.recorder import Recorder
from distdiag_tui.sources import queries
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.frame import Frame
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.sources.node import FEATURES, Node

NIGHT = 600.0  # s


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the machine have slept for a while."""
    awake = time.clock_gettime

    def slept() -> None:
        monkeypatch.setattr(
            time, "clock_gettime", lambda clock: awake(clock) + NIGHT * (clock == time.CLOCK_BOOTTIME)
        )

    return slept


async def test_what_was_counted_meanwhile_is_of_all_that_time(
    sleep: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_rows(_: str) -> list[queries.Row]:
        return []

    totals = iter((1000.0, 1000.0 + 50 * NIGHT))
    node = Node(Endpoint("ob1", 2881), Target("c", ()))
    monkeypatch.setattr(node, "_fetch", no_rows)
    node._connection = SimpleNamespace(connected=True)
    node._capability = Capability("", "", dict.fromkeys(FEATURES, frozenset()))
    node._plan = (queries.Query("", lambda _: [(1, STAT_IDS[0], next(totals))]),)
    rates, found = Rates(), []
    for _ in range(2):
        sample = await node.poll()
        assert sample is not None
        found.append(rates.take({node.name: sample}, NIGHT)[0, COLUMN_INDEX[STAT_IDS[0]]])
        sleep()
    np.testing.assert_allclose(found, [np.nan, 50], rtol=0.05)


async def test_a_tick_is_where_it_would_have_been_and_times_on_disk_and_beyond_are_right(
    sleep: Callable[[], None], tmp_path: Path
) -> None:
    source = LiveSource(Target("c", ()))
    before = source._now()
    sleep()
    assert source._now() - before == pytest.approx(NIGHT, abs=5)
    writer = Writer(PrometheusServer("http://127.0.0.1:1"))
    (snapshot,) = await play([Frame(1, time.time(), 1.0, (server("ob1"),), {}, 0.0)])
    writer.take(snapshot)
    for zero in (Recorder(tmp_path / "run")._clock, writer._queue[0][1]):
        assert zero + elapsed() == pytest.approx(time.time(), abs=5)

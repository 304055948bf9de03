"""What machines tell, in the snapshots: beside the database's figures, and without them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scripted import frame, play, sample, server

from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Host, Status, Subject
from distdiag_tui.sources.frame import Frame, Sample

TWO = (server("n1"), server("n2", "z2"))
N1, N2 = Subject("z1", "n1"), Subject("z2", "n2")


def told(at: float, epoch: int = 1, every: float = 0.0, **figures: float) -> Sample:
    """Raw columns, without "host."."""
    row = np.full((1, len(COLUMNS)), np.nan)
    for name, value in figures.items():
        row[0, COLUMN_INDEX[f"host.{name}"]] = value
    return Sample((0,), row, at, epoch, every)


def with_hosts(tick: int, hosts: Mapping[str, Sample], samples: Mapping[str, Sample] | None = None) -> Frame:
    return replace(frame(tick, samples or {}, TWO), hosts=hosts)


def values(snapshots: list[Snapshot], metric: str, subject: Subject = N1) -> list[float | None]:
    found = [each.value(subject, metric) for each in snapshots]
    return [None if math.isnan(value) else round(value, 3) for value in found]


async def test_machines_tell_beside_the_database_and_instead_of_it() -> None:
    frames = [
        with_hosts(tick, {"n1": told(0.4 + tick, proc_user=3e5 * tick, proc_system=0)}, samples)
        for tick, samples in (
            (1, {"n1": sample(1.0, t1={40000: 0})}),
            (2, {"n1": sample(2.0, t1={40000: 7})}),
            (3, {}),  # it does not answer
        )
    ]
    snapshots = await play(frames)
    assert values(snapshots, "proc_cpu_time") == [None, 0.3, 0.3]
    assert values(snapshots, "select_rate") == [None, 7, None]


async def test_what_a_machine_does_counts_once_and_what_processes_do_adds_up() -> None:
    def both(tick: int) -> dict[str, Sample]:
        busy, passed = 1e6 * tick, 1e6 * tick
        shared = {
            "elapsed": passed, "machines": 1, "net_in_bytes": 500 * tick, "memory_available": 8e9,
            "cpu_user": busy, "cpu_system": 0, "cpu_steal": 0, "cpu_iowait": 0, "cpu_idle": 3 * busy,
        }  # fmt: skip
        return {
            "n1": told(tick, 1, 0.0, **shared, proc_user=4e5 * tick, proc_system=0),
            "n2": told(tick, 1, 0.0, **shared, proc_user=1e5 * tick, proc_system=0),
        }

    snapshots = await play(with_hosts(tick, both(tick)) for tick in (1, 2))
    for subject in (N1, N2, Subject("z1"), Subject()):
        assert values(snapshots, "host_net_in_bytes", subject) == [None, 500]
        assert values(snapshots, "host_cpu_percent", subject) == [None, 25]
        assert values(snapshots, "host_memory_available", subject) == [8e9, 8e9]
    assert values(snapshots, "proc_cpu_time", Subject()) == [None, 0.5]


async def test_a_machine_that_is_another_or_began_anew_is_a_gap() -> None:
    frames = [
        with_hosts(tick, {"n1": told(tick, epoch, proc_user=1e6 * tick, proc_system=0)})
        for tick, epoch in ((1, 1), (2, 1), (3, 2), (4, 2))
    ]
    assert values(await play(frames), "proc_cpu_time") == [None, 1, None, 1]


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (15.0, [None] * 15 + [0.2] * 23 + [None] * 2),  # held for one and a half
        (0.0, [None] * 40),  # fifteen seconds are too long for who should come at each tick
    ],
)
async def test_readings_that_come_rarely_hold_until_the_next_one(
    every: float, expected: list[float | None]
) -> None:
    readings = {
        tick: {"n1": told(tick, every=every, proc_user=2e5 * tick, proc_system=0)} for tick in (1, 16)
    }
    snapshots = await play(with_hosts(tick, readings.get(tick, {})) for tick in range(1, 41))
    assert values(snapshots, "proc_cpu_time") == expected


async def test_snapshots_say_which_machines_those_are() -> None:
    machines = {"n1": Host("vm", "/proc"), "n2": Host("", "SSH", "permission denied")}
    down = (TWO[0], replace(TWO[1], status=Status.UNREACHABLE))
    [snapshot] = await play([replace(frame(1, {}, down), machines=machines)])
    assert snapshot.machines == machines

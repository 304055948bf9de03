"""Frames of all kinds, and a run to record them as."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, HOST_COLUMNS
from distdiag_tui.model.topology import Host, Server, Status, Tenant
from distdiag_tui.recording.run import Change, Label, Load, Phase, RunInfo, Versions
from distdiag_tui.sources.frame import Frame, Sample

NAMES = ("n1", "n2", "[fe80::1]:2881")
OF_HOSTS = np.isin(range(len(COLUMNS)), [COLUMN_INDEX[column] for column in HOST_COLUMNS])
START = 1_700_000_000
"""The tick, and the second, of the first of the steady frames."""

INFO = RunInfo(
    name="r",
    cluster="lab",
    interval=1.0,
    started=1.7e9,
    ended=1.7e9 + 60,
    outcome="done",
    message="",
    phases=(Phase("calm", 1.7e9, 1.7e9 + 30),),
    labels=(
        Label(
            "node_hang", "node_hung", "n2", "127.0.0.1:1", "high", "signals", {"stop_ms": 5},
            1.7e9, 20.0, 1.7e9 + 0.5, None, "node_hang-1a2b",
        ),
    ),
    changes=(Change(1.7e9 + 9, {"threads": 16}),),
    load=Load("oltp", "coupled", {"rate": 60.0}, "oltp-1a2b"),
    versions=Versions.here({"n1": "seekdb 1.3.0.0"}),
    experiment="lab",
    cell={"id": "r", "repetition": 1},
)  # fmt: skip

_totals = st.integers(0, 2**53 - 1).map(float)
_values = st.one_of(_totals, st.just(float("nan")), st.floats(width=64))


@st.composite
def _samples(draw: st.DrawFn, *, host: bool = False) -> Sample:
    tenants = (0,) if host else tuple(sorted(draw(st.sets(st.sampled_from([0, 1, 1002, 2**40]), max_size=3))))
    columns = draw(arrays(np.float64, (len(tenants), len(COLUMNS)), elements=_values, fill=st.just(7.0)))
    columns[:, host != OF_HOSTS] = np.nan
    every = draw(st.integers(0, 60_000)) / 1e3 if host else 0.0
    return Sample(tenants, columns, draw(st.integers(0, 10**13)) / 1e6, draw(st.integers(0, 9)), every)


@st.composite
def _servers(draw: st.DrawFn, name: str) -> Server:
    return Server(
        name=name,
        address=f"{name}:2881",
        zone=draw(st.sampled_from(["zone1", "zone2"])),
        status=draw(st.sampled_from(list(Status))),
        detail=draw(st.text(max_size=5)),
        product=draw(st.sampled_from(["", "seekdb"])),
        uptime=draw(st.none() | st.integers(0, 10**8).map(float)),
        latency=draw(st.none() | st.integers(0, 10**6).map(lambda tenths: tenths / 1e4)),
        age=draw(st.none() | st.integers(0, 10**6).map(lambda tenths: tenths / 1e4)),
        tenants=draw(st.sampled_from([(), (Tenant(1, "sys"),), (Tenant(1, "sys"), Tenant(1002, "shop"))])),
    )


@st.composite
def frame_lists(draw: st.DrawFn) -> list[Frame]:
    """One to six frames of one to three servers; samples come, are missing, and change their tenants.

    So do servers.
    """
    ticks = sorted(draw(st.sets(st.integers(1, 2**33), min_size=1, max_size=6)))
    there = st.sets(st.sampled_from(NAMES), min_size=1).map(lambda found: sorted(found, key=NAMES.index))
    return [
        Frame(
            tick=tick,
            time=draw(st.integers(0, 4 * 10**15)) / 1e6,
            interval=1.0,
            servers=tuple(draw(_servers(name)) for name in names),
            samples={name: draw(_samples()) for name in draw(st.sets(st.sampled_from(names)))},
            latency=draw(st.integers(0, 10**6)) / 1e6,
            hosts={name: draw(_samples(host=True)) for name in draw(st.sets(st.sampled_from(names)))},
            machines=dict.fromkeys(
                names, draw(st.sampled_from([Host("vm", "/proc"), Host("", "SSH", "away")]))
            ),
        )
        for tick, names in ((tick, draw(there)) for tick in ticks)
    ]


def steady_frames(count: int, names: tuple[str, ...] = NAMES[:2]) -> list[Frame]:
    """A frame a second, totals that rise, and a server that restarts, is away, and gets a tenant.

    Its machine tells all the while.
    """
    rng = np.random.default_rng(5)
    frames = []
    for tick in range(count):
        samples, hosts = {}, {}
        for number, name in enumerate(names):
            own = np.where(OF_HOSTS, np.round(1e6 + tick * 10 + rng.integers(0, 5, len(COLUMNS))), np.nan)
            hosts[name] = Sample((0,), own[None], 500.25 + tick, 1)
            if number and tick % 11 in (3, 4):
                continue
            tenants = (0, 1) if tick % 17 < 9 else (0, 1, 1002)
            base = 1000.0 if tick % 23 > 19 else 1e9
            rows = np.round(base + tick * 100 + rng.integers(0, 50, (len(tenants), len(COLUMNS))))
            rows[:, ::9] = rows[:, OF_HOSTS] = np.nan
            samples[name] = Sample(tenants, rows, 500.0 + tick + number / 64, 1 + tick // 13)
        servers = tuple(
            Server(
                name, f"{name}:2881", "zone1", Status.UP if name in samples else Status.UNREACHABLE,
                "" if name in samples else "no answer", "seekdb", age=0.5,
                tenants=(Tenant(1, "sys"), Tenant(1002, "shop")),
            )
            for name in names
        )  # fmt: skip
        frames.append(Frame(START + tick, START + float(tick), 1.0, servers, samples, 0.01, hosts))
    return frames


def same(one: Frame, other: Frame) -> bool:
    """Whether nothing differs but the order of servers; missing values are alike."""
    plain = (one.tick, one.time, one.interval, set(one.servers), one.latency, one.samples.keys())
    others = (other.tick, other.time, other.interval, set(other.servers), other.latency, other.samples.keys())
    if plain != others or len(one.servers) != len(other.servers):
        return False
    if (one.hosts.keys(), one.machines) != (other.hosts.keys(), other.machines):
        return False
    return all(_same(sample, other.samples[name]) for name, sample in one.samples.items()) and all(
        _same(sample, other.hosts[name]) for name, sample in one.hosts.items()
    )


def _same(one: Sample, other: Sample) -> bool:
    plain = (one.tenants, one.at, one.epoch, one.every)
    alike = plain == (other.tenants, other.at, other.epoch, other.every)
    return alike and np.array_equal(one.columns, other.columns, equal_nan=True)

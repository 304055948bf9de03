"""Rates and sums of a whole frame at once against the plain formula: one server and one tenant at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Script, frame, play, sample, server

from distdiag_tui.engine import LONGEST_STEP, Engine
from distdiag_tui.model.arithmetic import Floats, add_groups, add_rows, evaluate, per_second
from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.model.snapshot import Table, Values
from distdiag_tui.model.topology import Server, Subject, Tenant
from distdiag_tui.sources.frame import SERVER_WIDE, Frame, Sample

NAMES = {1: "sys", 1002: "shop", 1004: "bank"}
PLACES = (("n1", "z1"), ("n2", "z2"), ("n3", "z1"))


@dataclass
class Plain:
    """As the engine should, but one row after the other."""

    last: dict[tuple[bool, str], Sample] = field(default_factory=dict)

    def values(self, frame: Frame) -> dict[Subject, Values]:
        parts: dict[Subject, list[Floats]] = {}
        rates = {name: dict(self._rates(False, name, each, frame)) for name, each in frame.samples.items()}
        for name, each in frame.hosts.items():
            own = dict(self._rates(True, name, each, frame))[SERVER_WIDE]
            rows = rates.setdefault(name, {})
            rows[SERVER_WIDE] = np.where(np.isnan(own), rows.get(SERVER_WIDE, own), own)
        for listed in frame.servers:
            names = {tenant.id: tenant.name for tenant in listed.tenants}
            for tenant, row in rates.get(listed.name, {}).items():
                for subject in set(_counts_for(listed, names.get(tenant, ""))):
                    parts.setdefault(subject, []).append(row)
        return {
            subject: evaluate(add_rows(np.stack(rows))).astype(np.float32) for subject, rows in parts.items()
        }

    def _rates(self, host: bool, name: str, new: Sample, frame: Frame) -> Iterator[tuple[int, Floats]]:
        old, passed = self.last.get((host, name)), 0.0
        before: Mapping[int, Floats] = {}
        if old is not None and old.epoch == new.epoch:
            passed = new.at - old.at
            if passed <= LONGEST_STEP * max(frame.interval, 1.0, new.every):
                before = dict(zip(old.tenants, old.columns, strict=True))
        self.last[host, name] = new
        for tenant, row in zip(new.tenants, new.columns, strict=True):
            yield tenant, per_second(before.get(tenant, np.full(len(COLUMNS), np.nan)), row, passed)


def _counts_for(server: Server, tenant: str) -> list[Subject]:
    wider = [Subject(), Subject(server.zone), Subject(server.zone, server.name)]
    if tenant:
        wider += [Subject(tenant=tenant), Subject(server.zone, server.name, tenant)]
    return wider


@st.composite
def runs(draw: Any) -> list[Frame]:  # noqa: ANN401
    """Frames in which servers come, go, answer late, restart, get tenants and lose them."""
    dice, frames = np.random.default_rng(draw(st.integers(0, 99))), []
    at = dict.fromkeys(("n1", "n2", "n3", "ghost"), 0.0)
    for tick in range(draw(st.integers(1, 6))):
        listed = draw(st.lists(st.sampled_from(PLACES), unique=True, min_size=1, max_size=3))
        known = tuple(Tenant(*item) for item in NAMES.items() if draw(st.booleans()))
        servers = tuple(
            server(name, draw(st.just(zone) | st.just("")), tenants=known) for name, zone in listed
        )
        samples = {}
        for name in draw(st.sets(st.sampled_from(sorted(at)))):
            at[name] += draw(st.sampled_from([0.0, 1.0, 1.1, 3.4, 3.6]))
            tenants = draw(st.sets(st.sampled_from([SERVER_WIDE, 1, 1002, 1004, 1003]), max_size=4))
            samples[name] = _sample(dice, tuple(tenants), at[name], draw(st.sampled_from([1, 1, 1, 2])))
        hosts = {
            name: _sample(dice, (SERVER_WIDE,), at[name], 1)
            for name in draw(st.sets(st.sampled_from(sorted(at))))
        }
        frames.append(Frame(tick, float(tick), 1.0, servers, samples, 0.0, hosts))
    return frames


def _sample(dice: np.random.Generator, tenants: tuple[int, ...], at: float, epoch: int) -> Sample:
    columns = np.rint(1e4 + 1e3 * at + dice.normal(0, 400, (len(tenants), len(COLUMNS))))
    columns[dice.random(columns.shape) < 0.15] = np.nan
    if len(tenants) and dice.random() < 0.1:
        columns[0] = 1.0  # begun anew
    return Sample(tenants, columns, at, epoch)


@settings(max_examples=80, deadline=None)
@given(runs())
def test_a_frame_at_once_is_one_row_after_the_other(frames: list[Frame]) -> None:
    engine, plain = Engine(Script([]), "all at once"), Plain()
    for each in frames:
        found, wanted = engine.take(each).values, plain.values(each)
        assert set(found) == set(wanted)
        assert len(found) == len(wanted)
        for subject, values in wanted.items():
            np.testing.assert_allclose(found[subject], values, rtol=1e-5, atol=1e-5)


def test_groups_are_each_group_alone() -> None:
    rows = np.arange(18.0).reshape(6, 3)
    rows[1:3, 1] = rows[5, 0] = np.nan
    starts = np.array([0, 1, 3, 5])
    parts = [rows[begin:end] for begin, end in ((0, 1), (1, 3), (3, 5), (5, 6))]
    np.testing.assert_array_equal(add_groups(rows, starts), np.stack([add_rows(part) for part in parts]))


async def test_a_tenant_is_summed_over_all_its_servers() -> None:
    servers = (server("n1"), server("n2", "z2"), server("n3", "z2"))

    def tick(number: int, at: float) -> Frame:
        samples = {
            "n1": sample(at, t1={40000: at}, t1002={40000: 10 * at, 40001: 10e3 * at}),
            "n2": sample(at, t1002={40000: 90 * at, 40001: 900e3 * at}),
        }
        return frame(number, samples, servers)

    last = (await play([tick(1, 1.0), tick(2, 2.0)]))[-1]
    assert last.value(Subject(tenant="shop"), "select_rate") == pytest.approx(100)
    assert last.value(Subject(tenant="shop"), "select_rt") == pytest.approx(0.0091)  # no mean of 1 and 10 ms
    assert last.value(Subject(tenant="sys"), "select_rate") == pytest.approx(1)
    assert Subject(tenant="shop").title == "shop"


async def test_figures_come_in_a_fixed_order_and_only_of_who_answered() -> None:
    servers = (server("n1"), server("n2", "z2"))
    both = {"n1": sample(1.0, t1={}, t1002={}), "n2": sample(1.0, t1={})}
    whole, part = await play([frame(1, both, servers), frame(2, {"n2": sample(2.0, t1={})}, servers)])
    assert list(whole.values) == [
        Subject(), Subject("z1"), Subject("z2"), Subject(tenant="sys"), Subject(tenant="shop"),
        Subject("z1", "n1"), Subject("z2", "n2"),
        Subject("z1", "n1", "sys"), Subject("z1", "n1", "shop"), Subject("z2", "n2", "sys"),
    ]  # fmt: skip
    assert set(whole.values) - set(part.values) == {
        Subject("z1"), Subject(tenant="shop"), Subject("z1", "n1"),
        Subject("z1", "n1", "sys"), Subject("z1", "n1", "shop"),
    }  # fmt: skip
    assert isinstance(whole.values, Table)
    assert isinstance(part.values, Table)
    assert part.values.index is whole.values.index  # nothing is worked out anew for a server that is late
    assert part.values.get(Subject("z1", "n1")) is None
    assert math.isnan(part.value(Subject("z1", "n1"), "sessions"))

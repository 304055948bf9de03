"""Anomalies on servers that nobody named: they were discovered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LiveLab
from sick import in_phase

from distdiag_tui.anomalies.dose import Dose
from distdiag_tui.anomalies.injection import Injections
from distdiag_tui.cli.injecting import show_plan
from distdiag_tui.model.errors import ConfigError, RefusedError, UnseenError
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Server, Status
from distdiag_tui.service.anomalies import Anomalies
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim

PROXY = Target("shop", (Endpoint("10.9.9.9", 2883),), "root@sys#shop", allow_anomalies=True)
NAMED = Target("shop", (Endpoint("10.0.0.1", 2881, "ob1"),), "root@sys", allow_anomalies=True)


def discovered(*addresses: str) -> list[Server]:
    return [Server(each, each, "zone1", Status.UP) for each in addresses]


def service(target: Target, folder: Path) -> Anomalies:
    return Anomalies(target, Injections(folder / "injections"))


async def test_one_that_was_not_named_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Sim(Shape(servers=3, tenants=1), seed=1) as sim:
        first, second, _ = sim.servers
        given = replace(sim.target(server=first), cluster="shop", allow_anomalies=True)
        there = service(given, tmp_path)
        address = sim.endpoint(second).address
        await show_plan(there, [Dose("slow_sql", address)], as_json=False)
        assert f"slow_sql→{address} medium" in capsys.readouterr().out
        with pytest.raises(ConfigError, match=f"no server 'ob9' in shop; there are: .*{address}"):
            await show_plan(there, [Dose("slow_sql", "ob9")], as_json=False)


async def test_nobody_is_asked_where_nothing_may_be_injected(tmp_path: Path) -> None:
    forbidden = Target("shop", (Endpoint("127.0.0.1", 1),))
    with pytest.raises(RefusedError, match="allow_anomalies"):
        await show_plan(service(forbidden, tmp_path), [Dose("slow_sql", "ob2")], as_json=False)
    silent = Target("shop", (Endpoint("127.0.0.1", 1),), allow_anomalies=True)
    with pytest.raises(UnseenError):
        await show_plan(service(silent, tmp_path), [Dose("slow_sql", "ob2")], as_json=False)


def taken(there: Anomalies) -> Sequence[str]:
    return list(there.servers)


def test_named_servers_come_first_and_once(tmp_path: Path) -> None:
    there = service(NAMED, tmp_path)
    there.meet(discovered("10.0.0.3:2881", "10.0.0.1:2881", "10.0.0.2:2881"))
    assert taken(there) == ["ob1", "10.0.0.3:2881", "10.0.0.2:2881"]
    there.meet(discovered("10.0.0.1:2881", "10.0.0.2:2881"))
    assert taken(there) == ["ob1", "10.0.0.2:2881"]
    with pytest.raises(ConfigError, match="on which server"):
        there.check([Dose("slow_sql")])


def test_behind_an_obproxy_the_servers_themselves_are_meant(tmp_path: Path) -> None:
    there = service(PROXY, tmp_path)
    assert taken(there) == ["10.9.9.9:2883"]
    there.meet(discovered("10.0.0.1:2881"))
    assert taken(there) == ["10.0.0.1:2881"]
    (record,) = there.check([Dose("slow_sql")])
    assert record.address == "10.0.0.1:2881"
    assert PROXY.at(there.servers["10.0.0.1:2881"]).user == "root@sys"
    assert PROXY.at(PROXY.endpoints[0]).user == "root@sys#shop"


async def test_it_is_made_and_undone_there(lab: LiveLab, tmp_path: Path) -> None:
    first, second, _ = lab.target.endpoints
    target = Target("shop", (first,), lab.target.user, lab.target.password, allow_anomalies=True)
    there = service(target, tmp_path)
    there.meet([Server("ob2", second.address, "zone2", Status.UP)])
    (record,) = there.inject([Dose("lock_contention", "ob2", seconds=60)])
    there.release()
    in_phase(there.ledger, record.id, "active")
    later = service(target, tmp_path)  # which has not discovered anything yet
    assert [each.server for each in later.records()] == ["ob2"]
    (ended,) = await later.stop([record.id])
    assert (ended.phase, ended.why) == ("ended", "it was stopped")

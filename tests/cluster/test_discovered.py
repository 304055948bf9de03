"""From the rows of a cluster's views to its layout."""

from __future__ import annotations

from typing import Any

import pytest
from clusterrows import GIB, START, answering, answers, leader, server, tables, unit, usage

from distdiag_tui.model.target import Endpoint
from distdiag_tui.model.topology import Share, Zone
from distdiag_tui.sources.discovery.assembly import assemble
from distdiag_tui.sources.discovery.known import Answers, Given
from distdiag_tui.sources.discovery.parts import LOCATIONS

A, B, C = (f"10.0.0.{host}:2881" for host in (1, 2, 3))


def test_servers_as_their_cluster_keeps_them() -> None:
    known = assemble(answers())
    assert [place.name for place in known.places.values()] == [A, B, C]
    assert [place.endpoint.zone for place in known.places.values()] == ["zone1", "zone2", "zone3"]
    first, second = known.layout.members[A], known.layout.members[B]
    assert (first.state, first.version, first.started) == ("ACTIVE", "4.2.5.0_1", START)
    assert (first.rootserver, second.rootserver) == (True, False)
    assert (first.rpc, first.leaders, second.leaders) == ("10.0.0.1:2882", 3, 1)
    assert first.shares["cpu"] == Share(None, 8.0, 16.0)
    assert first.shares["memory"] == Share(5e9, 16 * GIB, 64 * GIB)
    assert first.shares["log_disk"] == Share(24 * GIB, 48 * GIB, 192 * GIB)
    assert first.shares["data_disk"] == Share(10 * GIB, None, 1000 * GIB)


def test_zones_tenants_and_units() -> None:
    layout = assemble(answers()).layout
    assert layout.zones[0] == Zone("zone1", "ACTIVE", "north", "a")
    sys, meta, shop = layout.tenants
    assert (sys.kind, meta.kind, shop.kind) == ("SYS", "META", "USER")
    assert (shop.role, shop.merge.state, shop.primary_zone) == ("PRIMARY", "IDLE", "zone1")
    assert shop.leaders == {A: 2, B: 1}
    own = next(unit for unit in layout.units if unit.tenant == "shop" and unit.server == B)
    assert (own.zone, own.pool, own.status, own.source) == ("zone2", "pool1", "ACTIVE", "")
    assert own.shares["memory"] == Share(5e9, None, 8 * GIB)
    assert own.shares["log_disk"] == Share(3 * GIB, None, 24 * GIB)
    assert layout.tenant == ""


def test_cpu_is_known_from_the_second_look() -> None:
    first = assemble(answers())
    used = usage(1002, 1, 5e9, 4e6) + usage(1002, 2, 5e9, 0)
    more = answering(tables() | {"usage": used}, at=102.0)
    layout = assemble(more, before=first).layout
    cpu = {unit.server: unit.shares["cpu"].used for unit in layout.units if unit.tenant == "shop"}
    assert cpu == {A: pytest.approx(1.5), B: None, C: None}  # B's total fell: it restarted
    assert layout.members[A].shares["cpu"].used == pytest.approx(1.5)


def test_a_unit_on_its_way_and_one_of_nobody() -> None:
    moving = unit(7, 1002, 3, 3, MIGRATE_FROM_SVR_IP="10.0.0.1", MIGRATE_FROM_SVR_PORT=2882)
    free = unit(8, 0, 2, 2, TENANT_ID=None, RESOURCE_POOL_ID=9)
    first, second = assemble(answers(units=[moving, free])).layout.units
    assert (first.server, first.source) == (C, A)
    assert (second.tenant, second.pool) == ("", "")


def test_the_later_of_two_leaders_leads() -> None:
    known = assemble(answers(leaders=[leader(1002, 1, 1, proposal=4), leader(1002, 1, 2, proposal=5)]))
    assert known.leaders == {(1002, 1): B}
    assert known.layout.members[A].leaders == 0


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"STATUS": "COMPACTING", "IS_ERROR": "NO", "IS_SUSPENDED": "NO"}, "COMPACTING"),
        ({"STATUS": "IDLE", "IS_ERROR": "YES", "IS_SUSPENDED": "NO"}, "ERROR"),
        ({"STATUS": "IDLE", "IS_ERROR": "NO", "IS_SUSPENDED": "YES"}, "SUSPENDED"),
        ({"STATUS": None}, ""),
    ],
)
def test_what_is_wrong_with_a_compaction_comes_first(row: dict[str, object], state: str) -> None:
    known = assemble(answers(compaction=[{"TENANT_ID": 1002, **row}]))
    assert known.layout.tenants[2].merge.state == state


def test_an_account_of_a_tenant_sees_servers_by_its_units() -> None:
    all_of_it = tables()
    parts = {
        "use": [row for row in all_of_it["use"] if row["TENANT_ID"] == 1002],
        "ports": [
            {"SVR_IP": f"10.0.0.{host}", "SVR_PORT": 2882, "SQL_PORT": 3881, "ZONE": f"zone{host}"}
            for host in (1, 2)
        ],
        "tenants": [all_of_it["tenants"][2]],
        "leaders": [{"LS_ID": 1, "SVR_IP": "10.0.0.2", "SVR_PORT": 2882, "ROLE": "LEADER"}],
    }
    known = assemble(
        Answers(parts, dict.fromkeys(parts, "x"), ("no states of zones: no such view",), tenant=1002)
    )
    places = list(known.places.values())
    assert [place.name for place in places] == ["10.0.0.1:3881", "10.0.0.2:3881", "10.0.0.3:2882"]
    assert [place.direct for place in places] == [True, True, False]  # nobody tells the third one's SQL port
    assert known.layout.tenant == "shop"
    assert known.layout.zones == tuple(Zone(f"zone{zone}", region="north") for zone in (1, 2, 3))
    assert known.layout.tenants[0].leaders == {"10.0.0.2:3881": 1}
    assert known.layout.missing == ("no states of zones: no such view",)
    assert {unit.tenant for unit in known.layout.units} == {"shop"}


def test_a_server_that_is_down_stays_though_views_of_those_that_answer_have_no_rows_of_it() -> None:
    use = [row for row in tables()["use"] if row["TENANT_ID"] == 1002]
    located = [{**row, "SQL_PORT": 2881} for row in use]
    before = assemble(answering({"use": use, "ports": located}, tenant=1002))
    assert list(before.layout.members) == [A, B, C]
    alive = {"use": use[:1], "ports": located[:1]}  # as sessions would tell ports
    known = assemble(answering(alive, tenant=1002), before=before)
    assert list(known.places.values()) == list(before.places.values())
    assert list(assemble(answering({}), before=before).places) == list(before.places)
    told = Answers({"use": use[:1], "ports": located[:2]}, {"ports": LOCATIONS}, tenant=1002)
    assert list(assemble(told).layout.members) == [A, B]  # whoever connects only now
    assert list(assemble(told, before=before).layout.members) == [A, B]  # the third one has left
    assert list(assemble(answers(servers=[server(1, 1)]), before=before).layout.members) == [A]


def test_endpoints_that_were_given_keep_their_names_and_ways() -> None:
    tunnel = Endpoint("127.0.0.1", 12881)
    named = Endpoint("10.0.0.2", 2881, "ob2", "east")
    given = Given({("10.0.0.1", 2882): tunnel}, {("10.0.0.2", 2881): named})
    known = assemble(answers(), given)
    assert list(known.layout.members) == ["127.0.0.1:12881", "ob2", C]
    assert known.places["10.0.0.1", 2882].endpoint == Endpoint("127.0.0.1", 12881, "", "zone1")
    assert known.places["10.0.0.2", 2882].endpoint == named


def test_addresses_of_ipv6() -> None:
    rows = [server(1, 1, SVR_IP="FE80:0::1"), server(2, 2, SVR_IP="2001:db8::2")]
    known = assemble(answers(servers=rows, leaders=[{**leader(1002, 1, 1), "SVR_IP": "fe80::1"}]))
    assert [place.name for place in known.places.values()] == ["[fe80::1]:2881", "[2001:db8::2]:2881"]
    assert known.layout.members["[fe80::1]:2881"].rpc == "[fe80::1]:2882"
    assert known.leaders == {(1002, 1): "[fe80::1]:2881"}


def test_rows_that_are_there_twice_are_one() -> None:
    once, twice = tables(), {part: [*rows, *rows] for part, rows in tables().items()}
    assert assemble(answering(twice)).layout == assemble(answering(once)).layout


NULLS: dict[str, Any] = {part: [dict.fromkeys(rows[0])] for part, rows in tables().items()}
GARBAGE = ("x", "", -1, 2**64, float("nan"), b"\xff", "\x1b[2J𝄞")


@pytest.mark.parametrize("part", NULLS)
def test_nulls_cost_only_themselves(part: str) -> None:
    rows = tables()[part]
    assert set(assemble(answering(tables() | {part: [*NULLS[part], *rows]})).layout.members) == {A, B, C}
    assemble(answering(tables() | {part: NULLS[part]}))
    assemble(answering(tables() | {part: []}))


@pytest.mark.parametrize("value", GARBAGE)
def test_values_of_garbage_do_no_harm(value: object) -> None:
    for part, rows in tables().items():
        for column in rows[0]:
            assemble(answering(tables() | {part: [{**rows[0], column: value}, *rows[1:]]}))


def test_a_cluster_that_tells_nothing_is_empty() -> None:
    known = assemble(Answers({}))
    assert known.places == {}
    assert known.layout.members == {}

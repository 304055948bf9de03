"""What a scrape gets."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import pytest
from conftest import LiveLab, run
from told import SHOP, SYS, Ticks, promtool, up

from distdiag_tui.engine import Engine
from distdiag_tui.model.findings import Diagnosis, Finding
from distdiag_tui.model.metrics import CATALOGUE, COLUMNS
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Status, Tenant
from distdiag_tui.prometheus.exposition import exposition
from distdiag_tui.prometheus.families import Family, Limits, derived_name, families, sum_name
from distdiag_tui.prometheus.names import BY_COLUMN, SERIES
from distdiag_tui.prometheus.status import WriteStatus
from distdiag_tui.sources.live import LiveSource

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def told(found: list[Family], name: str) -> dict[tuple[str, ...], float]:
    """Values of a family by labels; empty without the family."""
    return next((dict(family.rows) for family in found if family.name == name), {})


async def live(lab: LiveLab) -> Snapshot:
    engine = Engine(LiveSource(lab.target, 0.2), "lab")
    async with aclosing(engine.snapshots()) as snapshots:
        async for snapshot in snapshots:
            if any(len(subject.tenant) and value[0] > 0 for subject, value in snapshot.values.items()):
                return snapshot
    raise AssertionError("no figures")


def test_promtool_finds_no_fault_with_a_real_servers_figures(lab: LiveLab) -> None:
    snapshot = run(live(lab))
    body, kind = exposition(snapshot, writing=WriteStatus())
    promtool(body)
    assert kind.startswith("text/plain; version=0.0.4")
    text = body.decode()
    server = snapshot.servers[0]
    labels = f'cluster="lab",server="{server.name}",tenant="{server.tenants[0].name}",zone="{server.zone}"'
    assert f"\noceanbase_sql_select_total{{{labels}}} " in text
    assert f"\noceanbase_memory_limit_bytes{{{labels}}} " in text
    assert f'distdiag_server_up{{cluster="lab",server="{server.name}",zone="{server.zone}"}} 1.0' in text
    assert "distdiag_remote_write_queued_ticks 0.0" in text


def test_every_metric_of_the_catalogue_is_told() -> None:
    names = [series.name for series in SERIES]
    for metric in CATALOGUE:
        name = derived_name(metric) or sum_name(metric)
        names += [name] if name else []
        assert name or BY_COLUMN[metric.over[0]].name
    assert len(set(names)) == len(names)
    ticks = Ticks()
    ticks.next()
    found = {family.name for family in families(ticks.next())}
    assert found >= set(names)
    assert {series.column for series in SERIES} == set(COLUMNS)
    assert not [series.name for series in SERIES if "Raw column" in series.about]


def test_parts_add_up_and_wholes_stand_beside_them() -> None:
    unnamed = Tenant(1001, "")
    ticks = Ticks(up("n1", SYS, SHOP, unnamed), start=1.7e9 + 100)
    ticks.next()
    snapshot = ticks.next()
    found = families(snapshot)
    selects = told(found, "oceanbase_sql_select_total")
    assert {labels[3]: value for labels, value in selects.items()} == {
        "sys": 1010, "shop": 1010, "#1001": 1010,
    }  # fmt: skip
    assert told(found, "oceanbase_statements_total")["told", "z1", "n1", "sys"] == 6 * 1010
    seconds = told(found, "oceanbase_sql_select_seconds_total")
    assert seconds["told", "z1", "n1", "sys"] == pytest.approx(1010e-6)
    assert told(found, "oceanbase_cpu_limit_cores")["told", "z1", "n1", "sys"] == 40000
    means = told(found, "oceanbase_select_mean_seconds")
    assert {labels[3] for labels in means} == {"", "sys", "shop"}
    assert list(means.values()) == pytest.approx([1e-6] * 3)
    assert told(found, "oceanbase_memory_ratio")["told", "z1", "n1", ""] == pytest.approx(1.0)


def test_no_counter_falls_when_a_tenant_gets_its_name_or_is_gone() -> None:
    new, old = Tenant(1003, ""), Tenant(1005, "")
    ticks = Ticks(up("n1", SYS, Tenant(0, ""), new, old), start=1.7e9 + 100)
    before = told(families(ticks.next()), "oceanbase_sql_select_total")
    ticks.servers[0] = up("n1", SYS, Tenant(0, ""), replace(new, name="shop"))
    after = told(families(ticks.next()), "oceanbase_sql_select_total")
    assert [labels[3] for labels in before] == ["sys", "", "#1003", "#1005"]
    assert {labels[3] for labels in after} == {"sys", "", "shop"}
    assert all(after[labels] > value for labels, value in before.items() if labels in after)


def test_too_many_tenants_and_servers_are_counted() -> None:
    tenants = [Tenant(1002 + 2 * number, f"t{number}") for number in range(30)]
    ticks = Ticks(*(up(f"n{number}", *tenants) for number in range(5)), start=1.7e9 + 1)
    found = families(ticks.next(), Limits(servers=2, tenants=3))
    memory = told(found, "oceanbase_memory_used_bytes")
    assert len(memory) == 2 * 3
    assert sum(memory.values()) == 2 * 3 * 4e6
    assert told(found, "distdiag_left_out") == {("told", "server"): 3, ("told", "tenant"): 2 * 27}
    assert len(told(found, "distdiag_server_up")) == 2


def test_a_server_that_is_down_has_no_figures_and_says_so() -> None:
    ticks = Ticks()
    ticks.next()
    ticks.servers[1] = up("n2", status=Status.UNREACHABLE)
    found = families(ticks.next())
    assert {labels[2] for labels in told(found, "oceanbase_sql_select_total")} == {"n1"}
    assert told(found, "distdiag_server_up") == {("told", "z1", "n1"): 1.0, ("told", "z1", "n2"): 0.0}
    assert told(found, "distdiag_server_status")["told", "z1", "n2", "unreachable"] == 1.0


def test_names_that_servers_give_do_no_harm() -> None:
    ticks = Ticks(
        up(
            "n1",
            Tenant(1002, 'a"b\n\\'),
            Tenant(1004, "a\x00b"),
            Tenant(1006, "a\x01b"),
            Tenant(1, "é\ud800"),
        )
    )
    ticks.next()
    snapshot = ticks.next()
    body, _ = exposition(snapshot)
    promtool(body)
    assert b'tenant="a\\"b \\\\"' in body
    assert exposition(snapshot, OPEN_METRICS)[0].endswith(b"# EOF\n")


def test_findings_are_told_by_server_and_cause() -> None:
    finding = Finding("n2", "z1", "cpu_stress", 1, 0.83, calibrated=True, since=1.7e9, strength=4.0)
    diagnosis = Diagnosis(1.7e9, (finding,), scores={"n2": 4.0}, warm=1.0)
    found = families(replace(Ticks().next(), diagnosis=diagnosis))
    key = ("told", "z1", "n2", "cpu_stress")
    assert told(found, "distdiag_finding") == {key: 0.83}
    assert told(found, "distdiag_finding_onset_timestamp_seconds") == {key: 1.7e9}
    assert told(found, "distdiag_server_score") == {key[:3]: 4.0}
    assert told(found, "distdiag_judge_info") == {("told", "rules"): 1.0}
    found = families(replace(Ticks().next(), diagnosis=replace(diagnosis, model="shop-3")))
    assert told(found, "distdiag_judge_info") == {("told", "shop-3"): 1.0}

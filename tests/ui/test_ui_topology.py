"""The topology of a full cluster: what is folded away, search, orders, and what the cluster tells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staged import (
    NARROW,
    WIDE,
    Stage,
    burst,
    console_of,
    on_main,
    press,
    resized,
    row_with,
    rows_of,
    settled,
    text_of,
)
from staged_cluster import StagedCluster, eventful, sick_cluster
from staged_incidents import incident
from textual.pilot import Pilot

from distdiag_tui.model.topology import Happening, Layout, Merge, Status, Subject
from distdiag_tui.ui.inside import InsideScreen
from distdiag_tui.ui.order import BY_ZONE, Order, Sorter, figures_of
from distdiag_tui.ui.picker import MetricPicker
from distdiag_tui.ui.standing import standings

both_sizes = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
GONE, SLOW, LEAVING, HOT = (f"observer-{number:03}" for number in (5, 11, 14, 21))


def selected(pilot: Pilot[None]) -> Subject:
    return console_of(pilot).scene.subject


def servers_shown(pilot: Pilot[None]) -> list[str]:
    """Names of servers in the rows of the topology, top to bottom."""
    rows = [row.replace("…", " ")[:40].split() for row in rows_of(pilot)[1:]]
    return [word for row in rows for word in row if word.startswith("observer-")]


# -- what is folded away ----------------------------------------------------------------------------------


@both_sizes
async def test_zones_in_which_all_is_well_are_one_line(size: tuple[int, int]) -> None:
    async with StagedCluster(30).console(size, past=3) as pilot:
        assert "▸ zone1  10" in text_of(pilot)
        assert "observer" not in text_of(pilot)
        assert "k/s" in row_with(pilot, "▸ zone1")
        await press(pilot, "down", "down", "right")
        assert "▾ zone1  10" in text_of(pilot)
        assert "● observer-001" in text_of(pilot)
        await press(pilot, "left")
        assert "observer" not in text_of(pilot)


@both_sizes
async def test_of_other_zones_only_what_is_not_well_is_listed(size: tuple[int, int]) -> None:
    stage = sick_cluster()
    async with stage.console(size, past=3) as pilot:
        assert servers_shown(pilot) == [GONE, SLOW, LEAVING]
        assert "▾ zone2  10 ✖3" in text_of(pilot)
        assert "unreachable 42s" in row_with(pilot, GONE + "  ")
        assert "DELETING" in row_with(pilot, LEAVING)
        await press(pilot, "n")
        stage.change(GONE, status=Status.UP, age=0.1)
        stage.keeps(GONE, state="ACTIVE")
        await stage.shown(pilot)
        assert selected(pilot).server == GONE
        assert servers_shown(pilot) == [GONE, SLOW, LEAVING], "what is selected stays where it is"
        await press(pilot, "down", "down", "down")
        await stage.shown(pilot)
        assert servers_shown(pilot) == [SLOW, LEAVING]
        assert "▸ 8 more, all well" in text_of(pilot)
        await press(pilot, "right")
        assert "all well" not in text_of(pilot)
        assert "observer-002" in text_of(pilot)


async def test_an_incident_and_a_stopped_server_are_not_folded_away() -> None:
    stage = StagedCluster(30)
    stage.incidents.put(incident("cpu_hog_sql", HOT, zone="zone3"))
    stage.keeps(SLOW, stopped=True)
    async with stage.console(past=3) as pilot:
        assert "▲ observer-021" in text_of(pilot)
        assert "STOPPED" in row_with(pilot, SLOW)
        assert "▾ zone3  10 ▲1" in text_of(pilot)
        await press(pilot, "exclamation_mark")
        assert selected(pilot) == Subject("zone3", HOT)


# -- search -----------------------------------------------------------------------------------------------


async def test_n_goes_to_the_next_that_is_not_well_and_around() -> None:
    async with sick_cluster().console(NARROW, past=3) as pilot:
        for key, name in [("n", GONE), ("n", SLOW), ("n", LEAVING), ("n", GONE), ("N", LEAVING)]:
            await press(pilot, key)
            assert selected(pilot).server == name


async def test_n_goes_to_the_next_match_of_a_search() -> None:
    async with StagedCluster(300).console(NARROW, past=1) as pilot:
        await press(pilot, "slash", *"-27")
        assert servers_shown(pilot)[0].startswith("observer-27")
        await press(pilot, "enter", "n")
        first = selected(pilot).server
        await press(pilot, "n", "n")
        assert selected(pilot).server.startswith("observer-27")
        await press(pilot, "N", "N")
        assert selected(pilot).server == first
        await press(pilot, "escape")
        assert console_of(pilot).main.topology.filter_text == ""
        assert selected(pilot).server == first
        assert first in text_of(pilot)


# -- orders -----------------------------------------------------------------------------------------------


@both_sizes
async def test_servers_by_any_metric(size: tuple[int, int]) -> None:
    stage = sick_cluster()
    async with stage.console(size, past=3) as pilot:
        await press(pilot, "s")
        assert isinstance(pilot.app.screen, MetricPicker)
        await press(pilot, *"cpu")
        assert HOT in row_with(pilot, "Sessions and CPU")
        await press(pilot, "enter")
        assert on_main(pilot)
        assert "Topology · CPU ↓" in text_of(pilot)
        assert servers_shown(pilot)[0] == HOT
        assert "zone1" not in text_of(pilot)
        assert "%" in row_with(pilot, f"● {HOT}")
        await press(pilot, "S")
        assert "Topology · CPU ↑" in text_of(pilot)
        assert HOT not in servers_shown(pilot)
        await press(pilot, "s", *"by zone", "enter")
        assert "▸ zone1" in text_of(pilot)
        assert console_of(pilot).main.topology.order == BY_ZONE


async def test_the_worst_first_whatever_their_zones() -> None:
    stage = sick_cluster()
    stage.incidents.put(incident("cpu_hog_sql", HOT, zone="zone3"))
    async with stage.console(NARROW, past=3) as pilot:
        await press(pilot, "s", *"worst", "enter")
        assert "Topology · worst first" in text_of(pilot)
        assert servers_shown(pilot)[:4] == [HOT, GONE, SLOW, LEAVING]


async def test_a_pick_that_is_not_made_changes_nothing() -> None:
    async with sick_cluster().console(past=3) as pilot:
        await press(pilot, "s", *"no such thing", "enter")
        assert on_main(pilot)
        await press(pilot, "s", "down", "down", "escape")
        assert console_of(pilot).main.topology.order == BY_ZONE
        await burst(pilot, "s", *"log sync", "enter")
        await settled(pilot)
        assert console_of(pilot).main.topology.order.by == "log_sync_rt"
        await burst(pilot, "s", *"qps", "enter", "enter")
        assert console_of(pilot).main.topology.order.by == "qps"
        assert pilot.app._exception is None


async def test_rows_keep_their_places_for_a_few_ticks() -> None:
    stage = StagedCluster(30)
    await stage.tick(3)
    before, sorter, order = stage.latest, Sorter(), Order("cpu_percent")
    ranked = sorter.sort(before, list(before.servers), order, {})
    figures = figures_of(before, ranked, "cpu_percent")
    assert figures == sorted(figures, reverse=True)
    stage.hot(ranked[-1].name, 140013, 9.0)
    await stage.tick()
    assert sorter.sort(stage.latest, list(stage.latest.servers), order, {}) == ranked
    await stage.tick(5)
    assert sorter.sort(stage.latest, list(stage.latest.servers), order, {})[0] == ranked[-1]
    await stage.feed.stop()


async def test_without_a_figure_a_server_comes_last_in_both_directions() -> None:
    stage = sick_cluster()
    await stage.tick(3)
    for order in (Order("qps"), Order("qps", turned=True)):
        assert Sorter().sort(stage.latest, list(stage.latest.servers), order, {})[-1].name == GONE
    await stage.feed.stop()


# -- what the cluster tells -------------------------------------------------------------------------------


@both_sizes
async def test_below_the_rows_stands_what_a_server_is(size: tuple[int, int]) -> None:
    async with sick_cluster().console(size, past=3) as pilot:
        await press(pilot, "n", "n", "n")
        for words in ("up, DELETING", "4.2.5.1-101000092024", "184 ms ahead", "10.0.2.5:2881", "3d03h ago"):
            assert words in text_of(pilot)
        assert "4.60 of 16" in text_of(pilot)
        assert "███▒" in row_with(pilot, "log disk")


@both_sizes
async def test_all_of_a_server_behind_one_key(size: tuple[int, int]) -> None:
    async with sick_cluster().console(size, past=3) as pilot:
        await press(pilot, "exclamation_mark", "i")
        assert isinstance(pilot.app.screen, InsideScreen)
        for words in (
            "INACTIVE",
            "connection refused",
            "Units",
            "crm",
            "61 %" if size == NARROW else "18.0 GB",
        ):
            assert words in text_of(pilot)
        await press(pilot, "escape")
        assert on_main(pilot)


async def test_the_whole_cluster_a_zone_and_a_tenant_behind_the_same_key() -> None:
    stage = sick_cluster()
    assert stage.layout is not None
    stage.layout = replace(stage.layout, missing=("units: no privilege on oceanbase.DBA_OB_UNITS",))
    async with stage.console(past=3) as pilot:
        await press(pilot, "i")
        for words in (
            "hangzhou",
            "zone1;zone2,zone3",
            "STANDBY",
            "COMPACTING",
            "not seen: units: no privilege",
        ):
            assert words in text_of(pilot)
        await press(pilot, "escape", "down", "right", "down", "down", "i")
        for words in ("PRIMARY, user tenant", "42 on 21 servers", "Leaders", "locality"):
            assert words in text_of(pilot)
        await press(pilot, "i", "end", "i")
        assert selected(pilot) == Subject("zone3")
        for words in ("zone  ", "shenzhen", "observer-003", "rootserver"):
            assert words in text_of(pilot)
        await press(pilot, "end", "home", "down", "up", "pagedown", "pageup", "enter")
        assert on_main(pilot)


async def test_tenants_of_the_cluster_are_a_branch() -> None:
    stage = StagedCluster(30)
    assert stage.layout is not None
    stage.layout = replace(
        stage.layout,
        tenants=tuple(
            replace(each, merge=Merge("ERROR")) if each.name == "shop" else each
            for each in stage.layout.tenants
        ),
    )
    async with stage.console(past=3) as pilot:
        assert "▸ tenants  4" in text_of(pilot)
        await press(pilot, "down", "right", "down", "down")
        assert selected(pilot) == Subject(tenant="shop")
        assert "MERGE ✖" in row_with(pilot, "shop   ")
        assert "k/s" in row_with(pilot, "shop   ")
        assert "shop · 1 min" in text_of(pilot)
        assert "crm  standby" in text_of(pilot)
        await press(pilot, "left", "left")
        assert "crm" not in text_of(pilot)


async def test_a_stopped_zone_says_so() -> None:
    stage = StagedCluster(30)
    assert stage.layout is not None
    zones = tuple(
        replace(zone, status="INACTIVE") if zone.name == "zone2" else zone for zone in stage.layout.zones
    )
    stage.layout = replace(stage.layout, zones=zones)
    async with stage.console(past=3) as pilot:
        assert "INACTIVE" in row_with(pilot, "zone2")
        assert "INACTIVE" not in row_with(pilot, "zone1")


@both_sizes
async def test_a_cluster_that_tells_nothing_looks_as_before(size: tuple[int, int]) -> None:
    async with Stage().console(size, past=3) as pilot:
        bar = rows_of(pilot)[-1]
        assert "v heat map" in bar
        assert "events" not in bar
        assert "details" not in bar
        assert "tenants" not in text_of(pilot)
        await press(pilot, "i")
        assert "tell nothing of a cluster" in text_of(pilot)
        await press(pilot, "escape", "e")
        assert "nothing has happened" in text_of(pilot)


async def test_the_keys_appear_with_the_layout() -> None:
    stage = StagedCluster(6)
    told, stage.layout = stage.layout, None
    async with stage.console(past=3) as pilot:
        assert "e events" not in rows_of(pilot)[-1]
        stage.layout = told
        await stage.shown(pilot)
        assert "i details  e events" in rows_of(pilot)[-1]


# -- events -----------------------------------------------------------------------------------------------


@both_sizes
async def test_events_are_listed_the_newest_first(size: tuple[int, int]) -> None:
    stage = StagedCluster(30)
    async with stage.console(size, past=5) as pilot:
        eventful(stage)
        await stage.shown(pilot, 3)
        await press(pilot, "e")
        rows = [row for row in rows_of(pilot) if "22:13:25" in row]
        assert "◆" in rows[0]
        assert "zone2 was stopped" in rows[0]
        assert "⇄" in rows[2]
        assert "zone state, seen by the console" in text_of(pilot)
        await press(pilot, "down", "down")
        assert "leader moved, seen by the console" in text_of(pilot)
        await press(pilot, "enter")
        assert on_main(pilot)
        assert selected(pilot) == Subject("zone2", "observer-002")
        await press(pilot, "e", "tab")
        assert "of the last hour · observer-002" in text_of(pilot)
        await press(pilot, "escape", "home", "down", "down", "e", "tab")
        assert "nothing has happened" in text_of(pilot), "zone1 had no part in it"


async def test_from_an_event_to_what_it_concerns_whatever_hides_that() -> None:
    stage = StagedCluster(30)
    unit, tenant = Subject("zone2", "observer-002", "crm"), Subject(tenant="shop")
    async with stage.console(past=3) as pilot:
        for subject in (unit, tenant):
            stage.happens(Happening.LEADER_MOVED, "leaders moved", subject)
            await stage.shown(pilot)
            for keys in ("", "slash x y z enter", "home left"):  # a filter, a closed cluster
                await press(pilot, *keys.split(), "e", "enter")
                assert on_main(pilot)
                assert selected(pilot) == subject
                assert "▸" not in row_with(pilot, f" {subject.tenant} ")
        topology = console_of(pilot).main.topology
        assert topology._rows[topology._chosen].subject == tenant
        stage.happens(Happening.UNIT_MIGRATED, "unit moved", replace(unit, tenant="gone"))
        await stage.shown(pilot)
        await press(pilot, "e", "enter")
        assert selected(pilot) == tenant
        assert "observer-002 / gone is in no row" in rows_of(pilot)[0]


async def test_events_are_marks_on_the_time_axis_of_what_they_concern() -> None:
    stage = StagedCluster(30)
    async with stage.console(past=5) as pilot:
        eventful(stage)
        await stage.shown(pilot, 20)
        assert "─◆─" in row_with(pilot, "SQL ─")
        await press(pilot, "2", "enter")
        assert "◆ zone2 was stopped" in text_of(pilot)
        await press(pilot, "escape", "1", "down", "down")
        assert selected(pilot) == Subject("zone1")
        assert "◆" not in row_with(pilot, "SQL ─")


# -- whatever comes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[@click=app.quit]\x1b[31mred[/]" + "服务器" * 3, ""])
async def test_hostile_text_of_a_cluster_is_only_text(text: str) -> None:
    stage = StagedCluster(6)
    assert stage.layout is not None
    layout: Layout = stage.layout
    first = stage.servers[0]
    stage.keeps(first.name, state=text, version=text)
    stage.layout = replace(
        stage.layout,
        zones=(replace(layout.zones[0], region=text, status=text), *layout.zones[1:]),
        tenants=(replace(layout.tenants[0], name=text, role=text, merge=Merge(text)), *layout.tenants[1:]),
        units=(replace(layout.units[0], tenant=text, status=text, source=text), *layout.units[1:]),
        missing=(text,),
    )
    eventful(stage)
    stage._events = [replace(event, text=text) for event in stage._events]
    async with stage.console(past=3) as pilot:
        for keys in ("right down right", "i", "escape e", "down tab", "escape end i", "escape v", "escape"):
            await press(pilot, *keys.split())
            await stage.shown(pilot)
            for strip in pilot.app.screen._compositor.render_strips():
                assert strip.cell_length == 160
                assert "\x1b" not in strip.text
                assert not any(s.style and (s.style.link or s.style.meta) for s in strip)
        assert pilot.app.is_running


@pytest.mark.parametrize("where", ["", "s", "v", "e", "i"])
async def test_any_size(where: str) -> None:
    stage = sick_cluster()
    eventful(stage)
    async with stage.console(past=2) as pilot:
        await press(pilot, *where.split())
        for size in ((300, 100), (40, 10), (24, 8), (20, 6), (10, 3), (1, 1)):
            await resized(pilot, *size)
            await burst(pilot, "down", "right", "n", "pageup", "end")
            await stage.shown(pilot)
            assert pilot.app._exception is None
            assert len(rows_of(pilot)) == size[1]


@both_sizes
@pytest.mark.parametrize("keys", ["v", "e", "i", "2 enter", "d v"])
async def test_what_goes_wrong_is_told_on_every_screen(size: tuple[int, int], keys: str) -> None:
    async with sick_cluster().console(size, past=2) as pilot:
        await press(pilot, *keys.split())
        assert not on_main(pilot)
        console_of(pilot).tell("it is [not] written", bad=True)
        await settled(pilot)
        assert "it is [not] written" in rows_of(pilot)[-2]


async def test_before_the_first_snapshot_nothing_can_be_looked_into() -> None:
    async with StagedCluster(3).console(past=0) as pilot:
        await press(pilot, "s", "v", "i", "e", "n", "N", "S")
        assert on_main(pilot)
        assert standings(console_of(pilot).scene) == {}

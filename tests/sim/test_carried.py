"""What the stand-in carries is what the reference says."""

from __future__ import annotations

from typing import Final

import pytest
from carried import FILES, FOLDER, VERSIONS
from facts import facts

from distdiag_tui.model.metrics import STAT_IDS
from distdiag_tui.sim import changes
from distdiag_tui.sim.definitions import VERSIONS as CARRIED
from distdiag_tui.sim.definitions import definitions, statistics
from distdiag_tui.sim.load import Load, Symptom
from distdiag_tui.sim.rows import MAKERS, rows_of
from distdiag_tui.sim.rows.ask import Ask
from distdiag_tui.sim.rows.schema import DEFINITIONS
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sqlengine import duck_type
from distdiag_tui.sim.world import World

BEGIN: Final = 1_800_000_000.0


@pytest.mark.parametrize("name", FILES)
def test_the_files_were_made_of_the_reference_as_it_is(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == FILES[name]()


@pytest.mark.parametrize(("short", "full"), zip(CARRIED, VERSIONS.values(), strict=True))
def test_every_view_is_there_with_its_columns_and_types(short: str, full: str) -> None:
    known = facts(f"views/ob-{full}.json")
    carried = definitions(short)
    assert {
        name: [f"{column} {kind}" for column, kind in each.columns.items()] for name, each in carried.items()
    } == known["views"]
    assert {name for name, each in carried.items() if each.sys_only} == set(known["sys_only"])
    assert all(duck_type(kind) for each in carried.values() for kind in each.columns.values())


@pytest.mark.parametrize("version", CARRIED)
def test_rows_are_made_for_views_that_there_are_and_statistics_that_the_console_reads(version: str) -> None:
    absent = set(MAKERS) - set(DEFINITIONS) - set(definitions(version))
    assert absent == ({"CDB_WR_SYSTEM_EVENT"} if version in ("4.2.1", "4.3.3") else set())
    missing = set(STAT_IDS) - {each.id for each in statistics(version)}
    assert missing <= {"4.2.1": {40119, 140018}, "4.2.5": {140018}}.get(version, set())


def test_no_column_that_is_filled_is_misspelt() -> None:
    world = World(Shape(servers=3), BEGIN)
    changes.stop_zone(world, world.zones[1], BEGIN)
    load = Load(world, 1)
    load.add(Symptom("locks", 0, 5.0, 9.0))
    load.advance(BEGIN + 2.0)
    known = [definitions(version) for version in CARRIED] + [DEFINITIONS]
    for view in MAKERS:
        tenant = world.tenants[2 if view in DEFINITIONS else 0]
        filled = rows_of(view, Ask(world, load, "4.2.5", BEGIN + 2.0, tenant, world.servers[0]))
        assert filled, view
        assert set(filled) <= {column for each in known if view in each for column in each[view].columns}, (
            view
        )

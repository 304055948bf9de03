"""What may be asked for, and what is refused: sizes, safety, wrong wishes, trouble with servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LiveLab, run
from live_load import drop_load, finished, load_of, make_ready, nodes_of, one_node, served, sql

from distdiag_tui.model.errors import ConfigError, ConnectError, RefusedError, WorkloadError
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.service.workloads import Wish, Workloads
from distdiag_tui.workloads.database import Database
from distdiag_tui.workloads.journal import Journal
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value
from distdiag_tui.workloads.protocol import Step

SMALL: dict[str, Value] = {"tables": 1, "rows": 200}
PREPARE: tuple[Step, ...] = ("prepare",)
RUN: tuple[Step, ...] = ("run",)
VERIFY: tuple[Step, ...] = ("verify",)


@pytest.fixture(scope="module")
def node(lab: LiveLab) -> Iterator[Target]:
    """One node of the lab, without the load's database afterwards."""
    target = one_node(lab.target)
    yield target
    run(drop_load(target))


@pytest.fixture
async def asked(node: Target, tmp_path: Path) -> AsyncIterator[Workloads]:
    async with served(node, tmp_path / "runs") as workloads:
        yield workloads


@pytest.fixture
async def bare(asked: Workloads) -> Workloads:
    """Without data."""
    await drop_load(asked.target)
    return asked


@pytest.fixture
async def ready(asked: Workloads) -> Workloads:
    """With data of the usual sizes."""
    await make_ready(asked, SMALL)
    return asked


async def rows(target: Target) -> int:
    [(count,)] = await sql(target, target.endpoints[0], "SELECT COUNT(*) FROM distdiag_load.oltp1")
    return int(count)


async def test_nothing_runs_without_data(bare: Workloads) -> None:
    line = "oltp is not prepared on lab; first: distdiag workload prepare oltp lab"
    for steps in (RUN, VERIFY):
        with pytest.raises(WorkloadError, match=line):
            await bare.start(Wish("oltp", steps))
    assert bare.runs() == []


async def test_every_step_may_be_asked_for_at_once(bare: Workloads) -> None:
    steps: tuple[Step, ...] = ("prepare", "run", "verify", "cleanup")
    process = await bare.start(Wish("oltp", steps, SMALL | {"time": 0.3}))
    record = await finished(process)
    assert (record.phase, record.words) == ("done", "dropped")
    assert record.report is not None
    assert record.report.total
    assert [check.passed for check in process.checks] == [True]
    assert await bare.prepared(find_kind("oltp")) is None


async def test_a_run_takes_its_sizes_from_the_data(ready: Workloads) -> None:
    for given in ({}, {"rows": "200"}, {"rows": None}):
        record = await finished(await ready.start(Wish("oltp", RUN, {"time": 0.1, **given})))
        assert {name: record.options[name] for name in SMALL} == SMALL
    wrong = "oltp is prepared with tables 1, rows 200, not rows 300; to change that: .* oltp lab --rows 300"
    with pytest.raises(WorkloadError, match=wrong):
        await ready.start(Wish("oltp", RUN, {"rows": 300}))


async def test_prepare_brings_the_data_to_new_sizes_and_keeps_those_not_given(ready: Workloads) -> None:
    changed = await finished(await ready.start(Wish("oltp", ("prepare", "run"), {"rows": 300, "time": 0.1})))
    assert (changed.phase, changed.options["tables"], changed.options["rows"]) == ("done", 1, 300)
    assert await rows(ready.target) == 300
    kept = await finished(await ready.start(Wish("oltp", PREPARE)))
    assert kept.words == "prepared with tables 1, rows 300"
    assert await rows(ready.target) == 300


async def test_half_prepared_is_told_and_finished_as_it_was_begun(ready: Workloads) -> None:
    node = nodes_of(ready.target)[0]
    await Database("distdiag_load", [node]).note(node, ready="no")
    await sql(ready.target, ready.target.endpoints[0], "DELETE FROM distdiag_load.oltp1 WHERE id > 100")
    for steps in (RUN, VERIFY):
        with pytest.raises(WorkloadError, match="oltp is only half prepared on lab; first: distdiag"):
            await ready.start(Wish("oltp", steps))
    done = await finished(await ready.start(Wish("oltp", PREPARE)))
    assert done.words == "prepared with tables 1, rows 200"
    assert await rows(ready.target) == 200


@pytest.mark.parametrize("step", ["prepare", "run", "cleanup"])
async def test_a_production_cluster_is_spared(node: Target, tmp_path: Path, step: Step) -> None:
    nowhere = replace(node, production=True, endpoints=(Endpoint("127.0.0.1", 1),))  # it is not even asked
    asked = Workloads(nowhere, Journal(tmp_path / "runs"))
    with pytest.raises(RefusedError, match=r"production cluster.*--i-know-this-is-production"):
        await asked.start(Wish("oltp", (step,)))
    assert asked.runs() == []


async def test_who_insists_may_and_to_verify_is_free(ready: Workloads) -> None:
    ready.target = replace(ready.target, production=True)
    assert (await finished(await ready.start(Wish("oltp", PREPARE), insist=True))).phase == "done"
    looked = await finished(await ready.start(Wish("oltp", VERIFY)))
    assert (looked.phase, looked.words) == ("done", "all 1 checks passed")


async def test_a_strangers_database_is_neither_used_nor_dropped(bare: Workloads) -> None:
    endpoint = bare.target.endpoints[0]
    theirs = ("CREATE DATABASE distdiag_load", "CREATE TABLE distdiag_load.pay (a INT)")
    await sql(bare.target, endpoint, *theirs)
    for steps in (PREPARE, RUN, VERIFY):
        with pytest.raises(WorkloadError, match="was not created by distdiag, so it is left alone"):
            await bare.start(Wish("oltp", steps))
    dropped = await finished(await bare.start(Wish("oltp", ("cleanup",))))
    assert dropped.phase == "failed"
    assert "left alone" in dropped.message
    assert await sql(bare.target, endpoint, "SHOW TABLES FROM distdiag_load") == [("pay",)]
    await drop_load(bare.target)


@pytest.mark.parametrize("step", ["prepare", "run", "verify"])
async def test_trouble_with_a_server_is_told_before_anything_starts(
    bare: Workloads, tmp_path: Path, step: Step
) -> None:
    gone = Endpoint("127.0.0.1", 1, "gone")
    for target, words in (
        (replace(bare.target, password=Secret("wrong")), "Access denied"),
        (
            replace(bare.target, endpoints=(*bare.target.endpoints, gone)),
            r"^gone \(127.0.0.1:1\): Can't connect",
        ),
    ):
        asked = Workloads(target, Journal(tmp_path / "runs"))
        with pytest.raises(ConnectError, match=words):
            await asked.start(Wish("oltp", (step,)))
        assert asked.runs() == []


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        (Wish("oltp", RUN, {"colour": "red"}), "there is no option 'colour' here"),
        (Wish("oltp", RUN, {"threads": "many"}), "--threads takes 1 to 1,024, not 'many'"),
        (Wish("nope"), "there is no workload 'nope'"),
    ],
)
async def test_wrong_wishes(asked: Workloads, wish: Wish, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        await asked.start(wish)
    assert asked.runs() == []


async def test_a_bug_in_a_workload_is_told_in_the_record(node: Target, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs")
    load = load_of(node, {}, RUN, "tpcc", journal)
    load.record.options.pop("keying")  # type: ignore[attr-defined]  # a dictionary, and shared with the order
    await load.start()
    assert (await finished(load)).message == "unexpected KeyError: 'keying'"
    assert journal.find("tpcc-test").message == load.record.message
    assert (load.record.phase, load.exit_code) == ("failed", 1)


async def test_options_that_only_the_worker_finds_wrong_are_a_wrong_request(node: Target) -> None:
    load = load_of(node, SMALL, RUN)
    load.record.options["threads"] = 0  # type: ignore[index]  # as above
    await load.start()
    assert "--threads takes 1 to 1,024" in (await finished(load)).message
    assert load.exit_code == ConfigError.exit_code

"""The data of TPC-H on the lab: exact, kept, resumed; and the answers over it, right and wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LiveLab, require_extra, run, temporary_home
from live_load import alive, frozen, load_of, nodes_of, until
from tpch_data import KIND, TINY, Told, contents, on, prepare, right_contents, swept, verify

from distdiag_tui.lab.cluster import Lab
from distdiag_tui.lab.state import lab_target
from distdiag_tui.model.errors import ConnectError, WorkloadError
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.database import Database, Prepared
from distdiag_tui.workloads.tpch import filling, link, parts, verifying
from distdiag_tui.workloads.tpch.duck import Duck
from distdiag_tui.workloads.tpch.folder import private_folder
from distdiag_tui.workloads.tpch.link import Link
from distdiag_tui.workloads.tpch.parts import Part
from distdiag_tui.workloads.tpch.schema import TABLES


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CHUNK_ROWS", 500)


@pytest.fixture(scope="module")
def bare(lab: LiveLab) -> Iterator[Target]:
    """The lab without TPC-H's database, before the first of these tests and after the last."""
    with swept(lab) as target:
        yield target


@pytest.fixture
def one(bare: Target) -> Target:
    """One node, with whatever the test before left there: `prepare` makes it right."""
    return replace(bare, endpoints=bare.endpoints[:1])


async def test_prepare_fills_every_node_exactly_and_again_changes_nothing(bare: Target) -> None:
    told = Told()
    await prepare(bare, told=told)
    for node in range(3):
        assert await contents(bare, node) == right_contents(TINY)
        keys = await on(bare, node, "SELECT table_name, column_name FROM information_schema.key_column_usage "
                        f"WHERE table_schema = '{KIND.database}' AND constraint_name = 'PRIMARY' "
                        "ORDER BY table_name, ordinal_position")  # fmt: skip
        right = sorted((table.name, column) for table in TABLES for column in table.primary)
        assert sorted(key for key in keys if not key[0].startswith("distdiag")) == right
    assert told.fractions == sorted(told.fractions)
    assert 0.97 < told.fractions[-1] < 1
    assert {"generating", "lineitem, n2: 6,005 of 6,005 rows"} <= set(told.words)
    sizes = {"scale": TINY, "indexes": False}
    assert await Database(KIND.database, nodes_of(bare)).prepared() == Prepared(sizes, ready=True)

    await on(bare, 1, "UPDATE lineitem SET l_comment = 'kept' WHERE l_orderkey = 1")
    await prepare(bare)
    assert set(await on(bare, 1, "SELECT l_comment FROM lineitem WHERE l_orderkey = 1")) == {("kept",)}


async def test_what_is_not_whole_is_replaced_and_the_rest_is_kept(one: Target) -> None:
    await prepare(one)
    await on(
        one,
        0,
        "DELETE FROM lineitem WHERE l_orderkey BETWEEN 1000 AND 3000",
        "UPDATE lineitem SET l_comment = 'kept' WHERE l_orderkey = 1",
        "INSERT INTO orders SELECT 9, o_custkey, 'X', 1, o_orderdate, 'x', 'x', 0, 'x' FROM orders LIMIT 1",
        "DELETE FROM region WHERE r_regionkey = 0",
        "DROP TABLE part",
    )
    await prepare(one)
    assert await contents(one, 0) == right_contents(TINY)
    assert set(await on(one, 0, "SELECT l_comment FROM lineitem WHERE l_orderkey = 1")) == {("kept",)}


@pytest.mark.parametrize("until_fraction", [0.05, 0.7])
async def test_cancelled_in_the_middle_and_repeated_it_is_exact(one: Target, until_fraction: float) -> None:
    await prepare(one, 2 * TINY)  # of another scale: what is left of it must not be taken for this one's
    cancelled = asyncio.Event()

    class Cancelling(Told):
        def __call__(self, fraction: float, words: str = "") -> None:
            if fraction >= until_fraction and not cancelled.is_set():
                cancelled.set()
                work.cancel()

    work = asyncio.create_task(prepare(one, told=Cancelling()))
    with pytest.raises(asyncio.CancelledError):
        await work
    prepared = await Database(KIND.database, nodes_of(one)).prepared()
    assert prepared == Prepared({"scale": TINY, "indexes": False}, ready=False)
    await prepare(one)
    assert await contents(one, 0) == right_contents(TINY)


async def test_a_large_scale_comes_in_parts(one: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_SCALE", TINY)
    told = Told()
    values = await prepare(one, 3 * TINY, told)
    assert await contents(one, 0) == right_contents(3 * TINY)
    assert "generating (part 2 of 3)" in told.words
    monkeypatch.setattr(verifying, "_IN_MEMORY", TINY)
    assert [check.passed for check in await verify(one, values)] == [True] * 22


async def test_indexes_come_and_go_without_loading_anew(one: Target) -> None:
    index = "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() " \
        "AND index_name LIKE '%_idx' ORDER BY index_name"  # fmt: skip
    await prepare(one, indexes=True)
    names = [name for (name,) in await on(one, 0, index)]
    assert names == sorted(name for table in TABLES for name in table.indexes)
    assert len(names) == 7
    told = Told()
    await prepare(one, told=told, indexes=False)
    assert await on(one, 0, index) == []
    assert "lineitem, n1: 0 of 6,005 rows" not in told.words


async def test_rows_of_somebody_else_are_told(one: Target) -> None:
    await prepare(one)
    await on(one, 0, "INSERT INTO region VALUES (77, 'ATLANTIS', 'sunk')")
    with pytest.raises(WorkloadError, match=r"^n1 \(.*\): region has 6 rows, not 5"):
        await prepare(one)
    await on(one, 0, "DELETE FROM region WHERE r_regionkey = 77")


async def test_a_disk_too_small_is_told_before(one: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    await prepare(one)
    monkeypatch.setattr(filling, "BYTES_PER_SCALE", 1e18)
    await prepare(one)  # it is all there
    with pytest.raises(
        WorkloadError, match=r"^n1 .*takes about 2000000\.0 GB of its data disk, where \d+\.\d GB"
    ):
        await prepare(one, 2 * TINY)


async def test_text_arrives_whatever_is_in_it(one: Target, tmp_path: Path) -> None:
    await prepare(one)
    texts = [r"it's", r"back\slash", r"\'; DROP TABLE region; --", '"quoted" 100 % {0}', "semi; colon", "\\"]
    duck = Duck(tmp_path)
    part = await Part.make(duck, TINY, 0, 1)
    for number, text in enumerate(texts, 100):
        await duck.rows(f"INSERT INTO region VALUES ({number}, 'x', '{text.replace(chr(39), chr(39) * 2)}')")
    [chunk] = part.slices[0].absent({})
    values = await part.values(replace(chunk, first=100, last=200))
    await duck.close()
    store = Link(nodes_of(one)[0])
    await store.run(f"INSERT INTO region VALUES {values}")
    found = await store.run("SELECT r_comment FROM region WHERE r_regionkey >= 100 ORDER BY r_regionkey")
    await store.run("DELETE FROM region WHERE r_regionkey >= 100")
    store.close()
    assert [comment for (comment,) in found] == texts


async def test_all_answers_are_right_and_a_wrong_row_is_found(one: Target) -> None:
    values = await prepare(one, 0.01)
    told = Told()
    checks = await verify(one, values, told)
    assert [check.name.split()[-1] for check in checks] == [f"q{number:02}" for number in range(1, 23)]
    assert [check for check in checks if not check.passed] == []
    assert checks[0].detail == "4 rows"
    assert checks[5].detail == "1 row"
    assert told.fractions == sorted(told.fractions)

    await on(
        one, 0, "UPDATE lineitem SET l_extendedprice = l_extendedprice + 0.01 WHERE l_orderkey = 1 LIMIT 1"
    )
    await on(one, 0, "DROP TABLE customer")
    wrong = {check.name.split()[-1]: check.detail for check in await verify(one, values) if not check.passed}
    assert set(wrong) == {"q01", "q03", "q05", "q07", "q08", "q10", "q13", "q18", "q22"}
    assert wrong["q01"].startswith("row ")
    assert "customer' doesn't exist" in wrong["q22"]


async def test_a_frozen_server_is_told_in_the_end(
    lab: LiveLab, one: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = await prepare(one)
    monkeypatch.setattr(link, "PATIENCE", 0.5)
    store = Link(nodes_of(one)[0])
    assert await store.run("SELECT 1") == ((1,),)
    with frozen(lab, 0), pytest.raises(ConnectError, match=r"^n1 .*: no answer"):
        await store.run("SELECT 1")
    store.close()
    assert [check.passed for check in await verify(one, values)] == [True] * 22


async def test_rows_whose_arrival_is_unknown_are_not_doubled(
    one: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, lost = Link._send, []

    async def losing(self: Link, statements: Sequence[str], limit: float) -> Sequence[tuple[Any, ...]]:
        """Every INSERT arrives, but the first word of it does not come back."""
        rows = await send(self, statements, limit)
        if statements[-1].startswith("INSERT") and statements[-1] not in lost:
            lost.append(statements[-1])
            raise ConnectionResetError
        return rows

    await prepare(one, 2 * TINY)
    monkeypatch.setattr(Link, "_send", losing)
    await prepare(one)
    assert len(lost) > 20
    assert await contents(one, 0) == right_contents(TINY)


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_worker_that_ends_while_it_prepares_leaves_nothing_behind(
    one: Target, how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    load = load_of(one, {"scale": 1}, ("prepare",), KIND.id)
    await load.start()
    await until(lambda: "generating" in load.record.words, 30)
    [folder] = inside(tmp_path)
    if how == "stopped":
        await load.stop()
        assert load.record.phase == "stopped"
    else:
        assert load.pid
        os.kill(load.pid, signal.SIGKILL)
        await load.ended()
        assert load.record.phase == "failed"
        os.utime(folder / "lock", (0, 0))  # as if it were long ago
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with private_folder():
            assert folder not in inside(tmp_path)
    assert not alive(load.pid)
    assert inside(tmp_path) == []


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
def fragile() -> Iterator[Lab]:
    """A node of its own, which may be killed."""
    require_extra()
    with temporary_home() as home:
        lab = Lab(home)
        run(lab.up(1))
        yield lab


async def test_a_server_killed_in_the_middle_comes_back_and_the_load_goes_on(fragile: Lab) -> None:
    target = lab_target(fragile.home)
    told = Told()
    work = asyncio.create_task(prepare(target, 0.01, told))
    await until(lambda: bool(told.fractions) and told.fractions[-1] > 0.4, 60)
    pid = fragile.status()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert not work.done()
    await fragile.up()
    await work
    assert await contents(target, 0) == right_contents(0.01)

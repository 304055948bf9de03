"""What needs no server: the queries' texts, the portions of the data, the comparison of answers."""

from __future__ import annotations

import asyncio
import datetime
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from live_load import until
from tpch_data import SUMS, TINY, contents_sql, right_contents

from distdiag_tui.model.errors import ConfigError, WorkloadError
from distdiag_tui.model.target import Endpoint, Secret
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import checked
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpch import kind, parts
from distdiag_tui.workloads.tpch.answers import difference
from distdiag_tui.workloads.tpch.duck import Duck
from distdiag_tui.workloads.tpch.folder import private_folder
from distdiag_tui.workloads.tpch.parts import Part, Slice
from distdiag_tui.workloads.tpch.queries import Query, load_queries, orders, translated
from distdiag_tui.workloads.tpch.schema import TABLES


@pytest.fixture(scope="module")
def queries() -> list[Query]:
    return load_queries()


def test_all_22_queries_are_put_into_mysql_without_additions(queries: list[Query]) -> None:
    assert [query.number for query in queries] == list(range(1, 23))
    for query in queries:
        assert "IS NULL" not in query.sql  # for the order of nulls, which are not there
        assert query.sql.count("ORDER BY") == query.original.upper().count("ORDER BY")
    by_number = {query.number: query for query in queries}
    assert by_number[3].keys == (1, 2)
    assert by_number[3].limit == 10
    assert by_number[6].keys == ()
    assert by_number[13].sql.count("COUNT(o_orderkey) AS c_count") == 1


def test_names_of_a_derived_tables_columns_move_into_it() -> None:
    query = translated(1, "SELECT b FROM (SELECT a, sum(c) FROM t GROUP BY a) AS x (b, d) ORDER BY b DESC")
    assert query.sql == "SELECT b FROM (SELECT a AS b, SUM(c) AS d FROM t GROUP BY a) AS x ORDER BY b DESC"


def test_every_stream_has_its_own_order_and_keeps_it(queries: list[Query]) -> None:
    first = list(islice(orders(1, queries), 2))
    assert first == list(islice(orders(1, queries), 2))
    assert len({tuple(q.number for q in next(orders(stream, queries))) for stream in range(20)}) == 20
    for order in first:
        assert sorted(order, key=lambda query: query.number) == queries


def query_of(*keys: int, limit: int = 0) -> Query:
    return Query(1, "", "", keys, limit)


DAY = datetime.date(1995, 3, 15)


@pytest.mark.parametrize(
    ("query", "right", "found"),
    [
        (query_of(0), [(1, "a"), (2, "b")], [(1, "a   "), (2, "b")]),
        (query_of(), [(2,), (1,)], [(1,), (2,)]),
        (query_of(0), [(1, "a"), (1, "b")], [(1, "b"), (1, "a")]),
        (query_of(0), [(Decimal("1.50"), DAY)], [(Decimal("1.5000"), DAY)]),
        (query_of(0), [(7, None)], [(Decimal(7), None)]),
        (query_of(), [(0.0344,)], [(Decimal("0.0344"),)]),
        (query_of(), [(2 / 3,)], [(Decimal("0.666667"),)]),
        (query_of(0, limit=2), [(1, "a"), (2, "b")], [(1, "a"), (2, "c")]),
        (query_of(0, limit=3), [(1, "a"), (2, "b")], [(1, "a"), (2, "b")]),
    ],
)
def test_answers_that_are_the_same(query: Query, right: Sequence[Any], found: Sequence[Any]) -> None:
    assert difference(query, right, found) == ""


@pytest.mark.parametrize(
    ("query", "right", "found", "words"),
    [
        (query_of(0), [(1,), (2,)], [(1,)], "1 rows, not 2"),
        (query_of(0), [(1, "a")], [(1, "A")], "row 1 is (1, A), not (1, a)"),
        (query_of(0), [(1,), (2,)], [(2,), (1,)], "row 1"),
        (query_of(0), [(1, "a"), (1, "b")], [(1, "b"), (1, "b")], "row 1"),
        (query_of(0), [(Decimal("1.50"),)], [(Decimal("1.51"),)], "row 1"),
        (query_of(), [(2 / 3,)], [(Decimal("0.666670"),)], "row 1"),
        (query_of(), [(1e9,)], [(1e9 + 10,)], "row 1"),
        (query_of(0), [(1, DAY)], [(1, DAY + datetime.timedelta(1))], "row 1"),
        (query_of(0), [(None,)], [(0,)], "row 1"),
        (query_of(0, limit=2), [(1, "a"), (2, "b")], [(1, "x"), (2, "b")], "row 1"),
        (query_of(0, limit=3), [(1, "a"), (2, "b")], [(1, "a"), (2, "x")], "row 2"),
        (query_of(0), [(1, 2)], [(1,)], "row 1"),
    ],
)
def test_answers_that_differ(query: Query, right: Sequence[Any], found: Sequence[Any], words: str) -> None:
    assert difference(query, right, found).startswith(words)


async def test_parts_are_the_rows_of_the_whole_and_chunks_are_theirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parts, "PART_SCALE", TINY / 3)
    monkeypatch.setattr(parts, "CHUNK_ROWS", 100)
    count = parts.number_of_parts(TINY)
    assert count == 3
    duck, whole = Duck(tmp_path), dict.fromkeys(SUMS, 0)
    for number in range(count):
        part = await Part.make(duck, TINY, number, count)
        for piece in part.slices:
            chunks = list(piece.absent({}))
            assert sum(chunk.rows for chunk in chunks) == piece.total
            for chunk in chunks:
                values = await part.values(chunk)
                assert values.count("(") >= chunk.rows
                [(rows,)] = await duck.rows(f"SELECT COUNT(*) FROM {piece.table.name} WHERE {chunk.range}")
                assert rows == chunk.rows
                assert piece.low <= chunk.first <= chunk.last <= piece.high  # the rest is other parts'
            whole[piece.table.name] += piece.total
    await duck.close()
    assert whole == {table: rows for table, (rows, *_) in right_contents(TINY).items()}


def test_only_what_is_not_exactly_there_is_absent() -> None:
    piece = Slice(TABLES[-1], 1, 400, 100, {0: 5, 1: 4, 3: 7})
    found = [(chunk.number, chunk.range, chunk.rows) for chunk in piece.absent({0: 5, 1: 3, 2: 9})]
    assert found == [
        (1, "l_orderkey BETWEEN 101 AND 200", 4),
        (3, "l_orderkey BETWEEN 301 AND 400", 7),
    ]


async def test_a_long_statement_of_duckdb_is_broken_off(tmp_path: Path) -> None:
    duck = Duck(tmp_path)
    making = asyncio.create_task(duck.generate(10, 0, 1))
    await asyncio.sleep(0.2)
    assert duckdb_threads() == 1
    making.cancel()
    await duck.close()
    await until(lambda: duckdb_threads() == 0, 5)


def duckdb_threads() -> int:
    return sum(thread.name.startswith("duckdb") for thread in threading.enumerate())


async def test_an_error_of_duckdb_is_one_line(tmp_path: Path) -> None:
    duck = Duck(tmp_path)
    with pytest.raises(WorkloadError, match=r"^DuckDB: .*nowhere") as caught:
        await duck.rows(contents_sql("region").replace("region", "nowhere"))
    assert "\n" not in str(caught.value)
    await duck.close()


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_private_folder_is_private_and_goes(temporary: Path) -> None:
    with private_folder() as folder:
        (folder / "data").touch()
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o077 == 0
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_stays(temporary: Path) -> None:
    for name in ("left", "used", "new"):
        folder = temporary / f"distdiag-tpch-{name}"
        folder.mkdir()
        (folder / "lock").touch()
        if name != "new":
            os.utime(folder / "lock", (time.time() - 100,) * 2)
    with (temporary / "distdiag-tpch-used/lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with private_folder():
            pass
    assert sorted(folder.name for folder in temporary.iterdir()) == [
        "distdiag-tpch-new",
        "distdiag-tpch-used",
    ]


def test_a_full_disk_is_told_before(temporary: Path) -> None:
    with pytest.raises(WorkloadError, match=r"takes about 1000000\.0 GB in .*TMPDIR"), private_folder(1e15):
        pass
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scale": 0.0001}, "--scale takes 0.001 to 100"),
        ({"scale": 101}, "--scale"),
        ({"test": "both"}, "power|throughput"),
        ({"threads": 0}, "--threads"),
        ({"rounds": -1}, "--rounds"),
        ({"tables": 3}, "no option 'tables'"),
    ],
)
def test_bad_options_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(find_kind("tpch").options, wrong)
    assert words in str(caught.value)


async def test_what_cannot_be_changed_is_said() -> None:
    nodes = [Node(Endpoint("127.0.0.1", 1), "root", Secret(""))]
    power = find_kind("tpch").create(nodes, checked(find_kind("tpch").options, {}))
    with pytest.raises(ConfigError, match="one stream"):
        power.set_threads(2)
    with pytest.raises(ConfigError, match="no rate"):
        power.set_rate(5)


async def test_a_missing_extra_is_told_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kind.missing() == ""

    def without_sqlglot(name: str) -> ModuleSpec | None:
        return None if name == "sqlglot" else find_spec(name)

    monkeypatch.setattr(kind, "find_spec", without_sqlglot)
    assert kind.missing() == "sqlglot; to install: pip install 'distdiag-tui[tpch]'"
    nodes = [Node(Endpoint("127.0.0.1", 1), "root", Secret(""))]
    workload = find_kind("tpch").create(nodes, checked(find_kind("tpch").options, {}))
    with pytest.raises(WorkloadError, match=r"tpch needs sqlglot; to install: pip"):
        await workload.fill(nodes, None, lambda *_: None)
    monkeypatch.setattr(kind, "find_spec", find_spec)
    monkeypatch.setattr(kind, "version", lambda _: "0.1.0")
    assert kind.missing().startswith("duckdb and duckdb-extension-tpch of the same version")


def test_the_console_does_not_load_duckdb() -> None:
    program = (
        "import sys, json; from distdiag_tui.workloads.kinds import find_kind; kind = find_kind('tpch'); "
        "missing = kind.missing(); suspects = {'duckdb', 'sqlglot', 'asyncmy', 'duckdb_extension_tpch'}; "
        "print(json.dumps([missing, sorted(suspects & set(sys.modules))]))"
    )
    assert json.loads(subprocess.check_output([sys.executable, "-c", program], text=True)) == ["", []]

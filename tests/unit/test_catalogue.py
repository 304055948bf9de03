"""The catalogue against the facts: statistics that exist, counted as they are counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from facts import facts

from distdiag_tui.cli.metrics import formula
from distdiag_tui.model.metrics import (
    CATALOGUE,
    COLUMNS,
    FIRST_LOOK,
    GROUPS,
    LEVELS,
    METRIC_IDS,
    METRIC_INDEX,
    STAT_IDS,
    WAIT_CLASSES,
    Kind,
    Metric,
    metric,
)

UNITS = {"s", "B", "/s", "B/s", "s/s", "%", ""}

# What an engineer on call expects to find, by the question it answers.
EXPECTED = {
    "statements by kind": "qps select_rate insert_rate update_rate delete_rate replace_rate other_rate",
    "their response time": "sql_rt select_rt insert_rt update_rt delete_rt",
    "transactions": "tps tx_rt commit_rate commit_rt rollback_rate tx_timeout_rate",
    "sessions and queue": "sessions_active sessions queue_rt",
    "processor": "cpu_percent cpu_time worker_time",
    "memory": "memory_used memory_percent memstore_used memstore_percent",
    "caches": "row_cache_hit block_cache_hit",
    "storage": "io_read_rate io_read_rt io_read_bytes io_write_rate io_write_rt io_write_bytes",
    "redo log": "log_write_rate log_write_rt log_sync_rt",
    "network": "rpc_in_rate rpc_out_rate rpc_rt rpc_in_bytes rpc_out_bytes sql_in_bytes sql_out_bytes",
    "locks": "lock_waiters lock_wait_time lock_wait_rt lock_rate lock_fail_rate",
}

# Statistics that not every version has; letters as in the reference: a 4.2.1, b 4.2.5, c 4.3.3, ...
YOUNGER = {40119: "bcds", 140018: "cds"}

# Names in the collected formulas (OCP, obagent, ob-operator) of metrics that are the same thing.
SAME = {
    "qps": "qps",
    "sql_rt": "sql_rt",
    "select_rate": "qps_select",
    "select_rt": "select_rt",
    "insert_rate": "qps_insert",
    "insert_rt": "insert_rt",
    "update_rate": "qps_update",
    "update_rt": "update_rt",
    "delete_rate": "qps_delete",
    "delete_rt": "delete_rt",
    "replace_rate": "qps_replace",
    "other_rate": "qps_other",
    "sql_fail_rate": "sql_fail_rate",
    "tps": "tps",
    "tx_rt": "tps_rt",
    "commit_rate": "commit_rate",
    "commit_rt": "commit_rt",
    "rollback_rate": "rollback_rate",
    "tx_timeout_rate": "trans_timeout_rate",
    "tx_distributed_rate": "distributed_trans_rate",
    "queue_rt": "queue_time",
    "cpu_percent": "cpu_used_percent",
    "cpu_time": "cpu_cores_used",
    "worker_percent": "worker_thread_percent",
    "memory_used": "memory_used",
    "memory_percent": "memory_used_percent",
    "memstore_used": "memstore_used",
    "memstore_percent": "memstore_percent",
    "lock_wait_rt": "write_lock_wait_time",
    "lock_rate": "write_lock_succ_rate",
    "lock_fail_rate": "write_lock_fail_rate",
    "log_write_rate": "clog_write_iops",
    "log_write_rt": "clog_write_rt",
    "log_write_bytes": "clog_write_bytes_rate",
    "log_sync_rt": "clog_sync_delay",
    "io_read_rate": "io_read_iops",
    "io_read_rt": "io_read_rt",
    "io_read_bytes": "io_read_bytes_rate",
    "io_write_rate": "io_write_iops",
    "io_write_rt": "io_write_rt",
    "io_write_bytes": "io_write_bytes_rate",
    "row_cache_hit": "row_cache_hit_ratio",
    "block_cache_hit": "block_cache_hit_ratio",
    "sql_in_bytes": "mysql_in_bytes_rate",
    "sql_out_bytes": "mysql_out_bytes_rate",
    "rpc_in_rate": "rpc_in_rate",
    "rpc_out_rate": "rpc_out_rate",
    "rpc_in_bytes": "rpc_in_bytes_rate",
    "rpc_out_bytes": "rpc_out_bytes_rate",
    "rpc_rt": "rpc_in_rt",
    "rpc_fail_rate": "rpc_fail_rate",
}


@pytest.fixture(scope="module")
def statistics() -> dict[int, list[Any]]:
    return {row[0]: row for row in facts("sysstat.json")["stats"]}


@pytest.fixture(scope="module")
def collected() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in facts("metric_formulas.json")["formulas"]}


def test_ids_are_unique_and_found_again() -> None:
    assert [name for name, times in Counter(METRIC_IDS).items() if times > 1] == []
    assert all(metric(name) is CATALOGUE[METRIC_INDEX[name]] for name in METRIC_IDS)


def test_titles_are_unique_within_their_group() -> None:
    titles = Counter((row.group, row.title) for row in CATALOGUE)
    assert titles.most_common(1)[0][1] == 1


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.id)
def test_each_row_is_well_formed(row: Metric) -> None:
    assert row.id.isidentifier()
    assert row.id == row.id.lower()
    assert 0 < len(row.title) <= 15
    assert row.unit in UNITS
    assert row.group in GROUPS
    assert row.about.endswith(".")
    assert row.over
    assert row.scale > 0


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.id)
def test_kind_agrees_with_the_formula(row: Metric) -> None:
    if row.kind is Kind.RATE:
        assert not row.under
        assert LEVELS.isdisjoint(row.over)
    elif row.kind is Kind.RATIO:
        assert row.under
        assert LEVELS.isdisjoint(row.over)
    else:
        assert LEVELS.issuperset((*row.over, *row.under))
    assert (row.unit == "%") == (row.scale == 100 or row.id == "cpu_percent")


@pytest.mark.parametrize("name", ["row_cache_hit", "block_cache_hit", "index_cache_hit"])
def test_hits_are_a_part_of_what_was_looked_for(name: str) -> None:
    assert set(metric(name).over) < set(metric(name).under)


def test_every_group_has_metrics_and_the_first_look_is_of_the_catalogue() -> None:
    assert {row.group for row in CATALOGUE} == set(GROUPS)
    assert set(METRIC_IDS) > FIRST_LOOK
    assert LEVELS.issubset({*COLUMNS, 130000, 130002})


@pytest.mark.parametrize("question", EXPECTED)
def test_what_is_asked_of_a_cluster_is_there(question: str) -> None:
    assert [name for name in EXPECTED[question].split() if name not in METRIC_INDEX] == []


def test_every_wait_class_but_idle_is_there() -> None:
    assert len(WAIT_CLASSES) == 12
    classes = {name for name, _, _ in facts("wait_events.json")["wait_classes"]} - {"IDLE"}
    assert set(WAIT_CLASSES) == classes
    assert all(f"wait_{name.lower()}" in METRIC_INDEX for name in classes)


@pytest.mark.parametrize("stat", STAT_IDS)
def test_every_statistic_exists(stat: int, statistics: dict[int, list[Any]]) -> None:
    assert "".join(statistics[stat][6]) == YOUNGER.get(stat, "abcds")


@pytest.mark.parametrize("stat", STAT_IDS)
def test_levels_are_the_gauges(stat: int, statistics: dict[int, list[Any]]) -> None:
    assert (stat in LEVELS) == (statistics[stat][4] == "gauge")


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.id)
def test_units_follow_those_of_the_statistics(row: Metric, statistics: dict[int, list[Any]]) -> None:
    units = {statistics[column][5] for column in row.over if isinstance(column, int)}
    if row.unit in ("s", "s/s") and units:
        assert units == {"us"}
        assert row.scale == 1e-6
    if row.unit in ("B", "B/s") and units:
        assert units == {"bytes"}


@pytest.mark.parametrize(("ours", "theirs"), SAME.items())
def test_formulas_agree_with_the_dashboards(
    ours: str, theirs: str, collected: dict[str, dict[str, Any]]
) -> None:
    row, entry = metric(ours), collected[theirs]
    assert row.over == tuple(entry["numerator"])
    assert row.under == tuple(entry["denominator"] or ())
    seconds = 1e-6 if entry["unit"] == "us" else 1
    assert row.scale == pytest.approx(entry["scale"] * seconds)


def test_only_disks_and_hosts_are_not_counted_by_tenant() -> None:
    hosts = {row.id for row in CATALOGUE if row.group == "host"}
    disks = {"data_disk_percent", "log_disk_percent"}
    assert {row.id for row in CATALOGUE if not row.tenant_scope} == disks | hosts


def test_formulas_are_readable() -> None:
    assert formula(metric("rpc_rt")) == "1e-06 * (r(10005) + r(10006)) / r(10000)"
    assert formula(metric("cpu_percent")) == "0.01 * r(140013) / 140005"

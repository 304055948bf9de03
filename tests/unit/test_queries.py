"""The SQL that is built for every version names only what that version has."""

from __future__ import annotations

import re
from typing import Final

import pytest
from reference import VERSIONS, capability_of, views_of

from distdiag_tui.model.metrics import COLUMN_INDEX, LEVELS, STAT_IDS, WAIT_CLASSES, Column
from distdiag_tui.sources import queries
from distdiag_tui.sources.capability import VIEWS, Capability
from distdiag_tui.sources.frame import SERVER_WIDE

WORDS: Final = frozenset(
    [
        "select",
        "from",
        "where",
        "and",
        "or",
        "in",
        "group",
        "by",
        "order",
        "limit",
        "as",
        "oceanbase",
        "not",
        "null",
        "coalesce",
        "sum",
        "count",
        "if",
        "now",
        "min",
        "max",
        "connection_id",
        "host_ip",
        "rpc_port",
        "effective_tenant_id",
        "unix_timestamp",
        "timestampdiff",
        "second",
        "lower",
    ]
)
LOCAL: Final = "svr_ip = host_ip() and svr_port = rpc_port()"


def view_of(sql: str) -> str:
    """The view of a statement (of its outer select, when it has an inner one)."""
    return sql.rpartition("oceanbase.")[2].split()[0]


def unknown_names(sql: str, version: str) -> set[str]:
    """What the SQL names that is neither SQL nor a column of the views it reads."""
    views = re.findall(r"oceanbase\.([A-Z$_]+)", sql)
    columns = frozenset[str]().union(*(views_of(version)[view] for view in views))
    bare = re.sub(r"/\*.*?\*/|'[^']*'|oceanbase\.[A-Z$_]+", " ", sql)
    return {word for word in re.findall(r"[a-z_$]+", bare.lower()) if word not in WORDS} - {
        column.lower() for column in columns
    }


def all_sql(capability: Capability) -> list[str]:
    planned = [query.sql for query in queries.plan(capability)]
    return [*planned, queries.identity(capability), queries.tenants(capability)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_named_column_exists(version: str) -> None:
    for sql in all_sql(capability_of(version)):
        assert unknown_names(sql, version) == set()


def test_the_check_itself_finds_a_wrong_column() -> None:
    sql = "select con_id, valeu from oceanbase.GV$SYSSTAT where svr_ip = host_ip()"
    assert unknown_names(sql, "ob-4.2.1.9") == {"valeu"}
    assert unknown_names(sql, "seekdb-1.3.0") == {"valeu", "svr_ip"}


@pytest.mark.parametrize("version", VERSIONS)
def test_all_kinds_of_figures_are_asked_for(version: str) -> None:
    plan = queries.plan(capability_of(version))
    asked = [view_of(query.sql) for query in plan]
    disks = "V$OB_SERVER_STAT" if version.startswith("seekdb") else "GV$OB_SERVERS"
    assert asked == ["GV$SYSSTAT", "GV$SYSTEM_EVENT", "GV$OB_PROCESSLIST", "GV$OB_PLAN_CACHE_STAT", disks]
    assert [query.every for query in plan] == [1, 1, 1, 1, 10]


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_of_other_servers_are_kept_out(version: str) -> None:
    for query in queries.plan(capability_of(version)):
        has_address = {"SVR_IP", "SVR_PORT"} <= views_of(version)[view_of(query.sql)]
        assert (LOCAL in query.sql) == has_address


@pytest.mark.parametrize("version", VERSIONS)
def test_every_statement_is_marked_and_bounded_and_one(version: str) -> None:
    for sql in all_sql(capability_of(version)):
        assert sql.startswith(f"select {queries.HINT} ")
        assert "QUERY_TIMEOUT(5000000)" in sql
        assert "/* distdiag */" in sql
        assert ";" not in sql


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("absent", VIEWS)
def test_an_absent_view_drops_only_its_query(version: str, absent: str) -> None:
    whole = queries.plan(capability_of(version))
    rest = queries.plan(capability_of(version, absent))
    assert [q.sql for q in rest] == [q.sql for q in whole if view_of(q.sql) != absent]
    for sql in all_sql(capability_of(version, absent)):
        assert f"oceanbase.{absent}" not in sql.split()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_without_its_columns_is_not_asked(view: str) -> None:
    bare = Capability("x", "x", {view: frozenset({"CON_ID", "OTHER"})})
    assert queries.plan(bare) == ()
    for sql in (queries.identity(bare), queries.tenants(bare)):
        assert "oceanbase." not in sql


def test_nothing_readable_still_gives_an_identity_and_a_tenant() -> None:
    nothing = Capability("x", "x")
    assert not nothing.usable
    assert all_sql(nothing) == [
        f"select {queries.HINT} null, '', null",
        f"select {queries.HINT} 1, 'tenant'",
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_identity_and_tenants_come_from_where_they_are_kept(version: str) -> None:
    capability = capability_of(version)
    identity, tenants = queries.identity(capability), queries.tenants(capability)
    if version.startswith("seekdb"):
        assert "V$OB_SERVER_STAT" in identity
        assert "GV$OB_PARAMETERS" in identity
        assert "GV$OB_PROCESSLIST" in tenants
    else:
        assert "DBA_OB_SERVERS" in identity
        assert LOCAL in identity
        assert "tenant_type <> 'META'" in tenants


def readings(view: str, rows: list[tuple[object, ...]]) -> dict[tuple[int | str, Column], float]:
    (query,) = (q for q in queries.plan(capability_of("seekdb-1.3.0")) if view_of(q.sql) == view)
    return {(tenant, column): value for tenant, column, value in query.read(rows)}


def test_every_statistic_of_the_catalogue_is_asked_for() -> None:
    sql = queries.plan(capability_of("ob-4.3.3.1"))[0].sql
    listed = re.search(r"stat_id in \(([0-9,]+)\)", sql)
    assert listed is not None
    assert listed[1].split(",") == [str(stat) for stat in STAT_IDS]


def test_statistics_are_read() -> None:
    assert readings("GV$SYSSTAT", [(1, 40000, 7), (1002, 40000, "8")]) == {(1, 40000): 7, (1002, 40000): 8}


def test_a_wait_class_without_a_row_has_waited_for_nothing() -> None:
    found = readings("GV$SYSTEM_EVENT", [(1, "COMMIT", 5), (1002, "CLUSTER", 6)])
    assert len(found) == 2 * len(WAIT_CLASSES)
    assert {key: value for key, value in found.items() if value} == {
        (1, "wait.commit"): 5,
        (1002, "wait.cluster"): 6,
    }
    assert all(column in COLUMN_INDEX for _, column in found)
    assert readings("GV$SYSTEM_EVENT", []) == {}


def test_a_server_without_sessions_has_none_rather_than_no_answer() -> None:
    assert readings("GV$OB_PROCESSLIST", []) == {
        (SERVER_WIDE, "session.all"): 0,
        (SERVER_WIDE, "session.active"): 0,
        (SERVER_WIDE, "session.locked"): 0,
    }
    found = readings("GV$OB_PROCESSLIST", [("shop", 5, 2, 1)])
    assert [found["shop", f"session.{name}"] for name in ("all", "active", "locked")] == [5, 2, 1]


def test_plan_cache_and_disks_are_read_and_a_null_is_left_out() -> None:
    found = readings("GV$OB_PLAN_CACHE_STAT", [(1, 100, 90, 4096)])
    assert found == {(1, "plan.accesses"): 100, (1, "plan.hits"): 90, (1, "plan.memory"): 4096}
    disks = readings("V$OB_SERVER_STAT", [(1, 2, None, 4)])
    assert disks == {(0, "disk.data_used"): 1, (0, "disk.data_total"): 2, (0, "disk.log_total"): 4}
    assert {column for _, column in disks} <= LEVELS

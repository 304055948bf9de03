"""The table of causes holds: every label has an entry, and every statement can be asked."""

from __future__ import annotations

import re
from typing import Final

import asyncmy
import pytest
from conftest import LiveLab
from sqlnames import ALONE, CLUSTERS, parsed, unknown_names

from distdiag_tui.anomalies.catalogue import CATALOGUE
from distdiag_tui.diagnosis.cause import Look
from distdiag_tui.diagnosis.causes import CAUSES, find_cause
from distdiag_tui.model.findings import UNKNOWN
from distdiag_tui.service.facts.fetch import NAMES

# What diagnosis finds beside the anomalies. That the memstore is nearly full is the same as that it is full:
# the same to check and to do, only sooner.
FURTHER: Final = {"collector_stalled", "disk_nearly_full", "compaction_stuck", "long_transaction",
                  "log_sync_behind", UNKNOWN}  # fmt: skip

# As `obdiag rca list`, `obdiag gather scene list` and `obdiag gather --help` name them.
RCA_SCENES: Final = {"lock_conflict", "freeze_dump", "memory_full", "disconnection", "log_error",
                     "replay_hold", "observer_process_missing", "clog_disk_full", "major_hold"}  # fmt: skip
GATHER_SCENES: Final = {"topsql", "cpu_high", "long_transaction", "suspend_transaction", "memory",
                        "compaction", "io", "restart", "clog_disk_full", "unknown"}  # fmt: skip
PLAIN: Final = {
    ("check", "run"),
    ("gather", "parameter"),
    ("gather", "stack"),
    ("gather", "log", "--since=30m"),
}

LOOKS: Final = {look.sql: look for cause in CAUSES for look in cause.looks}.values()


def test_every_label_has_an_entry_and_no_entry_is_there_twice() -> None:
    ids = [cause.id for cause in CAUSES]
    assert len(ids) == len(set(ids))
    assert set(ids) == {anomaly.cause for anomaly in CATALOGUE} | FURTHER
    assert find_cause("lock_contention").id == "lock_contention"
    assert find_cause("something of one's own").id == UNKNOWN


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.id)
def test_an_entry_says_what_it_is_what_to_check_what_to_do_and_where_to_look(cause: object) -> None:
    entry = find_cause(cause.id)  # type: ignore[attr-defined]
    assert entry.title
    assert entry.about.endswith(".")
    assert entry.check
    assert entry.act
    assert entry.looks
    assert entry.facts
    assert set(entry.facts) <= set(NAMES)
    assert len(entry.facts) == len(set(entry.facts))
    for each in entry.obdiag:
        assert each.words
        scene = next(
            (word.removeprefix("--scene=") for word in each.args if word.startswith("--scene=")), None
        )
        if each.args[:2] == ("rca", "run"):
            assert scene in RCA_SCENES
        elif each.args[:3] == ("gather", "scene", "run"):
            assert str(scene).removeprefix("observer.") in GATHER_SCENES
        else:
            assert each.args in PLAIN


def test_every_fact_is_of_use_to_some_cause() -> None:
    assert {name for cause in CAUSES for name in cause.facts} == set(NAMES)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.words[:40])
def test_a_statement_only_reads_and_names_what_every_version_has(look: Look) -> None:
    for cluster in (True, False):
        sql = look.on(cluster=cluster).sql
        assert "{" not in sql
        assert re.match("(select|show) ", sql)
        assert parsed(sql).key == "select"  # one statement, and no FOR UPDATE in it
        assert not re.search(r"\b(for update|into|sleep|get_lock)\b", sql)
    for version in CLUSTERS:
        assert unknown_names(look.on(cluster=True).sql, version) == set(), version
    if look.dialect == "any":
        assert unknown_names(look.on(cluster=False).sql, ALONE) == set()


async def test_every_statement_that_any_server_answers_runs_on_a_real_node(lab: LiveLab) -> None:
    endpoint, target = lab.target.endpoints[0], lab.target
    connection = await asyncmy.connect(
        host=endpoint.host, port=endpoint.port, user=target.user, password=target.password.reveal()
    )
    try:
        async with connection.cursor() as cursor:
            for look in LOOKS:
                if look.dialect == "any":
                    await cursor.execute(look.on(cluster=False).sql)
                    assert cursor.description, look.sql
                    await cursor.fetchall()
    finally:
        connection.close()

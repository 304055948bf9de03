"""What SQL faults leave alone, on a tenant that is played: parameters and databases of others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from distdiag_tui.anomalies.catalogue import find_anomaly
from distdiag_tui.anomalies.protocol import Fault, Site
from distdiag_tui.anomalies.sql import asking, compaction
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.model.target import Endpoint, Secret


class Tenant:
    """Answers what faults ask; `said` has the statements that change something."""

    def __init__(self) -> None:
        self.pace = "120s"
        self.databases: list[str] = []
        self.said: list[str] = []
        self._rows: Sequence[tuple[Any, ...]] = ()

    @asynccontextmanager
    async def statements(self, _: object) -> AsyncIterator[Tenant]:
        """As those of a node."""
        yield self

    async def execute(self, query: str, args: Sequence[object] | None = None) -> int:
        """Only what these tests need."""
        self._rows = ()
        if "V$OB_PARAMETERS WHERE" in query:
            self._rows = [(self.pace,)]
        elif "memstore_used" in query:
            self._rows = [(0, 100, 50, 0)]
        elif query.startswith("SHOW DATABASES LIKE"):
            self._rows = [(name,) for name in self.databases if f"'{name}'" in query]
        elif query.startswith("SHOW TABLES"):
            self._rows = [("distdiag_owner",), ("data",)]
        elif not query.startswith(("SELECT", "SHOW", "CALL")):
            self.said.append(query)
        return 0

    async def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """Of the last statement."""
        return self._rows


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    found = Tenant()
    monkeypatch.setattr(asking, "statements", found.statements)
    return found


def fault(anomaly: str) -> Fault:
    means = find_anomaly(anomaly).means[0]
    endpoint = Endpoint("10.0.0.1", 2881, "s1")
    return means.create(
        Site(f"{anomaly}-3f9c", "shop", endpoint, "root", Secret(""), means.levels["low"], 60.0)
    )


async def test_a_pace_that_somebody_else_has_changed_is_not_taken_for_what_it_was(tenant: Tenant) -> None:
    tenant.pace = compaction.QUICK
    merge, notes = fault("major_compaction"), dict[str, str]()
    with pytest.raises(AnomalyError, match="ob_compaction_schedule_interval is 3s already"):
        await merge.apply(notes.__setitem__)
    await merge.revert(notes)
    assert (notes, tenant.said, await merge.remains(notes)) == ({}, [], "")


@pytest.mark.parametrize("anomaly", ["slow_sql", "major_compaction", "memory_pressure", "lock_contention"])
async def test_a_database_of_another_machine_s_injection_of_the_same_name_stays(
    tenant: Tenant, anomaly: str
) -> None:
    tenant.databases = [f"distdiag_anomaly_{anomaly}_3f9c"]
    failing, notes = fault(anomaly), dict[str, str]()
    with pytest.raises(AnomalyError, match=f"there is a database {tenant.databases[0]} already"):
        await failing.apply(notes.__setitem__)
    await failing.revert(notes)
    assert await failing.remains(notes) == ""
    assert not [statement for statement in tenant.said if "DATABASE" in statement]
    await failing.revert({"database": tenant.databases[0]})
    assert [statement for statement in tenant.said if "DATABASE" in statement] == [
        f"DROP DATABASE IF EXISTS {tenant.databases[0]}"
    ]

"""CPU-hungry SQL: joins without anything to look up by."""

from __future__ import annotations

from distdiag_tui.anomalies.sql.queries import CostlyQueries


class HeavyJoins(CostlyQueries):
    """Every row meets every row: with 2,000 of them one join keeps a CPU busy for 0.6 s."""

    columns = "a INT NOT NULL, b INT NOT NULL"
    filling = "MOD({id} * 7919, 1000), MOD({id} * 31, 97)"
    query = "SELECT COUNT(*) FROM {table} x JOIN {table} y ON x.a + y.b < MOD(x.id * y.id, 500)"

"""Slow SQL: scans that no index can spare."""

from __future__ import annotations

from distdiag_tui.anomalies.sql.queries import CostlyQueries


class FullScans(CostlyQueries):
    """A pattern with a leading wildcard on text of 160 characters."""

    columns = "t VARCHAR(200) NOT NULL, KEY t_idx (t)"
    filling = "REPEAT(MD5({id}), 5)"
    query = "SELECT COUNT(*) FROM {table} WHERE t LIKE '%abc%def%'"

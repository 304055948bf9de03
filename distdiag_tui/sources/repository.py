"""The workload repository: running totals that a cluster writes down of itself, every hour by default.

Shapes: I spans between two of its snapshots, C raw columns, M metrics.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from distdiag_tui.model.arithmetic import IS_LEVEL, Floats, add_rows, evaluate, per_second
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS, STAT_IDS, WAIT_CLASSES
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.sources.capability import Capability, probe
from distdiag_tui.sources.queries import HINT, Row, figure, local, tenant_of
from distdiag_tui.sources.session import connect

REACH: Final = 6 * 3600
"""s before now: what a server did on another day says less of this one."""
SHORTEST: Final = 10.0
"""s: snapshots that are nearer to each other say little."""
TIMEOUT: Final = 5.0
"""s, for all of it."""

SNAPSHOTS: Final = ("CDB_WR_SNAPSHOT", "DBA_WR_SNAPSHOT")
TOTALS: Final = ("CDB_WR_SYSSTAT", "DBA_WR_SYSSTAT")
WAITS: Final = ("CDB_WR_SYSTEM_EVENT", "DBA_WR_SYSTEM_EVENT")
"""Each of all tenants, for the sys tenant only, and of one's own."""

Key = tuple[int, int]  # tenant, snapshot


@dataclass(frozen=True, slots=True)
class Spans:
    """What a server was like in each: `ends` (I, epoch s), `metrics` (I, M); levels are NaN."""

    ends: Floats
    metrics: Floats


async def read_spans(endpoint: Endpoint, target: Target) -> Spans | None:
    """Those of the last hours; None if there is none, or this account may not see them.

    Errors as the driver raises them, and TimeoutError.
    """
    connection = None
    try:
        async with asyncio.timeout(TIMEOUT):
            connection = await connect(endpoint, target, TIMEOUT)
            return await _spans(connection)
    finally:
        if connection is not None:
            connection.close()  # at once: a hung server would not say good-bye


async def _spans(connection: Any) -> Spans | None:  # noqa: ANN401  untyped
    capability = await probe(connection, (*SNAPSHOTS, *TOTALS, *WAITS))
    snapshots, totals, waits = (_best(capability, views) for views in (SNAPSHOTS, TOTALS, WAITS))
    if snapshots is None or totals is None:
        return None
    taken = await _ask(connection, _taken(capability, snapshots))
    if len(taken) < 2:
        return None
    first = min(int(row[1]) for row in taken)
    rows = await _ask(connection, _totals(capability, totals, first))
    waited = None if waits is None else await _ask(connection, _waits(capability, waits, first))
    return spans_of(taken, rows, waited)


def spans_of(taken: Iterable[Row], totals: Iterable[Row], waits: Iterable[Row] | None) -> Spans | None:
    """From rows of snapshots (tenant, snapshot, end, start of the server), statistics, and wait classes.

    Only spans in which the server did not start anew, and of which all tenants have told.
    """
    columns = _columns(totals, waits)
    by_tenant: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for tenant, snapshot, end, start in taken:
        by_tenant[int(tenant)].append((figure(end), figure(start), int(snapshot)))
    rates: dict[int, list[Floats]] = defaultdict(list)
    ends: dict[int, float] = {}
    for tenant, moments in by_tenant.items():
        for (begin, started, first), (end, start, last) in pairwise(sorted(moments)):
            before, after = columns.get((tenant, first)), columns.get((tenant, last))
            same = start == started and end - begin >= SHORTEST
            if same and before is not None and after is not None:
                rates[last].append(per_second(before, after, end - begin))
                ends[last] = end
    most = max(map(len, rates.values()), default=0)
    whole = [snapshot for snapshot, rows in rates.items() if len(rows) == most]
    if not whole:
        return None
    sums = np.array([add_rows(np.array(rates[snapshot])) for snapshot in whole])
    return Spans(np.array([ends[snapshot] for snapshot in whole]), evaluate(np.where(IS_LEVEL, np.nan, sums)))


def _columns(totals: Iterable[Row], waits: Iterable[Row] | None) -> dict[Key, Floats]:
    """Raw columns (C) by tenant and snapshot; a class in which nothing has waited yet has no row."""
    columns: dict[Key, Floats] = {}
    for tenant, snapshot, statistic, value in totals:
        row = columns.setdefault((int(tenant), int(snapshot)), np.full(len(COLUMNS), np.nan))
        row[COLUMN_INDEX[int(statistic)]] = figure(value)
    if waits is not None:
        classes = [COLUMN_INDEX[f"wait.{name.lower()}"] for name in WAIT_CLASSES]
        for row in columns.values():
            row[classes] = 0.0
        for tenant, snapshot, name, micros in waits:
            key = int(tenant), int(snapshot)
            if key in columns and name in WAIT_CLASSES:
                columns[key][COLUMN_INDEX[f"wait.{str(name).lower()}"]] = figure(micros)
    return columns


def _best(capability: Capability, views: Sequence[str]) -> str | None:
    return next((view for view in views if capability.has(view, "SNAP_ID")), None)


def _taken(capability: Capability, view: str) -> str:
    """The last one has a number below 0, too, and no totals under it."""
    return (
        f"{tenant_of(capability, view)}, snap_id, unix_timestamp(end_interval_time),"
        f" unix_timestamp(startup_time) from oceanbase.{view} where snap_id > 0 and"
        f" unix_timestamp(end_interval_time) > unix_timestamp(now(6)) - {REACH} and {local(capability, view)}"
    )


def _totals(capability: Capability, view: str, first: int) -> str:
    ids = ",".join(map(str, STAT_IDS))
    return (
        f"{tenant_of(capability, view)}, snap_id, stat_id, value from oceanbase.{view}"
        f" where snap_id >= {first} and stat_id in ({ids}) and {local(capability, view)}"
    )


def _waits(capability: Capability, view: str, first: int) -> str:
    tenant = tenant_of(capability, view)
    return (
        f"{tenant}, snap_id, wait_class, sum(time_waited_micro) from oceanbase.{view}"
        f" where snap_id >= {first} and wait_class <> 'IDLE' and {local(capability, view)}"
        f" group by {tenant}, snap_id, wait_class"
    )


async def _ask(connection: Any, select: str) -> list[Row]:  # noqa: ANN401  untyped
    async with connection.cursor() as cursor:
        await cursor.execute(f"select {HINT} {select}")
        return list(await cursor.fetchall())

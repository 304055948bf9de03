"""From tenants on servers to servers, zones, tenants and the cluster: always sums over raw columns.

So no ratio is ever averaged: that of a zone is the ratio of its sums. Shapes: R rows, one for each tenant of
each server; N subjects; G groups of rows; C columns; M metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distdiag_tui.model.arithmetic import Floats, add_groups, evaluate
from distdiag_tui.model.metrics import COLUMNS
from distdiag_tui.model.snapshot import Table
from distdiag_tui.model.topology import Server, Subject, Tenant
from distdiag_tui.sources.frame import SERVER_WIDE, Sample

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
Identity = tuple[str, str, tuple[Tenant, ...]]  # of a server: what its subjects are called after

NO_ROWS: Final = np.zeros(0, dtype=np.intp)


class Groups(NamedTuple):
    """Rows `order` (None: all as they are), of which group g begins at starts[g]; and its subject."""

    subjects: Rows
    starts: Rows
    order: Rows | None = None

    def sums(self, rows: Floats) -> Floats:
        """(R, C) -> (G, C)."""
        chosen = rows if self.order is None else rows[self.order]
        return chosen if len(self.starts) == len(chosen) else add_groups(chosen, self.starts)

    def any(self, flags: Flags) -> Flags:
        """Whether something of a group is there: (R) -> (G)."""
        chosen = flags if self.order is None else flags[self.order]
        return np.asarray(np.logical_or.reduceat(chosen, self.starts)) if len(self.starts) else chosen[:0]


class Plan(NamedTuple):
    """Which rows count towards which subjects, for as long as servers and their tenants stay the same.

    `first` is a server's first row. `placed` (tenants on servers), `servers` and `tenants` are groups of
    rows, `zones` and `cluster` are groups of the servers' sums.
    """

    subjects: Mapping[Subject, int]
    first: Mapping[str, int]
    rows: int
    placed: Groups
    servers: Groups
    tenants: Groups
    zones: Groups
    cluster: Groups


class RollUp:
    """Sums up every tick. What counts towards what is worked out again only when that changes."""

    def __init__(self) -> None:
        self._identities: list[Identity] = []
        self._tenants: dict[str, tuple[int, ...]] = {}
        self._plan = _plan_of([], {})

    def table(
        self,
        servers: Sequence[Server],
        samples: Mapping[str, Sample],
        rates: Floats,
        hosts: Mapping[str, Sample],
        host_rates: Floats,
    ) -> Table:
        """Metrics of all subjects of these servers; `rates` are the samples' rows, `host_rates` the hosts'.

        What a host tells goes before what its server tells of the same columns.
        """
        plan = self._planned(servers, samples, hosts)
        rows = np.full((plan.rows + 1, len(COLUMNS)), np.nan)  # the last one: of servers that are not listed
        there = np.zeros(plan.rows + 1, dtype=np.bool_)
        at = _positions([(plan.first.get(n, -1), len(s.tenants)) for n, s in samples.items()], plan.rows)
        rows[at] = rates
        there[at] = True
        if hosts:
            at = np.array([self._host_row(plan, name) for name in hosts], dtype=np.intp)
            rows[at] = np.where(np.isnan(host_rates), rows[at], host_rates)
            there[at] = True
        return _summed(plan, rows[:-1], there[:-1])

    def _host_row(self, plan: Plan, name: str) -> int:
        first = plan.first.get(name)
        return plan.rows if first is None else first + self._tenants[name].index(SERVER_WIDE)

    def _planned(
        self, servers: Sequence[Server], samples: Mapping[str, Sample], hosts: Mapping[str, Sample]
    ) -> Plan:
        identities = [(server.name, server.zone, server.tenants) for server in servers]
        changed = identities != self._identities
        known = self._tenants
        for name, sample in samples.items():
            if known.get(name) not in (sample.tenants, (*sample.tenants, SERVER_WIDE)):
                known[name] = sample.tenants
                changed = True
        for name in hosts:
            if SERVER_WIDE not in known.get(name, ()):
                known[name] = (*known.get(name, ()), SERVER_WIDE)
                changed = True
        if changed:
            self._identities = identities
            self._plan = _plan_of(identities, known)
        return self._plan


def _positions(spans: Sequence[tuple[int, int]], outside: int) -> Rows:
    """Rows of all spans (first, length); those of first -1 all are `outside`."""
    if not spans:
        return NO_ROWS
    first, length = np.array(spans, dtype=np.intp).T
    begins = np.cumsum(length) - length
    at = np.repeat(first - begins, length) + np.arange(length.sum())
    at[np.repeat(first < 0, length)] = outside
    return at


def _summed(plan: Plan, rows: Floats, there: Flags) -> Table:
    """Narrow subjects first, so that a zone without a name is the cluster."""
    columns = np.full((len(plan.subjects), len(COLUMNS)), np.nan)
    present = np.zeros(len(plan.subjects), dtype=np.bool_)

    def put(groups: Groups, of: Floats, flags: Flags) -> tuple[Floats, Flags]:
        sums, some = groups.sums(of), groups.any(flags)
        columns[groups.subjects], present[groups.subjects] = sums, some
        return sums, some

    if plan.rows:
        put(plan.placed, rows, there)
        servers = put(plan.servers, rows, there)
        put(plan.tenants, rows, there)
        put(plan.zones, *servers)
        put(plan.cluster, *servers)
    metrics = evaluate(columns).astype(np.float32)
    return Table(plan.subjects, metrics, present)


def _plan_of(identities: Iterable[Identity], tenants: Mapping[str, Sequence[int]]) -> Plan:
    """Of servers that have been sampled."""
    first: dict[str, int] = {}
    rows = 0
    zones: dict[Subject, list[int]] = {}
    servers: dict[Subject, list[int]] = {}
    wide: dict[Subject, list[int]] = {}
    placed: dict[Subject, list[int]] = {}
    for name, zone, known in identities:
        own = tenants.get(name)
        if not own or name in first:
            continue
        first[name] = rows
        zones.setdefault(Subject(zone), []).append(len(servers))
        servers[Subject(zone, name)] = list(range(rows, rows + len(own)))
        names = {tenant.id: tenant.name for tenant in known}
        for row, tenant in enumerate(own, rows):
            if title := names.get(tenant):
                wide.setdefault(Subject(tenant=title), []).append(row)
                placed.setdefault(Subject(zone, name, title), []).append(row)
        rows += len(own)
    cluster = {Subject(): list(range(len(servers)))} if servers else {}
    index: dict[Subject, int] = {}
    for subject in (*cluster, *zones, *wide, *servers, *placed):
        index.setdefault(subject, len(index))
    of_rows = (_groups(index, each, rows) for each in (placed, servers, wide))
    of_servers = (_groups(index, each, len(servers)) for each in (zones, cluster))
    return Plan(index, first, rows, *of_rows, *of_servers)


def _groups(index: Mapping[Subject, int], members: Mapping[Subject, Sequence[int]], of: int) -> Groups:
    subjects = np.array([index[subject] for subject in members], dtype=np.intp)
    sizes = np.array([len(rows) for rows in members.values()], dtype=np.intp)
    order = np.array([row for rows in members.values() for row in rows], dtype=np.intp)
    in_place = len(order) == of and bool((order == np.arange(of)).all())
    return Groups(subjects, np.cumsum(sizes) - sizes, None if in_place else order)

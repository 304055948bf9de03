"""Servers that are a whole database each, without views of a cluster: what each says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from distdiag_tui.model.topology import Layout, Member, Merge, Server, TenantFacts, Unit, Zone
from distdiag_tui.sources.capability import Capability
from distdiag_tui.sources.discovery.assembly import merge_of, oldest, server_shares, unit_shares
from distdiag_tui.sources.discovery.known import Table
from distdiag_tui.sources.discovery.parts import OLD, Way
from distdiag_tui.sources.discovery.values import number, words

WAYS: Final = {
    "server": Way(
        "V$OB_SERVER_STAT",
        ("START_SERVICE_TIME",),
        (
            "CPU_CAPACITY", "CPU_ASSIGNED", "MEM_CAPACITY", "MEM_ASSIGNED",
            "LOG_DISK_CAPACITY", "LOG_DISK_ASSIGNED", "LOG_DISK_IN_USE",
            "DATA_DISK_CAPACITY", "DATA_DISK_ASSIGNED", "DATA_DISK_IN_USE",
        ),
        raw=True,
    ),
    "unit": Way(
        "GV$OB_UNITS",
        ("STATUS", "MAX_CPU", "MEMORY_SIZE"),
        ("LOG_DISK_SIZE", "LOG_DISK_IN_USE", "DATA_DISK_SIZE", "DATA_DISK_IN_USE"),
    ),
    "compaction": Way("DBA_OB_MAJOR_COMPACTION", ("STATUS",), ("IS_ERROR", "IS_SUSPENDED", "START_TIME")),
    "transactions": Way("GV$OB_TRANSACTION_PARTICIPANTS", ("CTX_CREATE_TIME", "SESSION_ID"), (), OLD),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alone:
    """A server, the rows it gave, and by how much its clock is ahead of ours (s)."""

    server: Server
    tables: Mapping[str, Table] = field(default_factory=dict)
    clock_offset: float | None = None


def selects(capability: Capability) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Statements and their columns, by what they are for, as far as the server has the views."""
    asked = {name: way.select(capability) for name, way in WAYS.items()}
    return {name: found for name, found in asked.items() if found is not None}


def layout_of(servers: Iterable[Alone]) -> Layout:
    """All of them in one picture: a zone, a member, a tenant and a unit each."""
    found = list(servers)
    merge = _merge(found)
    tenants = {
        tenant.name: TenantFacts(tenant.id, tenant.name, merge=merge)
        for each in found
        for tenant in each.server.tenants
    }
    return Layout(
        zones=tuple(Zone(name) for name in dict.fromkeys(each.server.zone for each in found)),
        members={each.server.name: _member(each) for each in found},
        tenants=tuple(tenants.values()),
        units=tuple(unit for number, each in enumerate(found, 1) for unit in _units(number, each)),
        sampling="direct",
    )


def _merge(servers: Iterable[Alone]) -> Merge:
    """Of all of them one that is at work, or else idle."""
    merges = [merge_of(row) for each in servers for row in each.tables.get("compaction", ())]
    return next((merge for merge in merges if merge.state != "IDLE"), merges[0] if merges else Merge())


def _member(alone: Alone) -> Member:
    server = alone.server
    row = next(iter(alone.tables.get("server", ())), {})
    micros = number(row, "START_SERVICE_TIME")
    return Member(
        server.name,
        server.zone,
        version=server.product,
        started=micros / 1e6 if micros else None,
        clock_offset=alone.clock_offset,
        shares=server_shares(row, None, None),
        oldest_transaction=oldest(alone.tables.get("transactions", ())),
        merge=_merge([alone]),
    )


def _units(number: int, alone: Alone) -> Iterable[Unit]:
    tenant = next((tenant.name for tenant in alone.server.tenants), "")
    for row in alone.tables.get("unit", ()):
        shares = unit_shares(row, row, None, None)
        yield Unit(number, tenant, alone.server.zone, alone.server.name, words(row, "STATUS"), shares=shares)

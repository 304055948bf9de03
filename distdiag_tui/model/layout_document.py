"""The document of `distdiag topology --json`: what was discovered of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import utc
from distdiag_tui.model.topology import Layout, Member, Server, Share, Zone

TOPOLOGY_SCHEMA: Final = "distdiag.topology/1"


def topology_document(snapshot: Snapshot) -> dict[str, Any]:
    """Schema distdiag.topology/1: times in ISO 8601 (UTC), spans in s, cores for CPU, bytes for all else.

    What is not known is null or an empty text. `servers` says how each answers us (`status`) and what its
    cluster says of it (`state`).
    """
    layout = snapshot.layout or Layout(zones=tuple(Zone(name) for name in snapshot.zones))
    return {
        "schema": TOPOLOGY_SCHEMA,
        "time": utc(snapshot.time),
        "cluster": snapshot.cluster,
        "tenant": layout.tenant,
        "sampling": layout.sampling,
        "zones": [
            {"name": zone.name, "status": zone.status, "region": zone.region, "idc": zone.idc}
            for zone in layout.zones
        ],
        "servers": [_server(each, layout.members.get(each.name)) for each in snapshot.servers],
        "tenants": [
            {
                "id": each.id,
                "name": each.name,
                "kind": each.kind,
                "role": each.role,
                "status": each.status,
                "primary_zone": each.primary_zone,
                "locality": each.locality,
                "compaction": each.merge.state,
                "compacting_since": _moment(each.merge.since),
            }
            for each in layout.tenants
        ],
        "units": [
            {
                "id": each.id,
                "tenant": each.tenant,
                "zone": each.zone,
                "server": each.server,
                "status": each.status,
                "migrating_from": each.source or None,
                "pool": each.pool,
                "resources": _shares(each.shares),
            }
            for each in layout.units
        ],
        "leaders": [
            {"tenant": tenant.name, "server": server, "count": count}
            for tenant in layout.tenants
            for server, count in tenant.leaders.items()
        ],
        "missing": list(layout.missing),
    }


def _server(server: Server, member: Member | None) -> dict[str, Any]:
    member = member or Member(server.name, server.zone)
    return {
        "name": server.name,
        "address": server.address,
        "rpc_address": member.rpc,
        "zone": server.zone,
        "status": server.status.value,
        "detail": server.detail,
        "state": member.state,
        "stopped": member.stopped,
        "rootserver": member.rootserver,
        "product": server.product,
        "version": member.version,
        "started": _moment(member.started),
        "clock_offset": None if member.clock_offset is None else round(member.clock_offset, 6),
        "leaders": member.leaders,
        "oldest_transaction": _moment(member.oldest_transaction),
        "tenants": [tenant.name for tenant in server.tenants],
        "resources": _shares(member.shares),
    }


def _moment(time: float | None) -> str | None:
    return None if time is None else utc(time)


def _shares(shares: Mapping[str, Share]) -> dict[str, dict[str, float | None]]:
    return {
        name: {"used": share.used, "assigned": share.assigned, "limit": share.limit}
        for name, share in shares.items()
    }

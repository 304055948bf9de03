"""Zones, servers, tenants and units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from distdiag_tui.sim.definitions import VERSIONS
from distdiag_tui.sim.rows.ask import Ask, Rows, table
from distdiag_tui.sim.world import Tenant

_SHARES: Final = {"USER": 1.0, "SYS": 1.0, "META": 0.25}


def build(version: str) -> str:
    """As BUILD_VERSION says it."""
    return f"{VERSIONS[version]}_100000000000000000000000000000000-{'0' * 40}(stand-in)"


def _servers(ask: Ask) -> Iterator[dict[str, Any]]:
    root = ask.world.root
    for each in ask.world.members:
        serves = each.counted and each.status != "INACTIVE"
        yield {
            "SVR_IP": each.ip, "SVR_PORT": each.rpc_port, "ID": each.index + 1, "ZONE": each.zone,
            "SQL_PORT": each.sql_port, "WITH_ROOTSERVER": "YES" if each is root else "NO",
            "STATUS": each.status, "START_SERVICE_TIME": each.started if serves else None, "STOP_TIME": None,
            "BLOCK_MIGRATE_IN_TIME": None, "CREATE_TIME": each.created,
            "MODIFY_TIME": each.offline_since or each.started, "BUILD_VERSION": build(ask.version),
            "LAST_OFFLINE_TIME": each.offline_since,
        }  # fmt: skip


def _zones(ask: Ask) -> Iterator[dict[str, Any]]:
    for each in ask.world.zones:
        yield {
            "ZONE": each.name, "CREATE_TIME": each.created, "MODIFY_TIME": each.changed,
            "STATUS": each.status,
            "IDC": f"idc{each.name.removeprefix('zone')}", "REGION": each.region, "TYPE": "ReadWrite",
        }  # fmt: skip


def _tenants(ask: Ask) -> Iterator[dict[str, Any]]:
    zones = [each.name for each in ask.world.zones]
    scn = int(ask.now * 1e9)
    for each in ask.tenants:
        user = each.kind == "USER"
        yield {
            "TENANT_ID": each.id, "TENANT_NAME": each.name, "TENANT_TYPE": each.kind,
            "CREATE_TIME": each.created,
            "MODIFY_TIME": each.created, "PRIMARY_ZONE": "RANDOM" if user else ";".join(zones),
            "LOCALITY": ", ".join(f"FULL{{1}}@{zone}" for zone in zones), "PREVIOUS_LOCALITY": None,
            "COMPATIBILITY_MODE": "MYSQL", "STATUS": "NORMAL", "IN_RECYCLEBIN": "NO", "LOCKED": "NO",
            "TENANT_ROLE": "PRIMARY", "SWITCHOVER_STATUS": "NORMAL", "SWITCHOVER_EPOCH": 0,
            "SYNC_SCN": scn if user else None, "REPLAYABLE_SCN": scn if user else None,
            "READABLE_SCN": scn if user else None, "RECOVERY_UNTIL_SCN": (1 << 62) - 1 if user else None,
            "LOG_MODE": "NOARCHIVELOG", "ARBITRATION_SERVICE_STATUS": "DISABLED",
            "UNIT_NUM": each.units_per_zone,
            "COMPATIBLE": VERSIONS[ask.version],
            "MAX_LS_ID": 1000 + each.units_per_zone * len(zones) if user else 1,
        }  # fmt: skip


def _limits(tenant: Tenant) -> dict[str, Any]:
    iops = int(tenant.cpus * 10000)
    return {
        "MAX_CPU": tenant.cpus, "MIN_CPU": tenant.cpus / 2, "MEMORY_SIZE": tenant.memory,
        "LOG_DISK_SIZE": 3 * tenant.memory, "MAX_IOPS": iops, "MIN_IOPS": iops,
        "IOPS_WEIGHT": int(tenant.cpus),
    }  # fmt: skip


def _pool_id(tenant: Tenant) -> int:
    return 1 if tenant.kind == "SYS" else 1000 + tenant.index // 2


def _units(ask: Ask) -> Iterator[dict[str, Any]]:
    for each in ask.world.units:
        yield {
            "UNIT_ID": each.id, "TENANT_ID": each.tenant.id, "STATUS": "ACTIVE",
            "RESOURCE_POOL_ID": _pool_id(each.tenant), "UNIT_GROUP_ID": each.group,
            "CREATE_TIME": each.created,
            "MODIFY_TIME": each.created, "ZONE": each.zone, "ZONE_TYPE": "ReadWrite",
            "SVR_IP": each.server.ip,
            "SVR_PORT": each.server.rpc_port, "MIGRATE_FROM_SVR_IP": each.source.ip if each.source else None,
            "MIGRATE_FROM_SVR_PORT": each.source.rpc_port if each.source else None,
            "MANUAL_MIGRATE": "NO" if each.source else None, "UNIT_CONFIG_ID": _pool_id(each.tenant),
            "REPLICA_TYPE": "FULL",
        } | _limits(each.tenant)  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "DBA_OB_SERVERS": lambda ask: table(_servers(ask)),
    "DBA_OB_ZONES": lambda ask: table(_zones(ask)),
    "DBA_OB_TENANTS": lambda ask: table(_tenants(ask)),
    "DBA_OB_UNITS": lambda ask: table(_units(ask)),
}

"""What servers have and what units take of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from distdiag_tui.sim.rows.ask import Ask, Rows, table
from distdiag_tui.sim.world import GB, Server, Tenant, Unit


def limits(tenant: Tenant) -> dict[str, Any]:
    """A tenant's unit configuration."""
    iops = int(tenant.cpus * 10000)
    return {
        "MAX_CPU": tenant.cpus, "MIN_CPU": tenant.cpus / 2, "MEMORY_SIZE": tenant.memory,
        "LOG_DISK_SIZE": 3 * tenant.memory, "MAX_IOPS": iops, "MIN_IOPS": iops,
        "IOPS_WEIGHT": max(1, int(tenant.cpus)), "DATA_DISK_SIZE": 0,
    }  # fmt: skip


def pool_id(tenant: Tenant) -> int:
    """Of the one resource pool of a tenant, and of its unit configuration."""
    return 1 if tenant.kind == "SYS" else 1000 + tenant.index // 2


def used(ask: Ask, unit: Unit) -> tuple[int, int]:
    """Bytes of data and of log that a unit fills: more every day, and not the same for all."""
    days = (ask.now - unit.created) / 86400
    data = int((4 + 0.8 * days + unit.id * 37 % 50) * GB) if unit.tenant.kind == "USER" else 2 * GB
    return data, int(3 * unit.tenant.memory * (0.35 + unit.id * 13 % 20 / 100))


def _servers(ask: Ask) -> Iterator[dict[str, Any]]:
    hosted: dict[int, list[Unit]] = {}
    for unit in ask.world.units:
        hosted.setdefault(unit.server.index, []).append(unit)
    for each in ask.servers:
        units = hosted.get(each.index, [])
        yield _server(each, units, [used(ask, unit) for unit in units])


def _server(each: Server, units: list[Unit], filled: list[tuple[int, int]]) -> dict[str, Any]:
    cpus = sum(unit.tenant.cpus for unit in units)
    logs = sum(3 * unit.tenant.memory for unit in units)
    data = min(each.data_disk, 20 * GB + sum(each for each, _ in filled))
    return {
        "SVR_IP": each.ip, "SVR_PORT": each.rpc_port, "ZONE": each.zone, "SQL_PORT": each.sql_port,
        "CPU_CAPACITY": each.cpus, "CPU_CAPACITY_MAX": float(each.cpus), "CPU_ASSIGNED": cpus / 2,
        "CPU_ASSIGNED_MAX": cpus, "MEM_CAPACITY": each.memory * 9 // 10,
        "MEM_ASSIGNED": sum(unit.tenant.memory for unit in units), "LOG_DISK_CAPACITY": each.log_disk,
        "LOG_DISK_ASSIGNED": logs, "LOG_DISK_IN_USE": min(logs, sum(log for _, log in filled)),
        "DATA_DISK_CAPACITY": each.data_disk, "DATA_DISK_IN_USE": data, "DATA_DISK_HEALTH_STATUS": "NORMAL",
        "MEMORY_LIMIT": each.memory, "DATA_DISK_ALLOCATED": each.data_disk, "DATA_DISK_ABNORMAL_TIME": None,
        "SSL_CERT_EXPIRED_TIME": None, "DATA_DISK_ASSIGNED": 0,
    }  # fmt: skip


def _placements(ask: Ask) -> Iterator[dict[str, Any]]:
    for each in ask.world.units:
        yield {
            "UNIT_ID": each.id, "TENANT_ID": each.tenant.id, "STATUS": "ACTIVE",
            "RESOURCE_POOL_ID": pool_id(each.tenant), "UNIT_GROUP_ID": each.group,
            "CREATE_TIME": each.created, "MODIFY_TIME": each.created, "ZONE": each.zone,
            "SVR_IP": each.server.ip, "SVR_PORT": each.server.rpc_port,
            "MIGRATE_FROM_SVR_IP": each.source.ip if each.source else None,
            "MIGRATE_FROM_SVR_PORT": each.source.rpc_port if each.source else None,
            "MANUAL_MIGRATE": "NO" if each.source else None, "UNIT_CONFIG_ID": pool_id(each.tenant),
        } | limits(each.tenant)  # fmt: skip


def _units(ask: Ask) -> Iterator[dict[str, Any]]:
    """Of servers that answer. A user tenant's unit serves its meta tenant too, which takes a part of it."""
    regions = {zone.name: zone.region for zone in ask.world.zones}
    seen = {each.id for each in ask.tenants}
    servers = {each.index for each in ask.servers}
    for each in ask.world.units:
        if each.tenant.id in seen and each.server.index in servers:
            data, log = used(ask, each)
            yield {
                "SVR_IP": each.server.ip, "SVR_PORT": each.server.rpc_port, "UNIT_ID": each.id,
                "TENANT_ID": each.tenant.id, "ZONE": each.zone, "ZONE_TYPE": "ReadWrite",
                "REGION": regions[each.zone], "LOG_DISK_IN_USE": log, "DATA_DISK_IN_USE": data,
                "STATUS": "NORMAL", "CREATE_TIME": each.created,
            } | limits(each.tenant)  # fmt: skip


def _owners(ask: Ask) -> list[Tenant]:
    return [each for each in ask.world.tenants if each.kind != "META"]


def _pools(ask: Ask) -> Iterator[dict[str, Any]]:
    zones = ";".join(each.name for each in ask.world.zones)
    for each in _owners(ask):
        yield {
            "RESOURCE_POOL_ID": pool_id(each), "NAME": f"{each.name}_pool", "TENANT_ID": each.id,
            "CREATE_TIME": each.created, "MODIFY_TIME": each.created, "UNIT_COUNT": each.units_per_zone,
            "UNIT_CONFIG_ID": pool_id(each), "ZONE_LIST": zones, "REPLICA_TYPE": "FULL",
        }  # fmt: skip


def _configs(ask: Ask) -> Iterator[dict[str, Any]]:
    for each in _owners(ask):
        yield {
            "UNIT_CONFIG_ID": pool_id(each), "NAME": f"{each.name}_unit", "CREATE_TIME": each.created,
            "MODIFY_TIME": each.created,
        } | limits(each)  # fmt: skip


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "GV$OB_SERVERS": lambda ask: table(_servers(ask)),
    "DBA_OB_UNITS": lambda ask: table(_placements(ask)),
    "GV$OB_UNITS": lambda ask: table(_units(ask)),
    "DBA_OB_RESOURCE_POOLS": lambda ask: table(_pools(ask)),
    "DBA_OB_UNIT_CONFIGS": lambda ask: table(_configs(ask)),
}

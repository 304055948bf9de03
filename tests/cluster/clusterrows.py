"""Rows of a small cluster's views, as discovery gets them."""

from __future__ import annotations

from distdiag_tui.sources.discovery.known import Answers, Table

START = 1_795_000_000.0

GIB = float(1 << 30)


def server(host: int, zone: int, **more: object) -> dict[str, object]:
    """A row of DBA_OB_SERVERS."""
    row: dict[str, object] = {
        "SVR_IP": f"10.0.0.{host}", "SVR_PORT": 2882, "ZONE": f"zone{zone}", "SQL_PORT": 2881,
        "STATUS": "ACTIVE", "WITH_ROOTSERVER": "YES" if host == 1 else "NO", "START_SERVICE_TIME": START,
        "STOP_TIME": None, "BUILD_VERSION": "4.2.5.0_1",
    }  # fmt: skip
    return row | more


def unit(number: int, tenant: int, host: int, zone: int, **more: object) -> dict[str, object]:
    """A row of DBA_OB_UNITS."""
    row: dict[str, object] = {
        "UNIT_ID": number, "TENANT_ID": tenant, "SVR_IP": f"10.0.0.{host}", "SVR_PORT": 2882,
        "ZONE": f"zone{zone}", "STATUS": "ACTIVE", "RESOURCE_POOL_ID": 1, "MAX_CPU": 4.0,
        "MEMORY_SIZE": 8 * GIB, "LOG_DISK_SIZE": 24 * GIB, "MIGRATE_FROM_SVR_IP": None,
        "MIGRATE_FROM_SVR_PORT": None,
    }  # fmt: skip
    return row | more


def leader(tenant: int, stream: int, host: int, proposal: int = 1) -> dict[str, object]:
    """A row of GV$OB_LOG_STAT of a leader."""
    return {
        "TENANT_ID": tenant, "LS_ID": stream, "SVR_IP": f"10.0.0.{host}", "SVR_PORT": 2882, "ROLE": "LEADER",
        "PROPOSAL_ID": proposal,
    }  # fmt: skip


def usage(tenant: int, host: int, memory: float, cpu: float) -> Table:
    """Rows of GV$SYSSTAT: bytes held, and microseconds of CPU time."""
    head = {"CON_ID": tenant, "SVR_IP": f"10.0.0.{host}", "SVR_PORT": 2882}
    return [{**head, "STAT_ID": 140003, "VALUE": memory}, {**head, "STAT_ID": 140013, "VALUE": cpu}]


def tables() -> dict[str, Table]:
    """Three zones with a server each, and the tenants sys and shop."""
    return {
        "servers": [server(host, host) for host in (1, 2, 3)],
        "zones": [
            {"ZONE": f"zone{zone}", "STATUS": "ACTIVE", "REGION": "north", "IDC": "a"} for zone in (1, 2, 3)
        ],
        "tenants": [
            {"TENANT_ID": 1, "TENANT_NAME": "sys", "TENANT_TYPE": "SYS", "TENANT_ROLE": "PRIMARY",
             "STATUS": "NORMAL", "PRIMARY_ZONE": "RANDOM", "LOCALITY": "FULL{1}@zone1"},
            {"TENANT_ID": 1001, "TENANT_NAME": "META$1002", "TENANT_TYPE": "META", "STATUS": "NORMAL"},
            {"TENANT_ID": 1002, "TENANT_NAME": "shop", "TENANT_TYPE": "USER", "TENANT_ROLE": "PRIMARY",
             "STATUS": "NORMAL", "PRIMARY_ZONE": "zone1", "LOCALITY": "FULL{1}@zone1"},
        ],
        "units": [unit(10 * tenant + host, tenant, host, host) for tenant in (1, 1002) for host in (1, 2, 3)],
        "pools": [{"RESOURCE_POOL_ID": 1, "NAME": "pool1"}],
        "leaders": [leader(1, 1, 1), leader(1002, 1, 1), leader(1002, 1001, 1), leader(1002, 1002, 2)],
        "compaction": [{"TENANT_ID": 1002, "STATUS": "IDLE", "IS_ERROR": "NO", "IS_SUSPENDED": "NO"}],
        "resources": [
            {"SVR_IP": f"10.0.0.{host}", "SVR_PORT": 2882, "SQL_PORT": 2881, "ZONE": f"zone{host}",
             "CPU_CAPACITY": 16, "CPU_ASSIGNED": 8.0,
             "MEM_CAPACITY": 64 * GIB, "MEM_ASSIGNED": 16 * GIB, "LOG_DISK_CAPACITY": 192 * GIB,
             "LOG_DISK_ASSIGNED": 48 * GIB, "LOG_DISK_IN_USE": 24 * GIB, "DATA_DISK_CAPACITY": 1000 * GIB,
             "DATA_DISK_IN_USE": 10 * GIB}
            for host in (1, 2, 3)
        ],
        "use": [
            {"UNIT_ID": 10 * tenant + host, "TENANT_ID": tenant, "SVR_IP": f"10.0.0.{host}", "SVR_PORT": 2882,
             "ZONE": f"zone{host}", "REGION": "north", "LOG_DISK_IN_USE": 3 * GIB, "DATA_DISK_IN_USE": GIB}
            for tenant in (1, 1002) for host in (1, 2, 3)
        ],
        "usage": [row for host in (1, 2, 3) for row in usage(1002, host, 5e9, 1e6 * host)],
    }  # fmt: skip


def answers(**parts: Table) -> Answers:
    """The cluster's answers, with some parts in place of the usual ones."""
    return answering(tables() | parts)


def answering(parts: dict[str, Table], at: float = 100.0, tenant: int = 1) -> Answers:
    """Answers of these parts alone, at a moment (s, monotonic)."""
    return Answers(parts, {part: part for part in parts}, tenant=tenant, at=at)

"""Zones, servers and tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from distdiag_tui.sim.definitions import VERSIONS
from distdiag_tui.sim.rows.ask import Ask, Rows, table


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


MAKERS: Final[dict[str, Callable[[Ask], Rows]]] = {
    "DBA_OB_SERVERS": lambda ask: table(_servers(ask)),
    "DBA_OB_ZONES": lambda ask: table(_zones(ask)),
    "DBA_OB_TENANTS": lambda ask: table(_tenants(ask)),
}

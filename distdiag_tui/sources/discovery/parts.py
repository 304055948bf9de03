"""What discovery asks for, part by part: the views that can tell it, best first, and their columns.

A part whose views are all missing costs only what it would have told, and is named in `Layout.missing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from distdiag_tui.sources.capability import Capability

MOST_ROWS: Final = 50_000  # of a part; a cluster of 1,000 servers has about 7,000 units
MEMORY_USED: Final = 140003  # statistic: bytes that a tenant holds on a server
CPU_TIME: Final = 140013  # statistic: microseconds of CPU time used, ever growing

_ADDRESS: Final = ("SVR_IP", "SVR_PORT")
_TIMES: Final = frozenset({"START_SERVICE_TIME", "STOP_TIME", "START_TIME", "CTX_CREATE_TIME"})
LOCATIONS: Final = "DBA_OB_LS_LOCATIONS"
"""Where the replicas of a tenant are, also those on servers that are down."""
OLD: Final = "session_id <> 0 and ctx_create_time < now(6) - interval 60 second"
"""Which transactions are worth a look: others are many, and over soon."""


@dataclass(frozen=True, slots=True)
class Way:
    """One view that tells a part: columns it must have, columns that are welcome, and which rows."""

    view: str
    needs: tuple[str, ...]
    likes: tuple[str, ...] = ()
    where: str = ""
    distinct: bool = False
    raw: bool = False  # times as the view has them

    def select(self, capability: Capability) -> tuple[str, tuple[str, ...]] | None:
        """The statement after its `select`, and the names of its columns; None if it cannot be asked."""
        if not capability.has(self.view, *self.needs):
            return None
        columns = (*self.needs, *(each for each in self.likes if capability.has(self.view, each)))
        listed = ", ".join(column.lower() if self.raw else _selected(column) for column in columns)
        where = f" where {self.where}" if self.where else ""
        distinct = "distinct " if self.distinct else ""
        return f"{distinct}{listed} from oceanbase.{self.view}{where} limit {MOST_ROWS}", columns


def _selected(column: str) -> str:
    """Times as epoch seconds, whatever the session's time zone; 0 for the zero date of some columns."""
    name = column.lower()
    return f"unix_timestamp({name})" if column in _TIMES else name


@dataclass(frozen=True, slots=True)
class Part:
    """Something to know of a cluster; `about` is what one misses without it."""

    name: str
    about: str
    ways: tuple[Way, ...]


_LEADER: Final = "role = 'LEADER'"
_MERGE: Final = ("IS_ERROR", "IS_SUSPENDED", "START_TIME")

PARTS: Final = (
    Part(
        "servers",
        "states of servers",
        (
            Way(
                "DBA_OB_SERVERS",
                (*_ADDRESS, "ZONE", "SQL_PORT"),
                ("STATUS", "WITH_ROOTSERVER", "START_SERVICE_TIME", "STOP_TIME", "BUILD_VERSION"),
            ),
        ),
    ),
    Part(
        "resources",
        "resources of servers",
        (
            Way(
                "GV$OB_SERVERS",
                _ADDRESS,
                (
                    "ZONE", "SQL_PORT", "CPU_CAPACITY", "CPU_ASSIGNED", "MEM_CAPACITY", "MEM_ASSIGNED",
                    "LOG_DISK_CAPACITY", "LOG_DISK_ASSIGNED", "LOG_DISK_IN_USE",
                    "DATA_DISK_CAPACITY", "DATA_DISK_ASSIGNED", "DATA_DISK_IN_USE",
                ),
            ),
            Way(
                "V$OB_SERVER_STAT",
                _ADDRESS,
                (
                    "SQL_PORT", "CPU_CAPACITY", "CPU_ASSIGNED", "MEM_CAPACITY", "MEM_ASSIGNED",
                    "LOG_DISK_CAPACITY", "LOG_DISK_ASSIGNED", "LOG_DISK_IN_USE",
                    "DATA_DISK_CAPACITY", "DATA_DISK_ASSIGNED", "DATA_DISK_IN_USE",
                ),
            ),
        ),
    ),
    Part("zones", "states of zones", (Way("DBA_OB_ZONES", ("ZONE",), ("STATUS", "REGION", "IDC")),)),
    Part(
        "tenants",
        "tenants",
        (
            Way(
                "DBA_OB_TENANTS",
                ("TENANT_ID", "TENANT_NAME"),
                ("TENANT_TYPE", "TENANT_ROLE", "STATUS", "PRIMARY_ZONE", "LOCALITY"),
            ),
        ),
    ),
    Part(
        "units",
        "placement of units",
        (
            Way(
                "DBA_OB_UNITS",
                ("UNIT_ID", *_ADDRESS),
                (
                    "TENANT_ID", "ZONE", "STATUS", "MIGRATE_FROM_SVR_IP", "MIGRATE_FROM_SVR_PORT",
                    "RESOURCE_POOL_ID", "MAX_CPU", "MEMORY_SIZE", "LOG_DISK_SIZE", "DATA_DISK_SIZE",
                ),
            ),
            Way(
                "GV$OB_UNITS",
                ("UNIT_ID", *_ADDRESS),
                (
                    "TENANT_ID", "ZONE", "STATUS", "MAX_CPU", "MEMORY_SIZE", "LOG_DISK_SIZE",
                    "DATA_DISK_SIZE",
                ),
            ),
        ),
    ),
    Part(
        "use",
        "use of units",
        (
            Way(
                "GV$OB_UNITS",
                ("UNIT_ID", *_ADDRESS),
                (
                    "TENANT_ID", "ZONE", "REGION", "STATUS", "MAX_CPU", "MEMORY_SIZE",
                    "LOG_DISK_SIZE", "LOG_DISK_IN_USE", "DATA_DISK_SIZE", "DATA_DISK_IN_USE",
                ),
            ),
        ),
    ),
    Part("pools", "resource pools", (Way("DBA_OB_RESOURCE_POOLS", ("RESOURCE_POOL_ID", "NAME")),)),
    Part(
        "leaders",
        "leaders",
        (
            Way("GV$OB_LOG_STAT", ("TENANT_ID", "LS_ID", *_ADDRESS, "ROLE"), ("PROPOSAL_ID",), _LEADER),
            Way("CDB_OB_LS_LOCATIONS", ("TENANT_ID", "LS_ID", *_ADDRESS, "ROLE"), (), _LEADER),
            Way(LOCATIONS, ("LS_ID", *_ADDRESS, "ROLE"), (), _LEADER),
            Way("DBA_OB_TABLE_LOCATIONS", ("LS_ID", *_ADDRESS, "ROLE"), (), _LEADER, distinct=True),
        ),
    ),
    Part(
        "ports",
        "SQL ports",
        (
            Way(LOCATIONS, (*_ADDRESS, "SQL_PORT", "ZONE"), distinct=True),
            Way("GV$OB_PROCESSLIST", (*_ADDRESS, "SQL_PORT"), distinct=True),
        ),
    ),
    Part(
        "compaction",
        "major compaction",
        (
            Way("CDB_OB_MAJOR_COMPACTION", ("TENANT_ID", "STATUS"), _MERGE),
            Way("DBA_OB_MAJOR_COMPACTION", ("STATUS",), _MERGE),
        ),
    ),
    Part(
        "transactions",
        "old transactions",
        (Way("GV$OB_TRANSACTION_PARTICIPANTS", (*_ADDRESS, "CTX_CREATE_TIME", "SESSION_ID"), (), OLD),),
    ),
    Part(
        "usage",
        "CPU and memory used",
        (
            Way(
                "GV$SYSSTAT",
                ("CON_ID", *_ADDRESS, "STAT_ID", "VALUE"),
                where=f"stat_id in ({MEMORY_USED}, {CPU_TIME})",
            ),
        ),
    ),
)  # fmt: skip

HISTORIES: Final = ("DBA_OB_ROOTSERVICE_EVENT_HISTORY", "DBA_OB_SERVER_EVENT_HISTORY")

VIEWS: Final = tuple(dict.fromkeys((*(way.view for part in PARTS for way in part.ways), *HISTORIES)))
"""Every view that discovery may read."""

"""What a server is and what it can be asked, found out by asking it, never from a version string."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncmy.errors import MySQLError

# Views the console may read. Each is probed on its own: a monitoring account may see some and not others.
VIEWS = (
    "GV$SYSSTAT",
    "GV$SYSTEM_EVENT",
    "GV$OB_PROCESSLIST",
    "GV$OB_PLAN_CACHE_STAT",
    "V$OB_SERVER_STAT",
    "GV$OB_SERVERS",
    "DBA_OB_SERVERS",
    "DBA_OB_TENANTS",
    "GV$OB_PARAMETERS",
    "GV$OB_UNITS",
    "DBA_OB_MAJOR_COMPACTION",
    "GV$OB_TRANSACTION_PARTICIPANTS",
)

ESSENTIAL = "GV$SYSSTAT"


@dataclass(frozen=True, slots=True)
class Capability:
    """The record that everything later asks. `views` maps a readable view to its column names."""

    product: str
    version: str
    views: Mapping[str, frozenset[str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def has(self, view: str, *columns: str) -> bool:
        """Whether the view can be read and has these columns."""
        return view in self.views and self.views[view].issuperset(columns)

    @property
    def clustered(self) -> bool:
        """Whether it is a server of a cluster, or an OBProxy of one."""
        return self.has(ESSENTIAL, "SVR_IP", "SVR_PORT")

    @property
    def usable(self) -> bool:
        """Whether there is anything to sample."""
        return ESSENTIAL in self.views


async def probe(
    connection: Any,  # noqa: ANN401  untyped
    wanted: Iterable[str] = VIEWS,
    timeout: float | None = None,  # noqa: ASYNC109  s, of each statement
) -> Capability:
    """Ask a fresh connection what it is and which of the views this account may read."""
    async with connection.cursor() as cursor:

        async def ask(sql: str) -> None:
            async with asyncio.timeout(timeout):
                await cursor.execute(sql)

        await ask("select /* distdiag */ version(), @@version_comment")
        version, comment = (str(text) for text in await cursor.fetchone())
        views: dict[str, frozenset[str]] = {}
        missing: dict[str, str] = {}
        for view in wanted:
            try:
                await ask(f"select /* distdiag */ * from oceanbase.{view} limit 0")  # noqa: S608  own constants
            except MySQLError as error:
                missing[view] = reason(error)
            else:
                views[view] = frozenset(column[0].upper() for column in cursor.description)
    return Capability(_product(version, comment), version, views, missing)


def reason(error: MySQLError) -> str:
    """The server's own words for an error, without the code, in one line."""
    words = str(error.args[1]) if len(error.args) > 1 else str(error)
    return " ".join(words.split())


def _product(version: str, comment: str) -> str:
    """For display only.

    >>> _product("5.7.25-OceanBase seekdb-v1.3.0.0", "OceanBase 4.3.5.3 seekdb (r1) (Built ...)")
    'seekdb 1.3.0.0'
    >>> _product("5.7.25-OceanBase-v4.2.1.9", "OceanBase_CE 4.2.1.9 (r1) (Built ...)")
    'OceanBase 4.2.1.9'
    >>> _product("10.11.6-MariaDB", "Debian 12")
    '10.11.6-MariaDB'
    """
    if "seekdb-v" in version:
        return f"seekdb {version.rsplit('seekdb-v', 1)[1]}"
    if "OceanBase" in version or "OceanBase" in comment:
        return f"OceanBase {version.rsplit('-v', 1)[-1]}"
    return version

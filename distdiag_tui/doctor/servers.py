"""The cluster: whether each server answers, and what the account may do there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asyncmy.errors import MySQLError

from distdiag_tui.doctor.check import Check
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.text import duration, several
from distdiag_tui.model.topology import Status
from distdiag_tui.sources import queries
from distdiag_tui.sources.capability import Capability, probe
from distdiag_tui.sources.discovery.known import Given
from distdiag_tui.sources.discovery.look import Discovery
from distdiag_tui.sources.discovery.values import by_address
from distdiag_tui.sources.node import FEATURES, TIMEOUT
from distdiag_tui.sources.repository import REACH, read_spans
from distdiag_tui.sources.session import connect
from distdiag_tui.sources.trouble import diagnose

MOST: Final = 16
"""Servers that are asked."""
SHOWN: Final = 3

_HOURS: Final = REACH // 3600
_ALL: Final = "ALL PRIVILEGES"
_NEEDS: Final = (
    ("CREATE", "workloads and SQL anomalies"),
    ("ALTER SYSTEM", "flushes, memory_pressure and major_compaction"),
)


async def servers(target: Target) -> AsyncIterator[Check]:
    """One for each server, and what the account may do on the first that answers."""
    asked = target.endpoints[:MOST]
    found = await asyncio.gather(*(_look(endpoint, target) for endpoint in asked))
    for look in found:
        yield look.check
    if grants := next((look.grants for look in found if look.grants), []):
        for check in _rights(target, grants):
            yield check
    if (first := next((look for look in found if look.check.state == "ok"), None)) is not None:
        hours, others = await asyncio.gather(_hours_before(first.endpoint, target), _others(first, target))
        yield hours
        if others is not None:
            yield others
    if len(target.endpoints) > MOST:
        yield Check("servers", "ok", f"{MOST} of {len(target.endpoints)} were asked")


@dataclass(frozen=True, slots=True)
class _Look:
    """Of one server: whether it answers, what the account may do there, whether it is one of a cluster.

    `proxied`: an OBProxy is between, which leads to any of them.
    """

    endpoint: Endpoint
    check: Check
    grants: list[str] = field(default_factory=list)
    clustered: bool = False
    proxied: bool = False


async def _look(endpoint: Endpoint, target: Target) -> _Look:
    name = f"server {endpoint.label}"
    try:
        async with asyncio.timeout(TIMEOUT):
            connection = await connect(endpoint, target, TIMEOUT)
        async with connection:
            capability = await probe(connection, timeout=TIMEOUT)
            async with asyncio.timeout(TIMEOUT):
                grants = await _grants(connection)
                proxied = await _proxied(connection, capability)
    except Exception as error:  # whatever the driver makes of what is no MySQL server
        status, words = diagnose(error)
        if status is Status.REFUSED:
            return _Look(endpoint, Check(name, "failing", words, "set OB_PASSWORD, or mend the profile"))
        mend = "is it up, and can its SQL port be reached from here?"
        return _Look(endpoint, Check(name, "unreachable", words, mend))
    return _Look(endpoint, _seen(name, target, capability), grants, capability.clustered, proxied)


async def _grants(connection: Any) -> list[str]:  # noqa: ANN401  asyncmy is untyped here
    """What it may do everywhere, as the server words it; none if that is not told."""
    told = [str(row[0]).upper() for row in await _rows(connection, "show /* distdiag */ grants")]
    return [line for line in told if " ON *.* " in line]


async def _proxied(connection: Any, capability: Capability) -> bool:  # noqa: ANN401  as above
    sql = queries.proxy(capability)
    return sql is not None and any(count for (count,) in await _rows(connection, sql))


async def _rows(connection: Any, sql: str) -> Sequence[Sequence[Any]]:  # noqa: ANN401  as above
    """None if the server refuses."""
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(sql)
            rows: Sequence[Sequence[Any]] = await cursor.fetchall()
            return rows
    except MySQLError:
        return ()


def _seen(name: str, target: Target, capability: Capability) -> Check:
    lost = [f"{FEATURES[view]} ({view})" for view in FEATURES if not capability.has(view)]
    if not lost:
        return Check(name, "ok", capability.product)
    mend = f"GRANT SELECT ON oceanbase.* TO '{target.user.partition('@')[0]}'"
    return Check(name, "failing", f"{capability.product}, without {', '.join(lost)}", mend)


async def _others(first: _Look, target: Target) -> Check | None:
    """Servers of the cluster that nobody named: whether they, too, can be reached from here."""
    if not first.clustered:
        return None
    name, discovery = "other servers", Discovery(target)
    try:
        async with asyncio.timeout(TIMEOUT):
            known = await discovery.look((first.endpoint,), Given(addresses=by_address(target.endpoints)))
    except Exception as error:  # as above
        return Check(name, "missing", f"{first.endpoint.label} tells of none: {diagnose(error)[1]}")
    finally:
        discovery.close()
    more = [
        place.endpoint
        for key, place in known.places.items()
        if (first.proxied or key != known.answers.here) and place.endpoint not in target.endpoints
    ]
    if not more:
        return None
    looks = await asyncio.gather(*(_look(endpoint, target) for endpoint in more[:MOST]))
    told = f"{len(more)} more were found;" + ("" if len(more) <= MOST else f" {MOST} were asked:")
    if failing := next((look for look in looks if look.check.state == "failing"), None):
        words = f"{told} {failing.endpoint.label}: {failing.check.words}"
        return Check(name, "failing", words, failing.check.mend)
    if silent := [look.endpoint.label for look in looks if look.check.state == "unreachable"]:
        words = f"{told} no answer from {several(silent, SHOWN)}"
        mend = "they are read through the others; for anomalies, and for facts of them, open their SQL ports"
        return Check(name, "missing", words, mend)
    return Check(name, "ok", f"{told} all answer")


async def _hours_before(endpoint: Endpoint, target: Target) -> Check:
    """What the workload repository of a server has: who comes late compares with it."""
    name = "hours before"
    mend = "to know later what was usual: CALL DBMS_WORKLOAD_REPOSITORY.CREATE_SNAPSHOT()"
    try:
        spans = await read_spans(endpoint, target)
    except Exception as error:  # as above
        return Check(name, "missing", f"{endpoint.label}: {diagnose(error)[1]}", mend)
    if spans is None:
        return Check(name, "missing", f"{endpoint.label} wrote nothing down of the last {_HOURS} hours", mend)
    ago = duration(max(0.0, time.time() - float(spans.ends.max())))
    count = len(spans.ends)
    told = f"wrote {count} span{'s' * (count != 1)} down, until {ago} ago"
    return Check(name, "ok", f"{endpoint.label} {told}")


def _rights(target: Target, grants: Sequence[str]) -> list[Check]:
    checks = []
    for right, use in _NEEDS:
        may = any(_ALL in line or f"{right}," in line or f"{right} ON" in line for line in grants)
        words = f"{target.user} may {right}" if may else f"{target.user} may not {right}"
        mend = "" if may else f"only for {use}: GRANT {right} ON *.* TO '{target.user.partition('@')[0]}'"
        checks.append(Check(f"right to {right}", "ok" if may else "missing", words, mend))
    return checks

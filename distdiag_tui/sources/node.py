"""One server: its connections, its status, and a sample of it when asked."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from math import isnan
from typing import Any, Final

import asyncmy
import numpy as np
from asyncmy.errors import MySQLError

from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.login import METHODS
from distdiag_tui.model.metrics import COLUMN_INDEX, COLUMNS
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Server, Status, Tenant
from distdiag_tui.sources import queries
from distdiag_tui.sources.capability import Capability, probe, reason
from distdiag_tui.sources.discovery.alone import selects
from distdiag_tui.sources.discovery.known import Key, Table
from distdiag_tui.sources.discovery.values import key_of
from distdiag_tui.sources.frame import SERVER_WIDE, Sample, new_epoch
from distdiag_tui.sources.trouble import diagnose

log = logging.getLogger(__name__)

POOL_SIZE: Final = 2  # one connection for the tick, one for what a person asks meanwhile
TIMEOUT: Final = 3.0  # s, for connecting and for each statement
GREETING: Final = 1.0  # s that a port may take to say its first byte, when nothing else comes from it
SLOW_AFTER: Final = 0.5  # s without an answer
PROMPT: Final = 0.2  # s in which an answer tells the server's clock well enough
BACK_OFF: Final = (0.5, 5.0)  # s, first and longest pause between attempts
REPROBE: Final = 30.0  # s, until a server without the views we need is asked again
IDENTIFY_EVERY: Final = 60  # samples, after which a server is asked again who it is
DESCRIBE_AT: Final = 2  # the sample before which it is asked what the first ones do not need


# What is lost with a view, for the one line that says so.
FEATURES: Final = {
    "GV$SYSSTAT": "statistics",
    "GV$SYSTEM_EVENT": "waits by class",
    "GV$OB_PROCESSLIST": "sessions",
    "GV$OB_PLAN_CACHE_STAT": "plan cache",
}


class Node:
    """Samples one server over a pool of its own. `poll` never raises for trouble on the server's side."""

    def __init__(self, endpoint: Endpoint, target: Target) -> None:
        self.endpoint = endpoint
        self.key: Key | None = None
        self.proxied = False
        self.clock_offset: float | None = None
        self.tables: dict[str, Table] = {}  # what a server without a cluster says of itself
        self._target = target
        self._pool: Any = None
        self._connection: Any = None
        self._capability: Capability | None = None
        self._plan: tuple[queries.Query, ...] = ()
        self._tenants: tuple[Tenant, ...] = ()
        self._zone = endpoint.zone
        self._role = ""
        self._served_since: float | None = None
        self._status = Status.CONNECTING
        self._detail = ""
        self._epoch = 0
        self._polls = 0
        self._failures = 0
        self._retry_at = 0.0
        self._asked_at: float | None = None
        self._sampled_at: float | None = None
        self._latency: float | None = None
        self._slow_columns: dict[tuple[int, int], float] = {}

    @property
    def name(self) -> str:
        """The configured name, or else the address."""
        return self.endpoint.name or self.endpoint.address

    @property
    def clustered(self) -> bool:
        """Whether it has said that it is a server of a cluster, or an OBProxy of one."""
        return self._capability is not None and self._capability.clustered

    @property
    def known(self) -> bool:
        """Whether it has said what it is."""
        return self._capability is not None

    @property
    def described(self) -> bool:
        """Whether it has been asked all that there is to ask."""
        return self._polls > DESCRIBE_AT

    @property
    def _cut(self) -> bool:
        """Whether the connection has gone, with an error or because somebody closed it meanwhile."""
        return self._connection is None or not self._connection.connected

    @property
    def prompt(self) -> bool:
        """Whether an answer is to be expected at once."""
        return self._status in (Status.CONNECTING, Status.UP, Status.VIEW_MISSING)

    async def poll(self) -> Sample | None:
        """Sample the server once; None while it is down, refused, backing off, or has nothing to offer."""
        self._asked_at = elapsed()
        if self._asked_at < self._retry_at:
            self._asked_at = None
            return None
        try:
            return await self._sample()
        except asyncio.CancelledError:
            self._drop()
            raise
        except Exception as error:
            greeting = await self._greeting() if isinstance(error, TimeoutError) else None
            self._fail(error, greeting)
            return None
        finally:
            self._asked_at = None

    async def _sample(self) -> Sample | None:
        if self._connection is None:
            await self._connect()
        elif self._polls % IDENTIFY_EVERY == DESCRIBE_AT and self._capability is not None:
            await self._describe(self._capability)
        started = elapsed()
        readings: dict[tuple[int, int], float] = dict(self._slow_columns)
        for query in self._plan:
            if self._polls % query.every == 0:
                await self._ask(query, readings)
        self._polls += 1
        now = elapsed()
        self._latency, self._failures = now - started, 0
        self._settle()
        if not readings:
            return None
        self._sampled_at = now
        return _sample_of(readings, (started + now) / 2, self._epoch)

    async def _ask(self, query: queries.Query, readings: dict[tuple[int, int], float]) -> None:
        """Run one statement; an SQL error costs only its own columns, a broken connection the sample."""
        try:
            rows = await self._fetch(query.sql)
            found = list(query.read(rows))
        except MySQLError as error:
            if self._cut:
                raise
            log.warning("%s: %s", self.name, reason(error))
            return
        except (TypeError, ValueError) as error:  # NULL for a tenant, or a row of another width
            log.warning("%s: rows that make no sense: %s", self.name, error)
            return
        ids = {tenant.name: tenant.id for tenant in self._tenants}
        for tenant, column, value in found:
            if isnan(value):
                continue
            key = tenant if isinstance(tenant, int) else ids.get(tenant, SERVER_WIDE)
            at = key, COLUMN_INDEX[column]
            # several tenants may have no id here: meta tenants, and those created since we connected
            readings[at] = readings.get(at, 0.0) + value if isinstance(tenant, str) else value
            if query.every > 1:
                self._slow_columns[at] = readings[at]

    async def _fetch(self, sql: str) -> list[queries.Row]:
        async with asyncio.timeout(TIMEOUT), self._connection.cursor() as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall())

    async def _connect(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            if self._pool is None:
                self._pool = await _create_pool(self.endpoint, self._target)
            self._connection = await self._pool.acquire()
        # more than a dozen statements: one that takes its time for each is slow, and not away
        self._capability = await probe(self._connection, timeout=TIMEOUT)
        self._epoch = new_epoch()
        self._polls = 0
        self._slow_columns.clear()
        self._plan = queries.plan(self._capability)
        if self._capability.usable:
            await self._identify(self._capability)

    async def _identify(self, capability: Capability) -> None:
        self._tenants = tuple(
            Tenant(int(number), str(name))
            for number, name in await self._fetch(queries.tenants(capability))
            if number is not None and name is not None
        )
        for zone, role, uptime in await self._fetch(queries.identity(capability)):
            self._zone = self.endpoint.zone or str(zone or "")
            self._role = str(role or "")
            self._served_since = None if uptime is None else elapsed() - float(uptime)
        if self.clustered:
            await self._locate(capability)

    async def _describe(self, capability: Capability) -> None:
        """Who it is, once more, and what a server without a cluster says of itself."""
        try:
            if self._polls > DESCRIBE_AT:
                await self._identify(capability)
            if not self.clustered:
                await self._locate(capability)
                for name, (select, columns) in selects(capability).items():
                    rows = await self._fetch(f"select {queries.HINT} {select}")
                    self.tables[name] = [dict(zip(columns, row, strict=True)) for row in rows]
        except (MySQLError, TypeError, ValueError) as error:  # it has said once who it is
            if self._cut:
                raise
            log.warning("%s: %s", self.name, error)

    async def _locate(self, capability: Capability) -> None:
        """Ask which server of its cluster this is, by its clock, and whether an OBProxy is between."""
        before, began = time.time(), elapsed()
        try:
            ((address, port, clock),) = await self._fetch(queries.WHO)
        except MySQLError:
            if self._cut:
                raise
            return  # no OceanBase
        if clock is not None:
            took = elapsed() - began
            if took < PROMPT or self.clock_offset is None:  # a late answer says little of its moment
                self.clock_offset = float(clock) - before - took / 2
        key = key_of({"SVR_IP": address, "SVR_PORT": port})
        # an endpoint that leads to one server today and to another tomorrow is no server
        self.proxied = self.proxied or (self.key is not None and key != self.key)
        self.key = key
        if (sql := queries.proxy(capability)) is not None:
            self.proxied = self.proxied or any(count for (count,) in await self._fetch(sql))

    def _settle(self) -> None:
        """Set the status after a sample that went through."""
        assert self._capability is not None
        lost = [view for view in FEATURES if not self._capability.has(view)]
        if not lost:
            self._status = Status.SLOW if (self._latency or 0) > SLOW_AFTER else Status.UP
            self._detail = ""
            return
        self._status = Status.VIEW_MISSING
        self._detail = "; ".join(f"no {FEATURES[view]}: {self._capability.missing[view]}" for view in lost)
        if not self._capability.usable:
            self._drop()
            self._retry_at = elapsed() + REPROBE

    async def _greeting(self) -> float | None:
        """Seconds until the port's first byte, None without: a process that is stopped sends nothing."""
        began, writer = elapsed(), None
        try:
            async with asyncio.timeout(GREETING):
                reader, writer = await asyncio.open_connection(self.endpoint.host, self.endpoint.port)
                return elapsed() - began if await reader.read(1) else None
        except (OSError, TimeoutError):
            return None
        finally:
            if writer is not None:
                writer.close()

    def _fail(self, error: Exception, greeting: float | None = None) -> None:
        """Record why there is no sample and when to try again."""
        self._status, self._detail = diagnose(error, TIMEOUT)
        if greeting is not None:
            self._detail += f", though it greets after {greeting:.1f} s"
        log.info("%s: %s (%s)", self.name, self._detail, type(error).__name__)
        self._drop()
        first, longest = BACK_OFF
        pause = min(longest, first * 2**self._failures) * random.uniform(0.8, 1.2)  # noqa: S311
        self._failures = min(self._failures + 1, 8)
        self._retry_at = elapsed() + pause

    def _drop(self) -> None:
        """Give the connection up at once; whatever is under way on it is lost."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    def close(self) -> None:
        """Release everything without waiting for the server."""
        self._drop()

    def server(self) -> Server:
        """The server as it is known at this moment."""
        now = elapsed()
        status, detail = self._status, self._detail
        waited = 0.0 if self._asked_at is None else now - self._asked_at
        if status in (Status.UP, Status.SLOW) and waited > SLOW_AFTER:
            status, detail = Status.SLOW, f"no answer for {waited:.1f} s"
        return Server(
            name=self.name,
            address=self.endpoint.address,
            zone=self._zone or "zone",
            status=status,
            detail=detail,
            product=self._capability.product if self._capability else "",
            role=self._role,
            uptime=None if self._served_since is None or not status.answers else now - self._served_since,
            latency=self._latency,
            age=None if self._sampled_at is None else now - self._sampled_at,
            tenants=self._tenants,
        )


async def _create_pool(endpoint: Endpoint, target: Target) -> Any:  # noqa: ANN401  asyncmy is untyped here
    return await asyncmy.create_pool(
        minsize=0,
        maxsize=POOL_SIZE,
        host=endpoint.host,
        port=endpoint.port,
        user=target.user_at(endpoint),
        password=target.password.reveal(),
        connect_timeout=TIMEOUT,
        autocommit=True,
        program_name="distdiag",
        auth_plugin_map=METHODS,
    )


def _sample_of(readings: dict[tuple[int, int], float], at: float, epoch: int) -> Sample:
    tenants = tuple(sorted({tenant for tenant, _ in readings}))
    rows = {tenant: row for row, tenant in enumerate(tenants)}
    columns = np.full((len(tenants), len(COLUMNS)), np.nan)
    for (tenant, column), value in readings.items():
        columns[rows[tenant], column] = value
    return Sample(tenants, columns, at, epoch)

"""One connection that reads the figures of the whole cluster."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Final

from asyncmy.errors import MySQLError

from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Status, Tenant
from distdiag_tui.sources import wide
from distdiag_tui.sources.capability import reason
from distdiag_tui.sources.discovery.known import Key
from distdiag_tui.sources.frame import Sample, new_epoch
from distdiag_tui.sources.node import FEATURES, SLOW_AFTER
from distdiag_tui.sources.queries import Row
from distdiag_tui.sources.session import TIMEOUT, Session
from distdiag_tui.sources.trouble import diagnose

log = logging.getLogger(__name__)

_VIEWS: Final = (
    "GV$SYSSTAT",
    "GV$SYSTEM_EVENT",
    "GV$OB_PROCESSLIST",
    "GV$OB_PLAN_CACHE_STAT",
    "GV$OB_SERVERS",
)


class Reader:
    """Samples all servers at once. `poll` never raises for trouble on the cluster's side.

    `tenants` are those whose sessions are told apart. A sample's epoch is that of the connection, or younger
    if its server was seen to restart.
    """

    def __init__(self, target: Target) -> None:
        self.tenants: tuple[Tenant, ...] = ()
        self.status = Status.CONNECTING
        self.detail = ""
        self.latency: float | None = None
        self.product = ""
        self._session = Session(target, _VIEWS)
        self._plan: tuple[wide.WideQuery, ...] = ()
        self._slow: dict[str, list[Row]] = {}
        self._epochs: dict[Key, int] = {}
        self._polls = 0
        self._asked_at: float | None = None
        self._seen: frozenset[Key] = frozenset()

    def saw(self, key: Key) -> bool:
        """Whether the last answer held this server."""
        return key in self._seen

    @property
    def via(self) -> str:
        """The address through which figures come."""
        return "" if self._session.endpoint is None else self._session.endpoint.address

    @property
    def prompt(self) -> bool:
        """Whether an answer is to be expected at once."""
        return self.status in (Status.CONNECTING, Status.UP, Status.VIEW_MISSING)

    @property
    def waiting(self) -> float:
        """Seconds since the question that has no answer yet; 0 if there is none."""
        return 0.0 if self._asked_at is None else time.monotonic() - self._asked_at

    def forget(self, keys: Iterable[Key]) -> None:
        """These servers restarted, or went: what comes next of them is not comparable."""
        for key in keys:
            self._epochs.pop(key, None)

    async def poll(self, endpoints: tuple[Endpoint, ...]) -> Mapping[Key, Sample]:
        """A sample of every server that has rows; nothing while there is trouble."""
        if self._session.resting:
            return {}
        self._asked_at = time.monotonic()
        try:
            return await self._sample(endpoints)
        except asyncio.CancelledError:
            self.close()
            raise
        except Exception as error:
            self.status, words = diagnose(error, TIMEOUT)
            self.detail = f"{words} (asked through {self.via})"
            log.info("%s (%s)", self.detail, type(error).__name__)
            self._session.failed()
            return {}
        finally:
            self._asked_at = None

    async def _sample(self, endpoints: tuple[Endpoint, ...]) -> Mapping[Key, Sample]:
        if not self._session.connected:
            await self._connect(endpoints)
        began = time.monotonic()
        at = began
        tick = wide.Wide({tenant.name: tenant.id for tenant in self.tenants})
        for query in self._plan:
            asked = time.monotonic()
            rows = await self._rows(query)
            if query is self._plan[0]:
                at = (asked + time.monotonic()) / 2  # of the counters, whose rates need it
            tick.add(query, rows)
        self._polls += 1
        found = {
            key: Sample(
                tenants, columns, at, self._epochs.get(key) or self._epochs.setdefault(key, new_epoch())
            )
            for key, (tenants, columns) in tick.servers().items()
        }
        self._seen = frozenset(found)
        self.latency = time.monotonic() - began
        self._settle()
        return found

    async def _rows(self, query: wide.WideQuery) -> list[Row]:
        """An SQL error costs only its own columns, a broken connection the sample."""
        if query.every > 1 and self._polls % query.every and query.view in self._slow:
            return self._slow[query.view]
        try:
            rows = await self._session.run(query.sql)
        except MySQLError as error:
            if not self._session.connected or query is self._plan[0]:
                raise
            log.warning("%s: %s", query.view, reason(error))
            return []
        if query.every > 1:
            self._slow[query.view] = rows
        return rows

    async def _connect(self, endpoints: tuple[Endpoint, ...]) -> None:
        await self._session.connect(endpoints)
        assert self._session.capability is not None
        self._plan = wide.wide_plan(self._session.capability)
        self.product = self._session.capability.product
        self._epochs.clear()
        self._slow.clear()
        self._polls = 0
        if self._plan:
            await self._session.run(wide.SET_UP)

    def _settle(self) -> None:
        """Set the status after an answer."""
        assert self._session.capability is not None
        capability, asked = self._session.capability, {query.view for query in self._plan}
        lost = [view for view in FEATURES if view not in asked]
        words = (
            f"no {FEATURES[view]}: {capability.missing.get(view, 'columns are missing')}" for view in lost
        )
        self.detail = "; ".join(words)
        slow = (self.latency or 0.0) > 2 * SLOW_AFTER
        self.status = Status.VIEW_MISSING if lost else Status.SLOW if slow else Status.UP
        if lost and "GV$SYSSTAT" in lost:
            self._session.failed()

    def close(self) -> None:
        """Release everything without waiting for the cluster."""
        self._session.close()

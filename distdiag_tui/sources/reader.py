"""One connection that reads the figures of the whole cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from asyncmy.errors import MySQLError

from distdiag_tui.model.arithmetic import Floats
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Status, Tenant
from distdiag_tui.sources import wide
from distdiag_tui.sources.capability import reason
from distdiag_tui.sources.discovery.known import Key, Place
from distdiag_tui.sources.frame import Sample, new_epoch
from distdiag_tui.sources.node import FEATURES, SLOW_AFTER
from distdiag_tui.sources.queries import Row
from distdiag_tui.sources.session import TIMEOUT, Session
from distdiag_tui.sources.silent import silent
from distdiag_tui.sources.trouble import diagnose, timed_out

log = logging.getLogger(__name__)

MEET_EVERY: Final = 10.0  # s, between attempts to reach those left out

_VIEWS: Final = (
    "GV$SYSSTAT",
    "GV$SYSTEM_EVENT",
    "GV$OB_PROCESSLIST",
    "GV$OB_PLAN_CACHE_STAT",
    "GV$OB_SERVERS",
)


class Reader:
    """Samples all servers at once. `poll` never raises for trouble on the cluster's side.

    `tenants` are those whose sessions are told apart, `places` the servers that there are. One that hangs
    would hold up the answer about all: it is found out and `left_out` until it answers. A sample's epoch is
    that of the connection, or younger if its server was seen to restart.
    """

    def __init__(self, target: Target) -> None:
        self.tenants: tuple[Tenant, ...] = ()
        self.places: Mapping[Key, Place] = {}
        self.left_out: frozenset[Key] = frozenset()
        self.status = Status.CONNECTING
        self.detail = ""
        self.latency: float | None = None
        self.product = ""
        self._target = target
        self._session = Session(target, _VIEWS)
        self._held_up = False  # the answer before
        self._meet_at = 0.0
        self._meeting: asyncio.Task[frozenset[Key]] | None = None
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
        return 0.0 if self._asked_at is None else elapsed() - self._asked_at

    def forget(self, keys: Iterable[Key]) -> None:
        """These servers restarted, or went: what comes next of them is not comparable."""
        for key in keys:
            self._epochs.pop(key, None)

    async def poll(self, endpoints: tuple[Endpoint, ...]) -> Mapping[Key, Sample]:
        """A sample of every server that has rows; nothing while there is trouble."""
        if self._session.resting:
            return {}
        self._meet_again()
        self._asked_at = elapsed()
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
            if timed_out(error):
                await self._leave_out()
            return {}
        finally:
            self._asked_at = None

    async def _leave_out(self) -> None:
        """Who holds the answer up? A whole answer that is late may just be that: then nobody.

        If it is only the one that was asked, another one is asked first: it may have everybody's rows.
        """
        found = await silent(self.places.values(), self._target)
        here = {key for key, place in self.places.items() if place.endpoint.address == self.via}
        again, self._held_up = self._held_up, True
        if not again and found <= here:
            return
        if found - self.left_out:
            log.warning("servers that do not answer are left out: %s", sorted(found))
        self._set_left_out(found)
        self._meet_at = elapsed() + MEET_EVERY

    def _meet_again(self) -> None:
        """See now and then, beside the figures of the others, whether those left out answer again."""
        if self._meeting is not None and self._meeting.done():
            meeting, self._meeting = self._meeting, None
            if not meeting.cancelled() and meeting.exception() is None:
                self._set_left_out(meeting.result())
        elif self._meeting is None and self.left_out and elapsed() >= self._meet_at:
            self._meet_at = elapsed() + MEET_EVERY
            others = [key for key in self.places if key not in self.left_out]
            # one that is well is asked too: if it is silent as well, it says nothing of the rest
            asked = [self.places[key] for key in (*self.left_out, *others[:1]) if key in self.places]
            self._meeting = asyncio.create_task(silent(asked, self._target), name="meet those left out")

    def _set_left_out(self, keys: frozenset[Key]) -> None:
        if keys != self.left_out:
            self.left_out = keys
            self._planned()

    def _planned(self) -> None:
        capability = self._session.capability
        only = [key for key in self.places if key not in self.left_out] if self.left_out else []
        self._plan = () if capability is None else wide.wide_plan(capability, only)
        self._slow.clear()

    async def _sample(self, endpoints: tuple[Endpoint, ...]) -> Mapping[Key, Sample]:
        if not self._session.connected:
            await self._connect(endpoints)
        began = elapsed()
        at = began
        answers: list[tuple[wide.WideQuery, list[Row]]] = []
        for query in self._plan:
            asked = elapsed()
            if (rows := await self._rows(query)) is not None:
                answers.append((query, rows))
            if query is self._plan[0]:
                at = (asked + elapsed()) / 2  # of the counters, whose rates need it
        self._polls += 1
        tick = wide.Wide({tenant.name: tenant.id for tenant in self.tenants})
        # for 1,000 servers it takes 0.15 s, for which no key should wait
        servers = await asyncio.to_thread(_decoded, tick, answers)
        found = {
            key: Sample(
                tenants, columns, at, self._epochs.get(key) or self._epochs.setdefault(key, new_epoch())
            )
            for key, (tenants, columns) in servers.items()
        }
        self._seen, self._held_up = frozenset(found), False
        self.latency = elapsed() - began
        self._settle()
        return found

    async def _rows(self, query: wide.WideQuery) -> list[Row] | None:
        """None after an SQL error, which costs only its own columns; a broken connection costs the sample."""
        if query.every > 1 and self._polls % query.every and query.view in self._slow:
            return self._slow[query.view]
        try:
            rows = await self._session.run(query.sql)
        except MySQLError as error:
            if not self._session.connected or query is self._plan[0] or timed_out(error):
                raise
            log.warning("%s: %s", query.view, reason(error))
            return None
        if query.every > 1:
            self._slow[query.view] = rows
        return rows

    async def _connect(self, endpoints: tuple[Endpoint, ...]) -> None:
        await self._session.connect(endpoints)
        assert self._session.capability is not None
        self._planned()
        self.product = self._session.capability.product
        self._epochs.clear()
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
        if self._meeting is not None:
            self._meeting.cancel()
            self._meeting = None


def _decoded(
    tick: wide.Wide, answers: Iterable[tuple[wide.WideQuery, Sequence[Row]]]
) -> dict[Key, tuple[tuple[int, ...], Floats]]:
    for query, rows in answers:
        tick.add(query, rows)
    return tick.servers()

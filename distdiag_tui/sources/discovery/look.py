"""One look at a cluster: every part asked for over one connection, with whatever is missing named."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from asyncmy.errors import MySQLError

from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.sources.capability import Capability, reason
from distdiag_tui.sources.discovery.assembly import assemble
from distdiag_tui.sources.discovery.known import Answers, Given, Key, Known, Table
from distdiag_tui.sources.discovery.parts import PARTS, VIEWS, Part
from distdiag_tui.sources.discovery.values import integer, key_of, number
from distdiag_tui.sources.queries import HINT, hint
from distdiag_tui.sources.session import Session
from distdiag_tui.sources.trouble import timed_out

log = logging.getLogger(__name__)

PATIENCE: Final = 2.0  # s that all servers have for a part: below the session's limit, which ends the look
_TELL_PORTS: Final = ("servers",)  # "resources" do not list those that are down


class Discovery:
    """Looks at a cluster through any of its servers or OBProxies, one after the other when one fails.

    A server that hangs costs what only views of all servers tell (GV$), and that once a look.
    """

    def __init__(self, target: Target) -> None:
        self.session = Session(target, VIEWS)
        self._held_up = False  # by a server that hangs, in this look

    async def look(
        self, endpoints: tuple[Endpoint, ...], given: Given | None = None, before: Known | None = None
    ) -> Known:
        """What is there now. Raises what the driver raises, and TimeoutError: then look elsewhere."""
        try:
            if not self.session.connected:
                await self.session.connect(endpoints)
            # for 1,000 servers it takes 0.15 s, for which nobody should wait
            return await asyncio.to_thread(assemble, await self._answers(), given, before)
        except BaseException:
            self.session.failed()
            raise

    async def _answers(self) -> Answers:
        capability = self.session.capability
        assert capability is not None
        at = elapsed()
        here, offset, tenant = await self._who()
        parts: dict[str, Table] = {}
        views: dict[str, str] = {}
        missing: list[str] = []
        self._held_up = False
        for part in PARTS:
            if part.name == "ports" and any(name in views for name in _TELL_PORTS):
                continue
            found = await self._ask(part, capability)
            if isinstance(found, str):
                missing.append(found)
            else:
                views[part.name], parts[part.name] = found
        return Answers(parts, views, tuple(missing), here, offset, tenant, at)

    async def _who(self) -> tuple[Key | None, float | None, int]:
        """The server that answers, by how much its clock is ahead of ours (s), and the account's tenant."""
        before, began = time.time(), elapsed()
        ((address, port, clock, tenant),) = await self.session.rows(
            "host_ip(), rpc_port(), unix_timestamp(now(6)), effective_tenant_id()"
        )
        row = {"SVR_IP": address, "SVR_PORT": port, "CLOCK": clock, "TENANT": tenant}
        theirs = number(row, "CLOCK")
        offset = None if theirs is None else theirs - before - (elapsed() - began) / 2
        return key_of(row), offset, integer(row, "TENANT") or 1

    async def _ask(self, part: Part, capability: Capability) -> tuple[str, Table] | str:
        """The view that told and its rows, or a line that says why none did."""
        why = ""
        for way in part.ways:
            asked = way.select(capability)
            if asked is None:
                why = why or f"{way.view}: {capability.missing.get(way.view, 'columns are missing')}"
                continue
            select, columns = asked
            wide = way.view.startswith("GV$")
            if wide and self._held_up:
                why = f"{way.view}: a server does not answer the others"
                continue
            try:
                rows = await self.session.run(f"select {hint(PATIENCE) if wide else HINT} {select}")
            except MySQLError as error:
                if not self.session.connected:
                    raise
                self._held_up |= wide and timed_out(error)
                why = f"{way.view}: {reason(error)}"
                log.info("no %s: %s", part.about, why)
                continue
            return way.view, [dict(zip(columns, row, strict=True)) for row in rows]
        return f"no {part.about}: {why}"

    def close(self) -> None:
        """Release the connection without waiting for the server."""
        self.session.close()

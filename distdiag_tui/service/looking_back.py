"""The past for an engine without a screen, from Prometheus where there is one; nothing is written there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.prometheus import missing

if TYPE_CHECKING:
    from distdiag_tui.service.prometheus_desk import Looker, PrometheusDesk


class LookingBack:
    """Begins with the first snapshot; what it finds makes diagnosis know what is usual at once.

    Without a server, or without what it takes to ask one, it does nothing.
    """

    def __init__(self, server: PrometheusServer | None, engine: Looker) -> None:
        self._desk: PrometheusDesk | None = None
        if server is not None and not missing():
            from distdiag_tui.service.prometheus_desk import PrometheusDesk  # noqa: PLC0415  may be missing

            self._desk = PrometheusDesk(replace(server, write=False), engine)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def take(self, snapshot: Snapshot) -> None:
        """One tick more."""
        if self._desk is not None:
            self._desk.take(snapshot)

    async def close(self) -> None:
        """End it."""
        if self._desk is not None:
            await self._desk.close()

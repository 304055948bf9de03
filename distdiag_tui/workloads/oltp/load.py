"""The OLTP load: its data, its clients, its check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from distdiag_tui.workloads.crew import Crew
from distdiag_tui.workloads.oltp.clients import Client
from distdiag_tui.workloads.oltp.config import OltpConfig
from distdiag_tui.workloads.oltp.kind import OLTP
from distdiag_tui.workloads.oltp.tables import fill, verify
from distdiag_tui.workloads.options import Values, checked
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.session import Node


class OltpLoad(Crew):
    """In independent mode a client stays on one node, in coupled mode its transactions visit all of them."""

    def __init__(self, nodes: Sequence[Node], config: OltpConfig) -> None:
        groups = [nodes] if config.mode == "coupled" else [[node] for node in nodes]
        super().__init__(groups, partial(Client, config), config.threads, config.rate, config.interval)
        self._config = config

    async def fill(self, stores: Sequence[Node], _: Values | None, progress: Progress) -> None:
        """Bring every store's tables to their rows."""
        await fill(stores, self._config, progress)

    def verify(self, stores: Sequence[Node], _: Progress) -> AsyncIterator[Check]:
        """Every table has its rows."""
        return verify(stores, self._config)


def create(nodes: Sequence[Node], values: Values) -> OltpLoad:
    """For the catalogue of kinds. ConfigError names the knob that is out of bounds."""
    return OltpLoad(nodes, OltpConfig.of(checked(OLTP.options, values)))

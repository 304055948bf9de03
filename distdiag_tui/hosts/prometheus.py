"""Machines by way of Prometheus, which asked their node_exporters. Their processes are not told there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from distdiag_tui.hosts import series
from distdiag_tui.hosts.machines import machine_of, met
from distdiag_tui.hosts.protocol import sample_of
from distdiag_tui.hosts.series import Series
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.hostaccess import HostAccess, NodeExporter
from distdiag_tui.model.topology import Host, Server
from distdiag_tui.prometheus.reader import AS_IT_IS
from distdiag_tui.sources.frame import Sample

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

FIRST_EVERY: Final = 60.0  # s that readings are taken to be apart until two have come
PACE: Final = (0.5, 15.0)  # s between two questions, at least and at most
MOUNTS_EVERY: Final = 300.0  # s
_WAY: Final = "Prometheus"


@dataclass(slots=True)
class _Machine:
    """`seen` is its own time at the newest reading, `every` the time to the one before (s)."""

    seen: float
    began: float
    every: float = FIRST_EVERY
    epoch: int = 0
    offset: float = 0.0
    name: str = ""


class PrometheusHosts:
    """All machines with a few questions to one server."""

    def __init__(self, way: NodeExporter, access: HostAccess) -> None:
        self._way, self._access = way, access
        self._client: PrometheusConnect | None = None
        self._machines: dict[str, _Machine] = {}
        self._hosts: dict[str, Host] = {}
        self._mounts: Sequence[Series] = ()
        self._ask_at = self._mounts_at = 0.0

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """What was scraped since the last time."""
        servers = met(servers)
        if elapsed() < self._ask_at or not servers:
            return {}
        try:
            answers = await asyncio.to_thread(self._ask)
            found = series.by_instance(answers, self._way.instance)
        except Exception as error:  # the library lets through what it likes
            self._ask_at = elapsed() + PACE[1]
            known = isinstance(error, PrometheusError)
            words = str(error) if known else "Prometheus answers what makes no sense"
            told = Host(way=_WAY, trouble=f"{words} ({self._way.url})")
            self._hosts = dict.fromkeys((server.name for server in servers), told)
            return {}
        samples = {server.name: sample for server in servers if (sample := self._sample(server, found))}
        self._ask_at = elapsed() + self._pause()
        return samples

    def _pause(self) -> float:
        """Half the time between two scrapes, so that few come late; short until that time is known."""
        shortest, longest = PACE
        known = [each.every for each in self._machines.values() if each.every < FIRST_EVERY]
        return min(longest, max(shortest, min(known, default=0.0) / 2))

    @property
    def machines(self) -> Mapping[str, Host]:
        """By server name."""
        return self._hosts

    async def close(self) -> None:
        """Nothing is held open but what the client's pool has."""
        self._client = None

    def _ask(self) -> list[list[Series]]:
        """In a thread: the client waits."""
        if self._client is None:
            self._client = _connect(self._way)
        now = elapsed()
        if self._access.data and now >= self._mounts_at:
            self._mounts = self._client.custom_query(series.mounts_query(self._way.labels))
            self._mounts_at = now + MOUNTS_EVERY
        at = {"time": f"{time.time():.3f}", **AS_IT_IS}
        return [
            self._client.custom_query(query, params=at)
            for query in series.queries(self._way.labels, self._way.instance)
        ]

    def _sample(self, server: Server, found: Mapping[str, list[Series]]) -> Sample | None:
        """None if there is nothing new."""
        wanted = machine_of(self._access, server)
        fits = [name for name in found if wanted in (name, _without_port(name))]
        clock = series.clock(found[fits[0]]) if len(fits) == 1 else None
        if clock is None:
            words = "several machines" if len(fits) > 1 else "no series of node_exporter"
            where = f"with {self._way.instance} {wanted}"
            self._hosts[server.name] = Host(way=_WAY, trouble=f"{words} {where}")
            return None
        mine = found[fits[0]]
        machine, fresh = self._machine(server.name, *clock)
        machine.name = series.node_name(mine) or wanted
        self._hosts[server.name] = Host(machine.name, _WAY)
        if not fresh:
            return None
        mounts = [each for each in self._mounts if each["metric"].get(self._way.instance) == fits[0]]
        disk = series.device_of(self._access.data, mounts, mine)
        figures = series.timed(series.figures(mine, disk), machine.seen)
        return sample_of(figures, machine.seen + machine.offset, machine.epoch, machine.every)

    def _machine(self, server: str, now: float, began: float) -> tuple[_Machine, bool]:
        """The machine of a server, and whether this reading is new."""
        known = self._machines.get(server)
        if known is None or abs(known.began - began) > 1:
            epoch = 0 if known is None else known.epoch + 1
            offset = elapsed() - time.time()
            self._machines[server] = known = _Machine(now, began, epoch=epoch, offset=offset)
            return known, True
        if now == known.seen:
            return known, False
        if now > known.seen:
            known.every = now - known.seen
        known.seen = now
        return known, True


def _connect(way: NodeExporter) -> PrometheusConnect:
    from prometheus_api_client import PrometheusConnect  # noqa: PLC0415  not needed for a start

    from distdiag_tui.prometheus.session import BoundedSession  # noqa: PLC0415

    session = BoundedSession()
    session.verify = way.ca or True
    headers = {"Authorization": f"Bearer {way.token.reveal()}"} if way.token else {}
    auth: Any = (way.user, way.password.reveal()) if way.user else None
    return PrometheusConnect(way.url.rstrip("/"), headers, retry=0, auth=auth, session=session)


def missing_prometheus() -> str:
    """What to install first, "" if nothing."""
    return "" if find_spec("prometheus_api_client") else "pip install 'distdiag-tui[prometheus]'"


def _without_port(instance: str) -> str:
    """The host of an instance such as 10.0.0.1:9100 or [fe80::1]:9100."""
    host, _, port = instance.rpartition(":")
    if not port.isdecimal() or (":" in host and not host.startswith("[")):
        return instance
    return host.strip("[]")

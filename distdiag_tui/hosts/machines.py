"""Many machines at once: each is asked by itself, and nobody waits for the slowest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from distdiag_tui.hosts.remote import RemoteMachine
from distdiag_tui.model.hostaccess import HostAccess
from distdiag_tui.model.topology import Host, Server, Status
from distdiag_tui.sources.frame import Sample

log = logging.getLogger(__name__)

PATIENCE: Final = 0.5  # s that a reading waits for answers; what comes later is handed out with the next

Locate = Callable[[Server], str]
"""The key of the machine that a server runs on; "" if that is not known."""


class RemoteHosts:
    """Machines that are reached one by one. `way` is the word for how; `connect` makes one, by its key."""

    def __init__(self, way: str, locate: Locate, connect: Callable[[str], RemoteMachine]) -> None:
        self._way, self._locate, self._connect = way, locate, connect
        self._machines: dict[str, RemoteMachine] = {}
        self._where: dict[str, str] = {}
        self._running: dict[str, asyncio.Task[Mapping[str, Sample]]] = {}

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """Of those that have answered by now."""
        servers = met(servers)
        self._where = {server.name: self._locate(server) for server in servers}
        ports: dict[str, dict[str, int]] = {}
        for server in servers:
            if key := self._where[server.name]:
                ports.setdefault(key, {})[server.name] = port_of(server)
        for key, wanted in ports.items():
            if key not in self._running:
                if key not in self._machines:
                    self._machines[key] = self._connect(key)
                reading = self._machines[key].read(wanted)
                self._running[key] = asyncio.create_task(reading, name=f"host {key}")
        if self._running:
            await asyncio.wait(self._running.values(), timeout=PATIENCE)
        return self._collect()

    @property
    def machines(self) -> Mapping[str, Host]:
        """By server name."""
        return {name: self._host(key) for name, key in self._where.items()}

    def _host(self, key: str) -> Host:
        machine = self._machines.get(key)
        if machine is None:
            return Host(way=self._way, trouble="it is not known where this server runs")
        return Host(machine.name, self._way, machine.trouble)

    def _collect(self) -> dict[str, Sample]:
        samples: dict[str, Sample] = {}
        for key in [key for key, task in self._running.items() if task.done()]:
            try:
                samples.update(self._running.pop(key).result())
            except Exception:  # one machine's nonsense costs only its own figures
                log.exception("host %s", key)
        return samples

    async def close(self) -> None:
        """End all shells."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()
        await asyncio.gather(
            *(machine.close() for machine in self._machines.values()), return_exceptions=True
        )


def met(servers: Sequence[Server]) -> list[Server]:
    """Without those that may yet turn out to be a proxy, or another name of a server."""
    return [server for server in servers if server.status is not Status.CONNECTING]


def machine_of(access: HostAccess, server: Server) -> str:
    """Where a server runs, as configured, or else as its address says."""
    address = host_of(server)
    return access.names.get(server.name) or access.names.get(address) or address


def host_of(server: Server) -> str:
    """Of its address, without brackets."""
    return server.address.rpartition(":")[0].strip("[]")


def port_of(server: Server) -> int:
    """Of its address."""
    text = server.address.rpartition(":")[2]
    return int(text) if text.isdecimal() else 0

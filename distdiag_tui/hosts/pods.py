"""Servers in the pods of ob-operator: /proc is read in each pod, through Kubernetes.

What /proc tells of CPU, memory and disks is the Kubernetes node's, the network is the pod's, and the
container's own limits come from its cgroup. Servers whose pods are on one node share a machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from distdiag_tui.hosts import shell
from distdiag_tui.hosts.machines import RemoteHosts, host_of, met, port_of
from distdiag_tui.hosts.remote import RemoteMachine
from distdiag_tui.kube.cluster import opened
from distdiag_tui.kube.exec import PodProgram, run_in_pod
from distdiag_tui.kube.oceanbase import find_servers, match, nodes_of
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import ConfigError, DistdiagError
from distdiag_tui.model.hostaccess import HostAccess
from distdiag_tui.model.target import Endpoint
from distdiag_tui.model.topology import Host, Server
from distdiag_tui.sources.frame import Sample

TIMEOUT: Final = 5.0  # s, for an answer of a pod
_AGAIN: Final = 30.0  # s, until the pods are asked for again


class PodShell:
    """The script in one pod."""

    def __init__(self, program: PodProgram) -> None:
        self._program = program

    async def ask(self, line: str) -> str:
        """As Shell says."""
        async with asyncio.timeout(TIMEOUT):
            await self._program.write(f"{line}\n".encode())
            return (await self._program.read_until(f"{shell.END}\n".encode())).decode(errors="replace")

    async def close(self) -> None:
        """End the script."""
        await self._program.close()


class PodHosts:
    """The pods of one OBCluster. `place` says where it is."""

    def __init__(self, place: Place, access: HostAccess) -> None:
        self._place, self._access = place, access
        self._namespace = ""
        self._pods: dict[str, str] = {}
        self._nodes: Mapping[str, str] = {}
        self._trouble: dict[str, str] = {}
        self._look_at = 0.0
        self._stale = False
        self._shells = RemoteHosts("pod", lambda server: self._pods.get(server.name, ""), self._connect)

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """Of those pods that have answered by now."""
        servers = met(servers)
        wanted = self._stale or any(each.name not in self._pods for each in servers)
        if wanted and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _AGAIN
            await self._find(servers)
        return await self._shells.read(servers)

    @property
    def machines(self) -> Mapping[str, Host]:
        """The Kubernetes nodes, or the pods where those may not be asked for."""
        return {name: self._told(name, host) for name, host in self._shells.machines.items()}

    async def close(self) -> None:
        """End all shells."""
        await self._shells.close()

    def _told(self, server: str, host: Host) -> Host:
        if server not in self._pods:
            return replace(host, trouble=self._trouble.get(server, host.trouble))
        return replace(host, name=self._nodes.get(self._pods[server], host.name))

    async def _find(self, servers: Sequence[Server]) -> None:
        """Which pod each server is in, and on which node that is."""
        self._stale = False
        try:
            async with opened(self._place, TIMEOUT) as cluster:
                found = await find_servers(cluster, self._place.cluster)
                self._namespace, self._nodes = cluster.namespace, await nodes_of(cluster)
        except DistdiagError as error:
            self._trouble = dict.fromkeys((each.name for each in servers), str(error))
            self._stale = True
            return
        for each in servers:
            endpoint = Endpoint(host_of(each), port_of(each), self._access.names.get(each.name, each.name))
            try:
                self._pods[each.name] = match(found, endpoint, self._namespace).pod
            except ConfigError as error:
                self._trouble[each.name] = str(error)

    def _connect(self, pod: str) -> RemoteMachine:
        async def start() -> PodShell:
            command = ("sh", "-c", shell.script((*shell.FILES, *shell.CGROUP_FILES)))
            program = await run_in_pod(self._place, self._namespace, pod, command, TIMEOUT)
            self._stale = True  # it may be a new pod, on another node
            return PodShell(program)

        return RemoteMachine(start, self._access.program, self._access.data)

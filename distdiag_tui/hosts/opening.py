"""Where a target becomes a source: its servers, and their machines if there is a way to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from distdiag_tui.hosts.hosted import HostedSource
from distdiag_tui.hosts.lab import LabHosts
from distdiag_tui.hosts.machines import RemoteHosts, machine_of
from distdiag_tui.hosts.prometheus import PrometheusHosts, missing_prometheus
from distdiag_tui.hosts.protocol import HostSource
from distdiag_tui.hosts.remote import RemoteMachine
from distdiag_tui.hosts.ssh import missing_ssh, open_ssh
from distdiag_tui.kube.place import Place, missing
from distdiag_tui.model.hostaccess import HostAccess, NodeExporter, Pods, Ssh
from distdiag_tui.model.target import Target
from distdiag_tui.model.topology import Host, Server, Status
from distdiag_tui.sources.frame import Sample, Source
from distdiag_tui.sources.live import LiveSource


def open_source(target: Target, interval: float = 1.0) -> Source:
    """Frames of a target as long as they are asked for; connects to nothing before that."""
    source = LiveSource(target, interval)
    hosts = _hosts_of(target)
    if hosts is None:
        return source
    # elsewhere an endpoint may be a proxy, or a server by another name
    known = target.endpoints if target.home is not None else ()
    servers = (Server(each.name, each.address, each.zone, Status.CONNECTING) for each in known)
    return HostedSource(source, hosts, tuple(servers))


def _hosts_of(target: Target) -> HostSource | None:
    """The one way to the machines that the target names or brings along; None without any."""
    if target.home is not None:
        return LabHosts(target.home)
    access = target.hosts or HostAccess(Pods() if target.kube is not None else None)
    match access.way:
        case Ssh() as way:
            return NoWay("SSH", lacking) if (lacking := missing_ssh()) else _over_ssh(way, access)
        case NodeExporter() as way:
            lacking = missing_prometheus()
            return NoWay("Prometheus", lacking) if lacking else PrometheusHosts(way, access)
        case Pods():
            return NoWay("pod", lacking) if (lacking := missing()) else _in_pods(target, access)
    return None


def _in_pods(target: Target, access: HostAccess) -> HostSource:
    from distdiag_tui.hosts.pods import PodHosts  # noqa: PLC0415  costs 0.5 s

    return PodHosts(Place.of(target.kube or {}), access)


def _over_ssh(way: Ssh, access: HostAccess) -> HostSource:
    def connect(host: str) -> RemoteMachine:
        return RemoteMachine(partial(open_ssh, host, way), access.program, access.data)

    return RemoteHosts("SSH", partial(machine_of, access), connect)


class NoWay:
    """A way that was chosen and needs a package that is not there: nobody is left to wonder."""

    def __init__(self, way: str, install: str) -> None:
        self._host = Host(way=way, trouble=f"first: {install}")
        self._servers: Sequence[Server] = ()

    async def read(self, servers: Sequence[Server]) -> Mapping[str, Sample]:
        """Nothing."""
        self._servers = servers
        return {}

    @property
    def machines(self) -> Mapping[str, Host]:
        """Why."""
        return {server.name: self._host for server in self._servers}

    async def close(self) -> None:
        """Nothing is open."""

"""Where a target becomes a source: its servers, and their machines if there is a way to them."""

from __future__ import annotations

from distdiag_tui.hosts.hosted import HostedSource
from distdiag_tui.hosts.lab import LabHosts
from distdiag_tui.hosts.protocol import HostSource
from distdiag_tui.model.target import Target
from distdiag_tui.model.topology import Server, Status
from distdiag_tui.sources.frame import Source
from distdiag_tui.sources.live import LiveSource


def open_source(target: Target, interval: float = 1.0) -> Source:
    """Frames of a target as long as they are asked for; connects to nothing before that."""
    source = LiveSource(target, interval)
    hosts = _hosts_of(target)
    if hosts is None:
        return source
    servers = (
        Server(each.name or each.address, each.address, each.zone, Status.CONNECTING)
        for each in target.endpoints
    )
    return HostedSource(source, hosts, tuple(servers))


def _hosts_of(target: Target) -> HostSource | None:
    """The way to the machines that the target names; None without any."""
    return None if target.home is None else LabHosts(target.home)

"""A line on the machine that figures belong to, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.text import plain
from distdiag_tui.model.topology import Host, Subject

NO_WAY = "no way in: a profile's host says how"


def host_words(snapshot: Snapshot, subject: Subject) -> str:
    """Of a server its machine with those it shares it with; of more servers how many machines they have."""
    servers = [s for s in snapshot.servers if subject.server in ("", s.name) and subject.zone in ("", s.zone)]
    hosts = {s.name: host for s in servers if (host := snapshot.machines.get(s.name)) is not None}
    if not hosts:
        return NO_WAY
    if not subject.server:
        return _count(hosts)
    [host] = hosts.values()
    if host.trouble:
        return plain(f"no figures by {host.way}: {host.trouble}")
    others = [name for name, other in snapshot.machines.items() if other.name == host.name != ""]
    beside = [name for name in others if name != subject.server]
    shared = f", shared with {', '.join(beside[:3])}{' …' * (len(beside) > 3)}" if beside else ""
    return plain(f"{host.name or 'its machine'}{shared}")


def _count(hosts: Mapping[str, Host]) -> str:
    well = [host for host in hosts.values() if not host.trouble]
    if not well:
        return plain(f"no figures by {next(iter(hosts.values())).way}")
    machines = len({host.name for host in well})
    lost = f", {len(hosts) - len(well)} without" if len(well) < len(hosts) else ""
    mean = f"mean of {len(well)} server{'s' * (len(well) != 1)}"
    return f"{mean} on {machines} machine{'s' * (machines != 1)}{lost}"

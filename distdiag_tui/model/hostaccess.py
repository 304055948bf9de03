"""The way to the machines of a cluster's servers, as configured. One way for a cluster, never a mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from distdiag_tui.model.target import Secret


@dataclass(frozen=True, slots=True)
class Ssh:
    """Reading /proc over SSH, as ssh itself would connect: its configuration, its agent, its known hosts.

    `user`, `port` and `key` (a file) where they differ from that. `known_hosts`: a file, not the user's.
    """

    user: str = ""
    port: int = 0
    key: str = ""
    known_hosts: str = ""


@dataclass(frozen=True, slots=True)
class Pods:
    """Reading /proc in the pods of ob-operator; which Kubernetes cluster is meant says the target."""


@dataclass(frozen=True, slots=True)
class NodeExporter:
    """Series of node_exporter, from a Prometheus server at `url`.

    `labels` narrow the series (such as job). A machine's series are those whose label `instance` has the
    server's host, before the port. `token` is sent as a bearer, or `user` and `password` as basic; `ca` is a
    file with the authority that signed the server's certificate.
    """

    url: str
    labels: Mapping[str, str] = field(default_factory=dict)
    instance: str = "instance"
    user: str = ""
    password: Secret = field(default_factory=Secret)
    token: Secret = field(default_factory=Secret)
    ca: str = ""


@dataclass(frozen=True, slots=True)
class HostAccess:
    """How to reach the machines; no `way`: not at all, even if there is one that needs no setting.

    `names`: the machine of a server, by the server's name or its address without the port, where it differs.
    `program` is the name of the servers' process, `data` a path on the disk that holds their data, if it is
    not found without.
    """

    way: Ssh | Pods | NodeExporter | None
    names: Mapping[str, str] = field(default_factory=dict)
    program: str = "observer"
    data: str = ""

"""What the lab tells its callers: how a start goes on, and how each node is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The steps of a start, in order; each is reported once it is true."""

    WAITING = "waiting for port"
    STARTED = "process started"
    ACCEPTING = "accepting connections"
    ANSWERING = "answering queries"
    SECURED = "password set"


@dataclass(frozen=True, slots=True)
class NodeProgress:
    """How far one node's start is: `fraction` from 0 to 1, where 1 means ready for use."""

    name: str
    stage: Stage
    fraction: float


class NodeState(StrEnum):
    """How a node is. `silent`: it has had time enough to start, yet does not greet a client."""

    RUNNING = "running"
    STARTING = "starting"
    SILENT = "not answering"
    FROZEN = "frozen"
    CRASHED = "crashed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One line of `lab status`: uptime in seconds, memory in bytes, both None without a process."""

    name: str
    zone: str
    host: str
    port: int
    state: NodeState
    pid: int | None = None
    uptime: float | None = None
    memory: int | None = None

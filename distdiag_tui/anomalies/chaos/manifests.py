"""The objects of Chaos Mesh, as the API server takes them. Pure.

Every one carries its duration: Chaos Mesh itself ends the fault then, even if this machine dies.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.options import Values

GROUP: Final = "chaos-mesh.org"
VERSION: Final = "v1alpha1"
KINDS: Final = {
    "StressChaos": "stresschaos",
    "NetworkChaos": "networkchaos",
    "IOChaos": "iochaos",
    "PodChaos": "podchaos",
    "TimeChaos": "timechaos",
}
"""The kinds that are made here, with their plural as in a path."""

MANAGED: Final = {"app.kubernetes.io/name": "distdiag", "app.kubernetes.io/managed-by": "distdiag"}
INJECTION, OWNER = "distdiag/injection", "distdiag/owner"
CONTAINER: Final = "observer"  # what ob-operator calls the one that has the server
_LABEL: Final = 63  # characters of a label's value; a name is kept as short

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prey:
    """The pod that is hit, its namespace, and the pods of the other servers of its cluster."""

    pod: str
    namespace: str
    others: tuple[str, ...] = ()


Draft = Callable[[Values, Prey], tuple[str, Manifest]]
"""The kind, and what is special in the spec, at some severity; ConfigError if it cannot be made there."""


def make_manifest(draft: Draft, values: Values, prey: Prey, injection: str, seconds: float) -> Manifest:
    """The whole object."""
    kind, spec = draft(values, prey)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind,
        "metadata": {
            "name": object_name(injection),
            "namespace": prey.namespace,
            "labels": {**MANAGED, INJECTION: label_value(injection), OWNER: owner()},
        },
        "spec": {**_selected([prey.pod], prey.namespace), **spec, "duration": go_duration(seconds)},
    }


def cpu(values: Values, _: Prey) -> tuple[str, Manifest]:
    """Workers that compute, each for so many per cent of the time, beside the server."""
    stressor = {"workers": int(values["workers"]), "load": int(values["load"])}
    return "StressChaos", {"containerNames": [CONTAINER], "stressors": {"cpu": stressor}}


def memory(values: Values, _: Prey) -> tuple[str, Manifest]:
    """One that holds memory beside the server, and is the first to be killed if there is not enough."""
    stressor = {"workers": 1, "size": f"{values['percent']}%", "oomScoreAdj": 1000}
    return "StressChaos", {"containerNames": [CONTAINER], "stressors": {"memory": stressor}}


def disk(values: Values, _: Prey) -> tuple[str, Manifest]:
    """Late answers of the file system of one volume."""
    return "IOChaos", {
        "containerNames": [CONTAINER],
        "action": "latency",
        "volumePath": str(values["volume"]),
        "delay": f"{values['delay_ms']}ms",
        "percent": int(values["percent"]),
        "methods": ["read", "write", "fsync"],
    }


def network(values: Values, _: Prey) -> tuple[str, Manifest]:
    """What the pod sends is late, lost and throttled at once: all of it is netem."""
    return "NetworkChaos", {
        "action": "netem",
        "direction": "to",
        "delay": {
            "latency": f"{values['delay_ms']}ms",
            "jitter": f"{values['jitter_ms']}ms",
            "correlation": "0",
        },
        "loss": {"loss": f"{values['loss_percent']}", "correlation": "0"},
        "rate": {"rate": f"{values['kbit_per_s']}kbit"},
    }


def partition(values: Values, prey: Prey) -> tuple[str, Manifest]:
    """No way between the pod and some or all other servers; clients still reach it."""
    if not prey.others:
        raise ConfigError(f"{prey.pod} is the only server of its cluster: there is none to part it from")
    some = prey.others[: ceil(len(prey.others) * int(values["percent"]) / 100)]
    return "NetworkChaos", {
        "action": "partition",
        "direction": str(values["direction"]),
        "target": _selected(some, prey.namespace),
    }


def kill(_: Values, __: Prey) -> tuple[str, Manifest]:
    """The pod is killed, once: its duration has no meaning, ob-operator makes a new one."""
    return "PodChaos", {"action": "pod-kill", "gracePeriod": 0}


def failure(_: Values, __: Prey) -> tuple[str, Manifest]:
    """The pod stays, with images in it that do nothing."""
    return "PodChaos", {"action": "pod-failure"}


def clock(values: Values, _: Prey) -> tuple[str, Manifest]:
    """The server reads another time than there is."""
    return "TimeChaos", {
        "containerNames": [CONTAINER],
        "timeOffset": f"{values['offset_ms']}ms",
        "clockIds": ["CLOCK_REALTIME"],
    }


def object_name(injection: str) -> str:
    """A name that DNS takes; an injection's id has an underscore at most."""
    return re.sub("[^a-z0-9]+", "-", injection.lower())[:_LABEL].strip("-")


def label_value(text: str) -> str:
    """The text as a label's value may be."""
    return re.sub("[^A-Za-z0-9._-]+", "-", text)[:_LABEL].strip("-._")


def owner() -> str:
    """Who is at work here, and on which machine."""
    # the number is never missing, while a name may be
    return label_value(f"uid{os.getuid()}.{socket.gethostname()}")


def go_duration(seconds: float) -> str:
    """As Chaos Mesh reads durations: "60s", "1500ms"."""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{ceil(seconds * 1000)}ms"


def selector(labels: Mapping[str, str]) -> str:
    """Labels as a query."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


def _selected(pods: Sequence[str], namespace: str) -> Manifest:
    return {"mode": "all", "selector": {"namespaces": [namespace], "pods": {namespace: list(pods)}}}

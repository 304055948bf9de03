"""What a pod's state says: why it does not start, how it ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kubernetes_asyncio.client import (
    V1ContainerState,
    V1ContainerStateTerminated,
    V1ContainerStateWaiting,
    V1Job,
    V1Pod,
)

from distdiag_tui.workloads.k8s.manifests import CONTAINER

_HOPELESS: Final = frozenset(
    {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ended; `why` in the cluster's words, "" if its own exit code says it all."""

    code: int
    why: str


def started(pod: V1Pod) -> bool:
    """Whether its program runs, or has run."""
    state = _state(pod)
    return state is not None and bool(state.running or state.terminated)


def obstacle(pod: V1Pod) -> str:
    """Why it has not started, as far as it is known."""
    if ended := ending(pod):
        return ended.why
    if (waiting := _waiting(pod)) and waiting.reason:
        return _joined(waiting.reason, waiting.message)
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return _joined(condition.reason, condition.message)
    return ""


def hopeless(pod: V1Pod) -> bool:
    """Whether waiting will not help: a node may even refuse a pod before it makes its container."""
    waiting = _waiting(pod)
    return ending(pod) is not None or (waiting is not None and waiting.reason in _HOPELESS)


def ending(pod: V1Pod) -> Ending | None:
    """None while it has not ended. A pod that a node lost or evicted has a reason but no exit code."""
    if ended := _terminated(pod):
        own = ended.reason in ("Completed", "Error")
        return Ending(ended.exit_code, "" if own else _joined(ended.reason, ended.message))
    if pod.status.phase in ("Succeeded", "Failed"):
        code = 0 if pod.status.phase == "Succeeded" else 1
        return Ending(code, _joined(pod.status.reason, pod.status.message))
    return None


def failure(job: V1Job) -> str:
    """Why a job has failed; "" if it has not."""
    for condition in job.status.conditions or ():
        if condition.type == "Failed" and condition.status == "True":
            return _joined(condition.reason, condition.message)
    return ""


def _state(pod: V1Pod) -> V1ContainerState | None:
    """Its container's: None at first. One of running, waiting and terminated is set, or none.

    Others may stand beside it, such as a service mesh's.
    """
    statuses = pod.status.container_statuses or ()
    return next((status.state for status in statuses if status.name == CONTAINER), None)


def _waiting(pod: V1Pod) -> V1ContainerStateWaiting | None:
    state = _state(pod)
    return state.waiting if state else None


def _terminated(pod: V1Pod) -> V1ContainerStateTerminated | None:
    state = _state(pod)
    return state.terminated if state else None


def _joined(reason: str | None, message: str | None) -> str:
    return ": ".join(" ".join(part.split()) for part in (reason, message) if part)

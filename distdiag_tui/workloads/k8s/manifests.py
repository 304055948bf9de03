"""The objects of one run, as the API server takes them: a Secret with the password, and the Jobs. Pure.

A job ends by itself at the latest `limit` seconds after its start, and is removed by the cluster a while
after its end: so nothing stays for ever, even if this machine dies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.journal import RunRecord
from distdiag_tui.workloads.k8s.settings import Settings, origin
from distdiag_tui.workloads.options import Option, Value, Values
from distdiag_tui.workloads.protocol import Kind

LONGEST: Final = 24 * 3600
"""Seconds that a job without `--time` lasts at most."""

CONTAINER: Final = "load"
RUN, KIND, ORIGIN, CLUSTER = "distdiag/run", "distdiag/kind", "distdiag/origin", "distdiag/cluster"
MANAGED: Final = {"app.kubernetes.io/name": "distdiag", "app.kubernetes.io/managed-by": "distdiag"}
_MARGIN: Final = 300  # seconds for an image to be pulled and a pod to find its place
_KEPT: Final = 600  # seconds an ended job stays to be looked at
_FAREWELL: Final = 10  # seconds from SIGTERM to SIGKILL
_USER: Final = 65532  # any but root
_NAME: Final = 52  # a job's name may have 63 characters, its pods add to it

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: `shares` are the options of each job, `servers` addresses as the jobs reach them."""

    run: str
    kind: str
    cluster: str
    origin: str
    image: str
    user: str
    servers: tuple[str, ...]
    shares: tuple[Values, ...]

    @property
    def labels(self) -> dict[str, str]:
        """On everything that belongs to the run."""
        return {**MANAGED, RUN: self.run, KIND: self.kind, ORIGIN: self.origin}

    @property
    def name(self) -> str:
        """Of the secret; those of the jobs begin with it."""
        return f"distdiag-{re.sub('[^a-z0-9]+', '-', self.run.lower())}"[:_NAME].strip("-")

    @property
    def jobs(self) -> list[str]:
        """The names of the jobs."""
        return [f"{self.name}-{index}" for index in range(len(self.shares))]

    @property
    def limit(self) -> int:
        """Seconds after which the cluster ends a job."""
        seconds = max(float(share.get("time", 0)) for share in self.shares)
        return int(seconds) + _MARGIN if seconds else LONGEST


def make_plan(kind: Kind, record: RunRecord, settings: Settings, user: str, journal: Path | None) -> Plan:
    """The plan of a run; ConfigError if its clients cannot be divided."""
    return Plan(
        run=record.id,
        kind=record.kind,
        cluster=record.cluster,
        origin=origin(journal or Path("/")),
        image=settings.image,
        user=user,
        servers=record.servers,
        shares=shares(kind.options, record.options, settings.jobs),
    )


def shares(options: Sequence[Option], values: Values, jobs: int) -> tuple[Values, ...]:
    """The options of each job: clients and rate are divided, sizes left out (a start finds them itself).

    Each client keeps its rate, as far as whole transactions can be divided. ConfigError if there are fewer
    clients than jobs, or fewer whole transactions a second.
    """
    common = {option.name: values[option.name] for option in options if not option.size}
    threads = _parts(int(common.get("threads", jobs)), jobs)
    if not all(threads):
        raise ConfigError(f"{jobs} jobs need at least as many --threads, not {sum(threads)}")
    divided: dict[str, Sequence[Value]] = {"threads": threads, "rate": _rates(common.get("rate", 0), threads)}
    return tuple(
        {name: divided[name][job] if name in divided else value for name, value in common.items()}
        for job in range(jobs)
    )


def _rates(rate: Value, threads: Sequence[int]) -> Sequence[Value]:
    """Of each job, of the same type: a program that takes whole numbers takes no 50.0."""
    if not isinstance(rate, int):
        return [float(rate) * each / sum(threads) for each in threads]
    if 0 < rate < len(threads):  # a share of 0 would be no limit
        raise ConfigError(f"{len(threads)} jobs need a --rate of at least {len(threads)}, not {rate}")
    return _parts(rate, len(threads))


def _parts(number: int, jobs: int) -> list[int]:
    """As equal as can be, the first ones larger."""
    least, more = divmod(number, jobs)
    return [least + (job < more) for job in range(jobs)]


def manifests(plan: Plan, password: str) -> list[Manifest]:
    """The secret, then the jobs."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": plan.name, "labels": plan.labels},
        "type": "Opaque",
        "stringData": {"password": password},
    }
    return [secret, *(_job(plan, *each) for each in zip(plan.jobs, plan.shares, strict=True))]


def _job(plan: Plan, name: str, values: Values) -> Manifest:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **_marks(plan)},
        "spec": {
            "backoffLimit": 0,  # a load that starts over would be two in one report
            "activeDeadlineSeconds": plan.limit,
            "ttlSecondsAfterFinished": _KEPT,
            "template": {"metadata": _marks(plan), "spec": _pod(plan, values)},
        },
    }


def _marks(plan: Plan) -> Manifest:
    return {"labels": plan.labels, "annotations": {CLUSTER: plan.cluster}}


def _pod(plan: Plan, values: Values) -> Manifest:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _FAREWELL,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [  # several machines are the point of it
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {RUN: plan.run}},
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
        "containers": [_container(plan, values)],
    }


def _container(plan: Plan, values: Values) -> Manifest:
    return {
        "name": CONTAINER,
        "image": plan.image,
        "command": command(plan, values),
        "env": [
            {"name": "OB_USER", "value": plan.user},
            {"name": "OB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": plan.name, "key": "password"}}},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - of the container, a folder of its own
        ],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def command(plan: Plan, values: Values) -> list[str]:
    """What a job runs; the account comes through the environment."""
    start = ["distdiag", "workload", "start", plan.kind, ",".join(plan.servers), "--json", "--histogram"]
    return start + [f"--{name.replace('_', '-')}={_written(value)}" for name, value in values.items()]


def _written(value: Value) -> str:
    """Kubernetes would take $(NAME) for a variable."""
    return ("no", "yes")[value] if isinstance(value, bool) else str(value).replace("$(", "$$(")


def selector(labels: Mapping[str, str]) -> str:
    """Labels as a query."""
    return ",".join(f"{name}={value}" for name, value in labels.items())

"""Load as jobs of the stand-in cluster, from images that are made here."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from apipods import Image
from apiserver import JOBS, NAMESPACE, PODS, SECRETS, ApiServer, serve

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.model.target import Secret
from distdiag_tui.workloads.k8s.jobs import JobsLoad, unheard
from distdiag_tui.workloads.k8s.manifests import Plan
from distdiag_tui.workloads.k8s.settings import Settings
from distdiag_tui.workloads.options import Value, Values
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.session import Node

ROOT = Path(__file__).parents[2]
TALKER = Path(__file__).parents[1] / "kubernetes" / "talker.py"
REAL, QUICK = "distdiag:test", "talker:test"
INTERVAL = 0.1


class Local:
    """The part of a workload that stays on this machine: here nothing."""

    async def fill(self, stores: Sequence[Node], before: Values | None, progress: Progress) -> None:
        raise AssertionError

    def run(self) -> AsyncIterator[IntervalReport]:
        raise AssertionError

    def verify(self, stores: Sequence[Node], progress: Progress) -> AsyncIterator[Check]:
        raise AssertionError

    def set_threads(self, threads: int) -> None:
        raise AssertionError

    def set_rate(self, rate: float) -> None:
        raise AssertionError

    def stop(self) -> None:
        pass


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[ApiServer]:
    """A stand-in with two images: one has the real program, one a quick talker."""
    real = program(folder / "real", f'#!/bin/sh\nexec {sys.executable} -m distdiag_tui "$@"\n')
    quick = program(folder / "quick", f"#!{sys.executable} -SE\n{TALKER.read_text()}")
    async with serve() as server:
        server.node.images[REAL] = Image(real, {"PYTHONPATH": str(ROOT)})
        server.node.images[QUICK] = Image(quick)
        yield server


def program(folder: Path, text: str) -> Path:
    """A folder whose `distdiag` is this text."""
    folder.mkdir()
    file = folder / "distdiag"
    file.write_text(text)
    file.chmod(0o755)
    return folder


def plan(
    run: str = "oltp-test", jobs: int = 2, image: str = QUICK, origin: str = "here", **values: Value
) -> Plan:
    """A small run of talkers."""
    share = {"threads": 3, "interval": INTERVAL, "time": 0.0, **values}
    return Plan(run, "oltp", "lab", origin, image, "root@sys", ("10.0.0.1:2881",), (share,) * jobs)


def load(
    what: Plan,
    *,
    active: Sequence[str] | None = None,
    tell: Callable[[str], None] = unheard,
    start: float = 20.0,
    patience: float = 10.0,
) -> JobsLoad:
    """A run of a plan in the cluster that KUBECONFIG names."""
    settings, password = Settings(what.image, len(what.shares)), Secret("tiger")
    return JobsLoad(
        Local(), what, settings, password, active=active, tell=tell, start=start, patience=patience
    )


async def ended(running: JobsLoad, after: int = 0) -> list[IntervalReport]:
    """All reports of a run; it is stopped after some of them, or ends by itself."""
    reports = []
    async for report in running.run():
        reports.append(report)
        if len(reports) == after:
            running.stop()
    return reports


async def failure(running: JobsLoad) -> str:
    """The one line that a run fails with."""
    return (await failed(running))[1]


async def failed(running: JobsLoad) -> tuple[list[IntervalReport], str]:
    """What a run reports before it fails, and the one line."""
    reports: list[IntervalReport] = []

    async def collect() -> None:
        async for report in running.run():
            reports.append(report)

    with pytest.raises(WorkloadError) as caught:
        await collect()
    message = str(caught.value)
    assert "\n" not in message
    assert "tiger" not in message
    return reports, message


def left(server: ApiServer) -> list[str]:
    """Whatever there is in the namespace."""
    return [
        f"{resource.plural}/{item['metadata']['name']}"
        for resource in (JOBS, PODS, SECRETS)
        for item in server.store.list(resource, NAMESPACE)
    ]


def running(server: ApiServer) -> bool:
    """Whether a pod runs."""
    return any(pod["status"]["phase"] == "Running" for pod in server.store.list(PODS))


def errors(reports: Sequence[IntervalReport]) -> int:
    """Each report of a talker counts one."""
    return sum(sum(report.errors.values()) for report in reports)

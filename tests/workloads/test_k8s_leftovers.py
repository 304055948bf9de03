"""Whose objects are whose: what is left of killed runs goes, what belongs to others stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apiserver import JOBS, NAMESPACE, SECRETS, ApiServer
from apistore import Object
from job_load import cluster, ended, failure, left, load, plan

from distdiag_tui.workloads.k8s.manifests import manifests


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    async with cluster(tmp_path) as found:
        monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig(tmp_path)))
        yield found


async def test_names_in_use_by_somebody_else_are_left_alone(server: ApiServer) -> None:
    secret, job, _ = manifests(plan(origin="there"), "theirs")
    for item in (secret, job):
        item["metadata"]["namespace"] = NAMESPACE
    theirs: list[Object] = [server.store.create(SECRETS, secret), server.store.create(JOBS, job)]
    message = await failure(load(plan(), active=[]))
    assert message == f"distdiag-oltp-test in namespace {NAMESPACE} belongs to somebody else; start again"
    assert {item["metadata"]["uid"] for r in (SECRETS, JOBS) for item in server.store.list(r)} == {
        item["metadata"]["uid"] for item in theirs
    }


async def test_a_start_removes_what_killed_runs_left_and_nothing_else(server: ApiServer) -> None:
    kept: list[str] = []
    swept: list[str] = []
    for run, origin, stays in (("dead", "here", False), ("alive", "here", True), ("other", "there", True)):
        for item in manifests(plan(run, jobs=1, origin=origin), "x"):
            item["metadata"]["namespace"] = NAMESPACE
            resource = JOBS if item["kind"] == "Job" else SECRETS
            name = server.store.create(resource, item)["metadata"]["name"]
            (kept if stays else swept).append(f"{resource.plural}/{name}")
    await ended(load(plan("now", jobs=1, time=0.3), active=["alive", "now"]))
    found = {item for item in left(server) if not item.startswith("pods")}
    assert found == set(kept)
    assert swept

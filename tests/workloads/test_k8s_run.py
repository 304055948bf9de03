"""Real load of several jobs on the lab: summed, stopped, detached, killed; the command line of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from apiserver import JOBS, NAMESPACE, PODS, ApiServer
from conftest import LiveLab, run
from job_load import REAL, cluster, left, running
from kubernetes_asyncio.client import ApiClient, BatchV1Api
from live_load import ROWS, SMALL, TABLES, Feed, alive, load_of, mean_tps, until
from peer import configuration

from distdiag_tui.ledger import new_name
from distdiag_tui.model.target import Target
from distdiag_tui.workloads.journal import Journal
from distdiag_tui.workloads.protocol import Step
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess, Order

OPTIONS = SMALL | {"threads": 6, "rate": 60.0, "interval": 0.5}


@dataclass
class Place:
    """A stand-in cluster, the lab with data in it, and a journal."""

    server: ApiServer
    target: Target
    journal: Journal

    def load(self, jobs: int) -> LoadProcess:
        """A run that was not started yet, as the service makes it."""
        record = replace(load_of(self.target, OPTIONS, ("run",)).record, id=new_name("oltp"), runner="k8s")
        return LoadProcess(Order(self.target, record, {"image": REAL, "jobs": jobs}), self.journal)

    @property
    def dsn(self) -> str:
        servers = ",".join(endpoint.address for endpoint in self.target.endpoints)
        return f"{self.target.user}@{servers}"

    async def command(self, *arguments: str) -> tuple[int, list[str], str]:
        """As `workload` below, with the lab's password."""
        return await workload(*arguments, OB_PASSWORD=self.target.password.reveal())


async def workload(*arguments: str, **environment: str) -> tuple[int, list[str], str]:
    """Exit code, lines, complaints of `distdiag workload …`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "distdiag_tui", "workload", *arguments),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaints = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines(), complaints.decode()


@pytest.fixture(scope="module")
def data(lab: LiveLab) -> Iterator[LiveLab]:
    """The lab with small tables."""
    run(step(lab.target, "prepare"))
    yield lab
    run(step(lab.target, "cleanup"))


@pytest.fixture
async def place(data: LiveLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    async with cluster(tmp_path) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield Place(server, data.target, Journal(tmp_path / "journal"))


async def step(target: Target, name: Step) -> None:
    load = load_of(target, SMALL, (name,))
    await load.start()
    await load.ended()
    assert load.record.phase == "done", load.record


async def test_three_jobs_are_one_load(place: Place) -> None:
    load = place.load(3)
    await load.start()
    feed = Feed(load)
    try:
        await until(lambda: bool(feed.seen) and feed.seen[-1].threads == 6, 60)
        reports = await feed.over(6)
        seen = secrets_to_be_seen(place)
        load.set_threads(9)
        await until(lambda: bool(load.refusal), 5)
    finally:
        await load.stop()
        feed.close()
    total = load.record.report
    assert load.record.phase == "stopped", load.record
    assert load.refusal.startswith("jobs keep what they were started with")
    assert 5 < mean_tps(reports) < 80  # the rate is that of all together; a busy machine may fall short of it
    for report in reports:
        assert report.p50 is not None
        assert report.p95 is not None
        assert report.p99 is not None
        assert report.mean is not None
        assert 0 < report.p50 <= report.p95 <= report.p99 < 5
    assert total is not None
    assert total.total
    assert total.errors == {}
    assert total.p95 is not None
    assert left(place.server) == []
    assert place.server.handlers.warnings == []
    assert not alive(load.pid)
    assert len(seen) == 3
    assert all(b"--threads=2" in line and b"--rate=20.0" in line for line in seen)
    assert not any(place.target.password.reveal().encode() in line for line in seen)


def secrets_to_be_seen(place: Place) -> list[bytes]:
    """The command lines of the pods' programs."""
    found = []
    for pod in place.server.store.list(PODS):
        process = place.server.node.run(pod["metadata"]["uid"]).process
        assert process is not None
        found.append(Path(f"/proc/{process.pid}/cmdline").read_bytes())
    return found


async def test_the_command_line(place: Place) -> None:
    start = ("start", "oltp", place.dsn, "--runner", "k8s", "--jobs", "2", "--image", REAL, "--json")
    sizes = ("--prepare", "--tables", str(TABLES), "--rows", str(ROWS))
    code, lines, complaints = await place.command(*start, *sizes, "--time", "2", "--threads", "4")
    assert code == 0, complaints
    *intervals, total = [IntervalReport.from_json(line) for line in lines]
    assert [report.total for report in intervals] == [False] * len(intervals)
    assert (total.total, total.threads) == (True, 4)
    assert total.tps > 10
    assert total.p95 is not None
    assert "histogram" not in "".join(lines)
    assert left(place.server) == []


async def test_histograms_are_told_on_demand(place: Place) -> None:
    code, lines, complaints = await place.command(
        "start", "oltp", place.dsn, "--time", "1", "--json", "--histogram", "--threads", "2"
    )
    assert code == 0, complaints
    assert all(json.loads(line)["histogram"] for line in lines)


async def test_a_dry_run_prints_what_the_server_takes(place: Place) -> None:
    start = ("start", "oltp", place.dsn, "--runner", "k8s", "--jobs", "2", "--dry-run", "--image", REAL)
    code, lines, _ = await place.command(*start)
    assert code == 0
    items = list(yaml.safe_load_all("\n".join(lines)))
    code, lines, _ = await place.command(*start, "--json")
    assert code == 0
    assert [item["kind"] for item in json.loads(lines[0])["items"]] == ["Secret", "Job", "Job"]
    assert items[0]["stringData"] == {"password": "******"}
    assert place.target.password.reveal() not in "\n".join(lines)
    assert left(place.server) == []
    place.server.node.schedulable = False
    async with ApiClient(configuration(place.server, "good-token")) as client:
        for job in items[1:]:
            await BatchV1Api(client).create_namespaced_job(NAMESPACE, job, field_validation="Strict")
    assert len(place.server.store.list(JOBS)) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--runner", "k8s"], "needs an image"),
        (["--runner", "k8s", "--image", "x", "--jobs", "9"], "9 jobs need at least as many --threads, not 8"),
        (["--runner", "k8s", "--image", "x", "--jobs", "101"], "--jobs takes 1 to 100"),
        (["--runner", "k9s"], "--runner takes local or k8s, not 'k9s'"),
        (["--jobs", "2", "--image", "x"], "--jobs, --image: only with --runner k8s"),
        (["--dry-run"], "only with --runner k8s"),
    ],
)
async def test_wrong_options_are_one_line(arguments: list[str], words: str) -> None:
    code, lines, complaints = await workload("start", "oltp", "127.0.0.1:1", *arguments)
    assert (code, lines) == (2, [])
    assert len(complaints.splitlines()) == 1, complaints
    assert words in complaints


async def test_a_detached_run_is_stopped_by_name_and_a_dead_one_is_swept(place: Place) -> None:
    start = ("start", "oltp", place.dsn, "--runner", "k8s", "--jobs", "1", "--image", REAL, "--threads", "2")
    code, lines, complaints = await place.command(*start, "--detach")
    assert code == 0, complaints
    name = lines[-1].split()[0]
    await until(lambda: running(place.server), 60)
    code, lines, complaints = await place.command("stop", name)
    assert (code, lines) == (0, [f"{name} stopped"]), complaints
    assert left(place.server) == []

    load = place.load(1)
    await load.start()
    await until(lambda: running(place.server), 60)
    assert load.pid
    os.kill(load.pid, signal.SIGKILL)
    await load.ended()
    assert load.record.phase == "failed"
    assert len(left(place.server)) == 3  # until their deadline, or the next start
    dead = {item["metadata"]["uid"] for item in place.server.store.list(JOBS)}
    again = place.load(1)
    await again.start()
    await until(lambda: bool(again.record.report), 60)
    assert not dead & {item["metadata"]["uid"] for item in place.server.store.list(JOBS)}
    await again.stop()
    assert left(place.server) == []


async def test_jobs_do_not_outlive_a_dead_parent(place: Place) -> None:
    """The worker sees the end of its input, and has its time to remove the jobs."""
    request = json.dumps(place.load(1)._request())
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "distdiag_tui.workloads.worker"), stdin=-1, stdout=-1
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(request.encode() + b"\n")
    async for line in worker.stdout:
        if b"tps" in line:
            break
    assert len(left(place.server)) == 3
    worker.stdin.close()
    assert await asyncio.wait_for(worker.wait(), 40) == 0
    assert left(place.server) == []

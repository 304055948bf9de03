"""Load as Kubernetes jobs meets trouble: in the pods, on the way to the API server, with rights and names."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apiserver import JOBS, NAMESPACE, PODS, ApiServer
from job_load import INTERVAL, QUICK, cluster, ended, errors, failed, failure, left, load, plan
from job_load import running as is_running
from live_load import until

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.workloads.report import IntervalReport

RIGHTS = {
    *((verb, "jobs.batch") for verb in ("create", "list", "get", "delete")),
    *((verb, "secrets") for verb in ("create", "get", "patch", "delete")),
    *((verb, "pods") for verb in ("list", "get")),
    ("get", "pods/log"),
}
"""What the package says that an account needs."""


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    async with cluster(tmp_path) as found:
        monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig(tmp_path)))
        yield found


async def test_a_run_is_the_sum_of_its_jobs_and_leaves_nothing(server: ApiServer) -> None:
    server.gate.rights = RIGHTS
    told: list[str] = []
    reports = await ended(load(plan(jobs=3, time=1.0), tell=told.append))
    assert told[-1] == "3 of 3 jobs running"
    *intervals, total = reports
    assert [report.total for report in reports] == [False] * len(intervals) + [True]
    assert max(report.threads for report in intervals) == 9
    assert all(report.tps == pytest.approx(10.0 * report.threads) for report in intervals)
    assert errors(intervals) == errors([total]) == 3 * 10
    assert total.elapsed >= 1.0
    assert left(server) == []
    assert server.handlers.warnings == []


async def test_stop_brings_the_totals_and_ends_the_pods(server: ApiServer) -> None:
    running = load(plan())
    *intervals, total = await ended(running, after=5)
    assert total.total
    assert len(intervals) >= 5
    said = [IntervalReport.from_json(line) for line in server.node.last_lines()]
    assert [report.total for report in said] == [True, True]
    assert errors([total]) == errors(said)  # what was done after the stop counts too
    assert left(server) == []
    with pytest.raises(ConfigError, match="jobs keep what they were started with"):
        running.set_threads(8)
    with pytest.raises(ConfigError, match="jobs keep what they were started with"):
        running.set_rate(8)


async def test_pods_that_do_not_listen_are_counted_by_their_intervals(server: ApiServer) -> None:
    server.node.images[QUICK].environment["TALK"] = "deaf"
    running = asyncio.create_task(ended(load(plan(jobs=1)), after=5))
    await until(lambda: any("deletionTimestamp" in pod["metadata"] for pod in server.store.list(PODS)), 20)
    [pod] = server.store.list(PODS)
    server.node.run(pod["metadata"]["uid"]).kill()  # as the node does after the grace of ten seconds
    *intervals, total = await running
    assert errors([total]) == errors(intervals) >= 5
    assert total.threads == 3
    assert left(server) == []


async def test_cancelling_removes_everything(server: ApiServer) -> None:
    running = asyncio.create_task(ended(load(plan())))
    await until(lambda: is_running(server), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert left(server) == []


async def test_an_image_that_cannot_be_pulled_is_told(server: ApiServer) -> None:
    message = await failure(load(plan(image="nowhere/at-all:1")))
    words = "does not start: ImagePullBackOff: Back-off pulling image"
    assert message.startswith((f"job distdiag-oltp-test-0 {words}", f"job distdiag-oltp-test-1 {words}"))
    assert '"nowhere/at-all:1"' in message
    assert left(server) == []


async def test_an_image_without_the_program_is_told(server: ApiServer) -> None:
    (server.node.images[QUICK].bin / "distdiag").unlink()
    message = await failure(load(plan(jobs=1)))
    assert "StartError" in message
    assert '"distdiag": executable file not found' in message


async def test_a_pod_that_finds_no_place_is_told(server: ApiServer) -> None:
    server.node.schedulable = False
    told: list[str] = []
    message = await failure(load(plan(), start=1.0, tell=told.append))
    assert told[-1].startswith("0 of 2 jobs running; distdiag-oltp-test-")
    assert told[-1].endswith(": Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.")
    assert "does not start within 1 s: Unschedulable: 0/1 nodes are available" in message
    assert left(server) == []


async def test_a_pod_that_may_not_be_made_is_told(server: ApiServer) -> None:
    server.controller.quota = 'Error creating: pods "x" is forbidden: exceeded quota: small'
    message = await failure(load(plan(), start=1.0))
    assert "does not start within 1 s: FailedCreate: Error creating" in message
    assert "exceeded quota: small" in message
    assert left(server) == []


async def test_a_pod_that_the_node_turns_down_is_told_at_once(server: ApiServer) -> None:
    server.node.refusal = ("OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu")
    message = await failure(load(plan(jobs=1), start=600.0))
    assert message == (
        "job distdiag-oltp-test-0 does not start: "
        "OutOfcpu: Pod was rejected: Node didn't have enough resource: cpu"
    )
    assert left(server) == []


async def test_a_job_that_fails_ends_the_run_with_its_last_line(server: ApiServer) -> None:
    server.node.images[QUICK].environment["TALK"] = "fail 3"
    reports, message = await failed(load(plan()))
    assert message.startswith("job distdiag-oltp-test-")
    assert message.endswith(": the data is gone; prepare it again")
    assert reports[-1].total
    assert left(server) == []


async def test_a_killed_program_a_deleted_job_and_a_mute_one(server: ApiServer) -> None:
    async def harm(how: str) -> str:
        running = asyncio.create_task(failure(load(plan(jobs=1))))
        await until(lambda: is_running(server), 20)
        [pod] = server.store.list(PODS)
        if how == "kill":
            server.node.run(pod["metadata"]["uid"]).kill()
        else:
            server.store.remove(JOBS, NAMESPACE, "distdiag-oltp-test-0")
        return await running

    assert await harm("kill") == f"job distdiag-oltp-test-0: it ended with code {128 + signal.SIGKILL}"
    assert await harm("delete") == "job distdiag-oltp-test-0: it was deleted"
    server.node.images[QUICK].environment["TALK"] = "mute"
    message = await failure(load(plan(jobs=1, time=0.3)))
    assert message == "job distdiag-oltp-test-0 ended without any report in its log"


async def test_a_deadline_is_told(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distdiag_tui.workloads.k8s.manifests.LONGEST", 1)
    message = await failure(load(plan(jobs=1)))
    assert (
        message == "job distdiag-oltp-test-0: DeadlineExceeded: Job was active longer than specified deadline"
    )


async def test_torn_streams_lose_nothing_and_count_nothing_twice(server: ApiServer) -> None:
    running = asyncio.create_task(ended(load(plan(jobs=2, time=3.0))))
    await until(lambda: server.handlers.streams.opened >= 2, 20)
    for _ in range(4):
        await asyncio.sleep(0.6)
        server.handlers.streams.cut()
    *intervals, total = await running
    assert server.handlers.streams.opened >= 2 * 5
    assert errors(intervals) == errors([total]) == 2 * 30


async def test_what_the_kubelet_says_itself_does_not_end_the_run(server: ApiServer) -> None:
    running = asyncio.create_task(ended(load(plan(jobs=1, time=2.5, interval=0.5))))
    await until(lambda: bool(server.node.last_lines()), 20)
    [pod] = server.store.list(PODS)
    log = server.node.run(pod["metadata"]["uid"]).log
    log.add("failed to create fsnotify watcher: too many open files", own=True)
    await asyncio.sleep(0.1)  # it is the last word before the next report
    server.handlers.streams.cut()
    *_, total = await running
    assert server.handlers.streams.opened >= 2
    assert errors([total]) == 5


async def test_a_server_that_is_away_for_a_while_loses_nothing(server: ApiServer) -> None:
    running = asyncio.create_task(ended(load(plan(jobs=2, time=3.0))))
    await until(lambda: server.handlers.streams.opened >= 2, 20)
    await asyncio.sleep(0.5)
    await server.down()
    await asyncio.sleep(1.0)
    await server.up()
    *intervals, total = await running
    assert errors(intervals) == errors([total]) == 2 * 30
    assert all(report.tps == pytest.approx(10.0 * report.threads) for report in intervals)
    assert left(server) == []


async def test_a_server_that_is_gone_fails_the_run_and_says_what_goes_on(server: ApiServer) -> None:
    running = asyncio.create_task(failure(load(plan(run="oltp-lost"), patience=1.0)))
    await until(lambda: server.handlers.streams.opened >= 2, 20)
    await asyncio.sleep(3 * INTERVAL)
    await server.down()
    message = await running
    assert message.startswith(f"the API server {server.url} does not answer: ")
    assert "as distdiag-oltp-lost-0, distdiag-oltp-lost-1" in message
    assert f"kubectl delete jobs -n {NAMESPACE} -l distdiag/run=oltp-lost,distdiag/origin=here" in message
    assert len(server.store.list(JOBS)) == 2
    await server.up()
    await ended(load(plan(run="oltp-next", time=0.3), active=["oltp-next"]))  # which sweeps
    await until(lambda: left(server) == [], 10)


async def test_a_stop_that_the_server_does_not_hear(server: ApiServer) -> None:
    running = load(plan(jobs=1), patience=1.0)
    task = asyncio.create_task(failed(running))
    await until(lambda: server.handlers.streams.opened >= 1, 20)
    await asyncio.sleep(3 * INTERVAL)
    await server.down()
    running.stop()
    reports, message = await task
    assert reports[-1].total
    assert message.startswith("the load may go on in the cluster, until ")
    assert f"({server.url}" not in message
    assert f"(the API server {server.url} does not answer: " in message
    await server.up()


async def test_a_stop_is_heard_while_the_jobs_are_being_made(server: ApiServer) -> None:
    server.stalled = {("create", "jobs.batch")}
    running = load(plan(), patience=60.0)
    task = asyncio.create_task(ended(running))
    await until(lambda: bool(left(server)), 20)
    running.stop()
    assert await asyncio.wait_for(task, 8) == []
    assert left(server) == []


async def test_a_server_that_never_answers_is_given_up_soon(server: ApiServer) -> None:
    await server.down()
    message = await failure(load(plan(), patience=0.5))
    assert message.startswith(f"the API server {server.url} does not answer: ")
    assert "may go on" not in message
    await server.up()


async def test_lost_answers_make_nothing_twice(server: ApiServer) -> None:
    creations, changes = ("secrets", "jobs.batch"), {("delete", "jobs.batch"), ("patch", "secrets")}
    server.lost = {*(("create", resource) for resource in creations), *changes}
    *_, total = await ended(load(plan(jobs=2, time=0.5)))
    assert server.lost == set()
    assert errors([total]) == 2 * 5
    assert left(server) == []


@pytest.mark.parametrize(
    ("verb", "resource", "began"),
    [
        ("create", "jobs.batch", False),
        ("create", "secrets", False),
        ("list", "pods", True),
        ("get", "pods/log", True),
    ],
)
async def test_a_missing_right_is_named(server: ApiServer, verb: str, resource: str, *, began: bool) -> None:
    server.gate.rights = RIGHTS - {(verb, resource)}
    message = await failure(load(plan()))
    assert message.startswith(f"you may not {verb} {resource} in namespace {NAMESPACE}: ")
    assert 'User "tester" cannot' in message
    assert [item for item in left(server) if not item.startswith("pods")] == []
    assert ("list pods" in message) == (resource == "pods"), message  # and then their end cannot be seen
    assert ("may go on" in message) == (began and resource == "pods")


async def test_a_wrong_token_and_one_that_is_renewed(server: ApiServer, tmp_path: Path) -> None:
    server.kubeconfig(tmp_path, token="stale")
    message = await failure(load(plan()))
    assert message == (
        f"the API server {server.url} does not accept the login of context stand-in; log in again"
    )
    file = server.kubeconfig(tmp_path)
    running = asyncio.create_task(ended(load(plan(jobs=1, time=1.0))))
    await until(lambda: server.handlers.streams.opened >= 1, 20)
    server.gate.tokens = {"newer-token": "tester"}  # as when an hour is over
    server.kubeconfig(tmp_path, token="newer-token")
    server.handlers.streams.cut()
    *_, total = await running
    assert errors([total]) == 10
    assert left(server) == []
    assert file.exists()


async def test_a_namespace_that_is_not_there(server: ApiServer, tmp_path: Path) -> None:
    server.kubeconfig(tmp_path, namespace="elsewhere")
    assert await failure(load(plan())) == "there is no namespace elsewhere"


async def test_no_configuration_and_bad_ones(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(text: str | None) -> str:
        file = tmp_path / "other"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(file))
        with pytest.raises(ConfigError) as caught:
            await ended(load(plan()))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    good = json.loads(server.kubeconfig(tmp_path).read_text())
    assert "there is no Kubernetes configuration" in await refused(None)
    assert "is not a kubeconfig" in await refused("")
    assert "other: " in await refused("a: b: c")
    gone, none = (json.dumps(good | {"current-context": name}) for name in ("gone", ""))
    assert "no context 'gone'; there are: stand-in" in await refused(gone)
    assert "no current context; there are: stand-in" in await refused(none)
    assert "other: " in await refused(json.dumps(good | {"clusters": [], "users": 5}))

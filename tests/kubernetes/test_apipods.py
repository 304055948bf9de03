"""The stand-in's jobs and pods, asked for by the ordinary client."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apiserver import JOBS, NAMESPACE, PODS
from peer import Model, Peer, eventually, job, peers, refused, secret


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    async with peers(tmp_path) as found:
        yield found


async def test_a_job_runs_to_its_end(peer: Peer) -> None:
    made = await peer.job("one")
    assert made.metadata.uid
    assert made.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": made.metadata.uid}
    pod = await peer.phase("one", "Succeeded")
    labels = pod.metadata.labels
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "one"
    assert labels["batch.kubernetes.io/controller-uid"] == made.metadata.uid
    assert pod.metadata.owner_references[0].uid == made.metadata.uid
    assert pod.status.container_statuses[0].state.terminated.exit_code == 0
    assert await peer.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) == "hello \n"
    assert (await peer.condition("one")).type == "Complete"


async def test_a_job_that_fails_says_so(peer: Peer) -> None:
    await peer.job("bad", "7")
    pod = await peer.phase("bad", "Failed")
    ended = pod.status.container_statuses[0].state.terminated
    assert (ended.exit_code, ended.reason) == (7, "Error")
    condition = await peer.condition("bad")
    assert (condition.type, condition.reason) == ("Failed", "BackoffLimitExceeded")


async def test_a_deadline_ends_a_job_and_a_ttl_removes_it(peer: Peer) -> None:
    await peer.job("late", "wait", activeDeadlineSeconds=1, ttlSecondsAfterFinished=1)
    assert (await peer.condition("late")).reason == "DeadlineExceeded"
    await empty(peer)


@pytest.mark.parametrize("policy", ["Background", None])
async def test_deletion_takes_the_pods_along_only_if_told_so(peer: Peer, policy: str | None) -> None:
    await peer.job("gone", "wait")
    pod = await peer.phase("gone", "Running")
    process = peer.server.node.run(pod.metadata.uid).process
    assert process is not None
    # before its first word it would not heed the signal
    await eventually(lambda: peer.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE))
    if policy:
        answer = await peer.batch.delete_namespaced_job("gone", NAMESPACE, propagation_policy=policy)
    else:
        answer = await peer.batch.delete_namespaced_job("gone", NAMESPACE)
    assert answer.status == "Success"
    if policy:
        assert await asyncio.wait_for(process.wait(), 10) == 0  # it had its time to say bye
        await empty(peer)
    else:
        await asyncio.sleep(0.2)
        assert process.returncode is None
        [left] = peer.server.store.list(PODS)
        assert left["metadata"]["ownerReferences"] == []


async def test_an_object_goes_with_the_last_of_its_owners(peer: Peer) -> None:
    owners = []
    for name in ("a", "b"):
        made = await peer.job(name)
        owners.append({"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": made.metadata.uid})
    await peer.core.create_namespaced_secret(NAMESPACE, secret("s"))
    for owner in owners:  # one by one: a strategic merge adds them up
        await peer.core.patch_namespaced_secret("s", NAMESPACE, {"metadata": {"ownerReferences": [owner]}})
    for name, left in (("a", ["s"]), ("b", [])):
        await peer.batch.delete_namespaced_job(name, NAMESPACE, propagation_policy="Background")
        found = await peer.core.list_namespaced_secret(NAMESPACE)
        assert [each.metadata.name for each in found.items] == left


async def test_logs_follow_and_have_times(peer: Peer) -> None:
    await peer.job("talk", "wait")
    pod = await peer.phase("talk", "Running")
    answer: Model = await peer.core.read_namespaced_pod_log(
        pod.metadata.name, NAMESPACE, follow=True, timestamps=True, _preload_content=False
    )
    first = (await answer.content.readline()).decode()
    assert first.endswith("Z hello \n")
    await peer.core.delete_namespaced_pod(pod.metadata.name, NAMESPACE)
    rest = [line.decode() async for line in answer.content]
    assert [line.partition(" ")[2] for line in rest] == ["bye\n"]
    assert rest[0] > first


async def test_secrets_reach_the_environment_and_are_written_only(peer: Peer) -> None:
    body = job("env")
    source = {"secretKeyRef": {"name": "s", "key": "word"}}
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "NAME", "valueFrom": source}]
    await peer.batch.create_namespaced_job(NAMESPACE, body)
    waiting = await waits(peer, "env", "CreateContainerConfigError")
    assert waiting.message == 'secret "s" not found'
    made = await peer.core.create_namespaced_secret(NAMESPACE, secret("s", stringData={"word": "tiger"}))
    assert made.string_data is None
    assert base64.b64decode(made.data["word"]) == b"tiger"
    pod = await peer.phase("env", "Succeeded")
    assert await peer.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) == "hello tiger\n"


async def test_an_image_that_is_not_there(peer: Peer) -> None:
    body = job("image")
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "nowhere:1"
    await peer.batch.create_namespaced_job(NAMESPACE, body)
    waiting = await waits(peer, "image", "ImagePullBackOff")
    assert waiting.message.startswith('Back-off pulling image "nowhere:1"')
    name = (await peer.pod("image")).metadata.name
    status = await refused(peer.core.read_namespaced_pod_log(name, NAMESPACE))
    assert (status["code"], status["reason"]) == (400, "BadRequest")
    assert "is waiting to start" in status["message"]


async def test_a_server_that_vanishes_and_comes_back(peer: Peer) -> None:
    await peer.job("stays", "wait")
    pod = await peer.phase("stays", "Running")
    await peer.server.down()
    with pytest.raises(OSError, match="connect"):
        await peer.core.read_namespaced_pod(pod.metadata.name, NAMESPACE)
    await peer.server.up()
    assert (await peer.pod("stays")).status.phase == "Running"


async def test_nothing_runs_after_the_server(tmp_path: Path) -> None:
    async with peers(tmp_path) as here:
        await here.job("one", "wait")
        pod = await here.phase("one", "Running")
        process = here.server.node.run(pod.metadata.uid).process
    assert process is not None
    assert process.returncode is not None


async def empty(peer: Peer) -> None:
    """Wait until there is neither a job nor a pod."""

    async def nothing() -> bool:
        return not peer.server.store.list(JOBS) and not peer.server.store.list(PODS)

    await eventually(nothing)


async def waits(peer: Peer, name: str, reason: str) -> Model:
    """The state of a job's container, once it waits for that reason."""

    def so(pod: Model) -> bool:
        found = pod.status.container_statuses
        return bool(found and found[0].state.waiting and found[0].state.waiting.reason == reason)

    return (await peer.pod(name, so)).status.container_statuses[0].state.waiting

"""The stand-in's objects, asked for by the ordinary client: as strict as the real server, in its words."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from apiserver import JOBS, NAMESPACE, USER
from kubernetes_asyncio.client import ApiClient, BatchV1Api, Configuration
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.watch import Watch
from peer import Peer, configuration, job, peers, refused, secret

POD = ("spec", "template", "spec")


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    async with peers(tmp_path) as found:
        yield found


async def test_names_are_taken_once(peer: Peer) -> None:
    await peer.job("twice")
    status = await refused(peer.job("twice"))
    assert (status["code"], status["reason"]) == (409, "AlreadyExists")
    assert status["message"] == 'jobs.batch "twice" already exists'
    assert status["details"] == {"name": "twice", "group": "batch", "kind": "jobs"}


async def test_what_is_not_there(peer: Peer) -> None:
    status = await refused(peer.batch.read_namespaced_job("no", NAMESPACE))
    assert (status["code"], status["message"]) == (404, 'jobs.batch "no" not found')
    status = await refused(peer.batch.create_namespaced_job("nowhere", job("x")))
    assert (status["code"], status["message"]) == (404, 'namespaces "nowhere" not found')
    assert (await peer.batch.list_namespaced_job("nowhere")).items == []


@pytest.mark.parametrize(
    ("path", "value", "code", "words"),
    [
        (("metadata", "name"), "Upper_Case", 422, "metadata.name"),
        (("metadata", "name"), "x" * 64, 422, "no more than 63 characters"),
        (("metadata", "labels"), {"a/b/c": "d"}, 422, "metadata.labels"),
        (("metadata", "labels"), {"a": "not good"}, 422, "metadata.labels"),
        (("spec", "backoffLimit"), "none", 400, "cannot unmarshal string"),
        (("spec", "backoffLimit"), -1, 422, "spec.backoffLimit: Invalid value: -1"),
        (("spec", "template"), None, 422, "spec.template: Required value"),
        (
            ("spec", "template", "spec", "restartPolicy"),
            "Always",
            422,
            'supported values: "OnFailure", "Never"',
        ),
        (
            ("spec", "template", "spec", "containers"),
            [],
            422,
            "spec.template.spec.containers: Required value",
        ),
        (
            ("spec", "template", "spec", "containers"),
            [{"name": "c"}],
            422,
            "containers[0].image: Required value",
        ),
        ((*POD, "volumes"), [{"name": "A"}], 422, "volumes[0].name"),
        (("apiVersion",), "batch/v1beta1", 400, "does not match the expected API version"),
    ],
)
async def test_what_is_wrong_is_refused(
    peer: Peer, path: tuple[str, ...], value: object, code: int, words: str
) -> None:
    body = job("wrong")
    place = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    status = await refused(peer.batch.create_namespaced_job(NAMESPACE, body))
    assert (status["code"], status["reason"]) == (code, {422: "Invalid", 400: "BadRequest"}[code])
    assert words in status["message"]
    assert peer.server.store.list(JOBS) == []


async def test_a_mount_and_a_quantity_are_checked(peer: Peer) -> None:
    body = job("wrong")
    body["spec"]["template"]["spec"]["containers"][0] |= {
        "volumeMounts": [{"name": "nothing", "mountPath": "/x"}],
        "resources": {"requests": {"cpu": "half"}},
    }
    status = await refused(peer.batch.create_namespaced_job(NAMESPACE, body))
    fields = [cause["field"] for cause in status["details"]["causes"]]
    where = "spec.template.spec.containers[0]"
    assert fields == [f"{where}.volumeMounts[0].name", f"{where}.resources.requests[cpu]"]


async def test_unknown_fields_are_told_or_refused(peer: Peer) -> None:
    body = job("odd", retries=3)
    body["spec"]["template"]["spec"]["containers"][0]["img"] = "x"
    again = copy.deepcopy(body)
    status = await refused(peer.batch.create_namespaced_job(NAMESPACE, again, field_validation="Strict"))
    assert status["code"] == 400
    unknown = ["spec.retries", "spec.template.spec.containers[0].img"]
    assert status["message"].startswith("strict decoding error: ")
    assert all(f'unknown field "{field}"' in status["message"] for field in unknown)
    await peer.batch.create_namespaced_job(NAMESPACE, body)
    assert sorted(peer.server.handlers.warnings) == sorted(f'unknown field "{field}"' for field in unknown)
    [kept] = peer.server.store.list(JOBS)
    assert "retries" not in kept["spec"]


async def test_bad_secrets(peer: Peer) -> None:
    body = secret("s", data={"k": "not base64!"})
    status = await refused(peer.core.create_namespaced_secret(NAMESPACE, body))
    assert (status["code"], "data[k]" in status["message"]) == (422, True)


async def test_tokens_and_rights(peer: Peer) -> None:
    async with ApiClient(configuration(peer.server, "stale")) as client:
        status = await refused(BatchV1Api(client).list_namespaced_job(NAMESPACE))
    assert (status["code"], status["reason"], status["message"]) == (401, "Unauthorized", "Unauthorized")
    peer.server.gate.rights = {("get", "jobs.batch")}
    status = await refused(peer.job("x"))
    words = f'User "{USER}" cannot create resource "jobs" in API group "batch" in the namespace "{NAMESPACE}"'
    assert (status["code"], status["message"]) == (403, f"jobs.batch is forbidden: {words}")
    status = await refused(peer.core.read_namespaced_pod_log("p", NAMESPACE))
    assert status["message"].startswith(f'pods "p" is forbidden: User "{USER}" cannot get')
    assert 'resource "pods/log"' in status["message"]
    async with ApiClient(Configuration(host=peer.server.url)) as client:
        status = await refused(BatchV1Api(client).list_namespaced_job(NAMESPACE))
    assert 'User "system:anonymous" cannot list' in status["message"]


async def test_the_right_object_is_deleted_or_none(peer: Peer) -> None:
    await peer.job("mine")
    options: Any = {"preconditions": {"uid": "another"}}
    status = await refused(peer.batch.delete_namespaced_job("mine", NAMESPACE, body=options))
    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert "Precondition failed: UID in precondition: another" in status["message"]
    assert len(peer.server.store.list(JOBS)) == 1


async def test_an_old_version_does_not_overwrite_a_new_one(peer: Peer) -> None:
    old = await peer.core.create_namespaced_secret(NAMESPACE, secret("s"))
    await peer.core.patch_namespaced_secret("s", NAMESPACE, {"metadata": {"labels": {"a": "b"}}})
    status = await refused(peer.core.replace_namespaced_secret("s", NAMESPACE, old))
    assert (status["code"], status["reason"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("of=test", ["a", "b"]),
        ("of!=test", []),
        ("of in (test, more)", ["a", "b"]),
        ("of notin (test)", []),
        ("of", ["a", "b"]),
        ("!of", []),
        ("of=test,of notin (x,y)", ["a", "b"]),
    ],
)
async def test_label_selectors(peer: Peer, selector: str, found: list[str]) -> None:
    for name in ("a", "b"):
        await peer.job(name)
    jobs = await peer.batch.list_namespaced_job(NAMESPACE, label_selector=selector)
    assert [each.metadata.name for each in jobs.items] == found


async def test_field_selectors(peer: Peer) -> None:
    await peer.job("a")
    jobs = await peer.batch.list_namespaced_job(NAMESPACE, field_selector="metadata.name!=a")
    assert jobs.items == []
    status = await refused(peer.batch.list_namespaced_job(NAMESPACE, field_selector="spec.colour=red"))
    assert status["message"] == "field label not supported: spec.colour"


async def test_a_watch_tells_every_change(peer: Peer) -> None:
    await peer.core.create_namespaced_secret(NAMESPACE, secret("old"))
    seen = []
    async with Watch() as watch:
        stream = watch.stream(peer.core.list_namespaced_secret, NAMESPACE, timeout_seconds=5)
        async for event in stream:
            seen.append((event["type"], event["object"].metadata.name))
            if seen == [("ADDED", "old")]:
                await peer.core.create_namespaced_secret(NAMESPACE, secret("new"))
                await peer.core.patch_namespaced_secret("new", NAMESPACE, {"stringData": {"k": "v"}})
                await peer.core.delete_namespaced_secret("new", NAMESPACE)
            if event["type"] == "DELETED":
                break
    assert seen == [("ADDED", "old"), ("ADDED", "new"), ("MODIFIED", "new"), ("DELETED", "new")]


async def test_a_watch_from_a_forgotten_version_is_410(peer: Peer) -> None:
    listed = await peer.core.list_namespaced_secret(NAMESPACE)
    await peer.core.create_namespaced_secret(NAMESPACE, secret("s"))
    peer.server.store.compact()
    async with Watch() as watch:
        stream = watch.stream(
            peer.core.list_namespaced_secret,
            NAMESPACE,
            resource_version=listed.metadata.resource_version,
            timeout_seconds=5,
        )
        with pytest.raises(ApiException) as caught:
            await anext(aiter(stream))
    assert caught.value.status == 410

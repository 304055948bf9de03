"""A client of the stand-in, and small objects to send it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from apipods import Image
from apiserver import NAMESPACE, TOKEN, ApiServer, serve
from kubernetes_asyncio.client import ApiClient, BatchV1Api, Configuration, CoreV1Api
from kubernetes_asyncio.client.exceptions import ApiException

SCRIPT = """#!/bin/sh
trap 'echo bye; exit 0' TERM
echo "hello $NAME"
if [ "$1" = wait ]; then while :; do sleep 0.05; done; fi
exit "${1:-0}"
"""

Body = Any
"""An object as JSON: the client takes it for its models."""

Model = Any
"""An object as the client's models have it."""


@dataclass
class Peer:
    """The ordinary client of a server."""

    server: ApiServer
    batch: BatchV1Api
    core: CoreV1Api

    async def job(self, name: str, *arguments: str, **spec: object) -> Model:
        return await self.batch.create_namespaced_job(NAMESPACE, job(name, *arguments, **spec))

    async def pod(self, name: str, ready: Callable[[Model], object] = bool) -> Model:
        """The pod of a job, once there is one that is ready."""
        query = f"batch.kubernetes.io/job-name={name}"

        async def find() -> Model:
            found = (await self.core.list_namespaced_pod(NAMESPACE, label_selector=query)).items
            return found[0] if found and ready(found[0]) else None

        return await eventually(find)

    async def phase(self, name: str, phase: str) -> Model:
        """The pod of a job, once it is so far."""
        return await self.pod(name, lambda pod: pod.status.phase == phase)

    async def condition(self, name: str) -> Model:
        """The first condition of a job, once it has one."""

        async def find() -> Model:
            return (await self.batch.read_namespaced_job(name, NAMESPACE)).status.conditions

        return (await eventually(find))[0]


@asynccontextmanager
async def peers(folder: Path) -> AsyncIterator[Peer]:
    """A server with one image, say:1, and its client."""
    program = folder / "say"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    async with serve() as server:
        server.node.images["say:1"] = Image(folder)
        async with ApiClient(configuration(server, TOKEN)) as client:
            yield Peer(server, BatchV1Api(client), CoreV1Api(client))


def configuration(server: ApiServer, token: str) -> Configuration:
    return Configuration(host=server.url, api_key={"BearerToken": f"Bearer {token}"})


def job(name: str, *arguments: str, **spec: object) -> Body:
    container = {"name": "c", "image": "say:1", "command": ["say"], "args": list(arguments)}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 3, "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"of": "test"}},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}, **spec},
    }


def secret(name: str, **fields: object) -> Body:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields}


async def refused(request: Awaitable[object]) -> Body:
    """The Status object of a refusal."""
    with pytest.raises(ApiException) as caught:
        await request
    status = json.loads(caught.value.body or "")
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", caught.value.status)
    return status


async def eventually(find: Callable[[], Awaitable[Model]], seconds: float = 10) -> Model:
    """What `find` finds, once it finds something."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await find():
                return found
            await asyncio.sleep(0.03)

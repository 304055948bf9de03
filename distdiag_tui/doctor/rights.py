"""What the account may do in Kubernetes, asked of the API server itself, which keeps nothing of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from distdiag_tui.doctor.check import Check, State
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import ConfigError, KubernetesError
from distdiag_tui.model.text import plain

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient, V1SubjectAccessReviewStatus

SECONDS: Final = 3.0

Rights = Mapping[str, str]
"""Verbs by resource, as roles name it: jobs.batch, pods/log; with | between two, either of them does."""

_KINDS: Final = ("stresschaos", "networkchaos", "iochaos", "podchaos", "timechaos")
_SERVERS: Final = "observers.oceanbase.oceanbase.com|pods"
NEEDS: Final[Mapping[str, Rights]] = {
    "anomalies with Chaos Mesh": {
        _SERVERS: "list",
        **{f"{kind}.chaos-mesh.org": "create get list watch delete" for kind in _KINDS},
    },
    "workloads as jobs": {
        "jobs.batch": "create list get delete",
        "secrets": "create get patch delete",
        "pods": "list get",
        "pods/log": "get",
    },
    "figures of machines": {_SERVERS: "list", "pods": "list", "pods/exec": "get create"},
}
"""What people do there, and what it takes."""


async def rights(place: Place, *, needed: bool) -> AsyncIterator[Check]:
    """A check for each of `NEEDS`; without the rights it fails if Kubernetes is `needed`."""
    from aiohttp import ClientError  # noqa: PLC0415  comes with what follows
    from kubernetes_asyncio.client import ApiClient, Configuration  # noqa: PLC0415  half a second
    from kubernetes_asyncio.client.exceptions import ApiException  # noqa: PLC0415

    from distdiag_tui.kube.access import find_access, forget_key_files  # noqa: PLC0415

    access, configuration = find_access(place), Configuration()
    lacks: State = "failing" if needed else "missing"
    try:
        await access.load(configuration)
        async with ApiClient(configuration) as client:
            forget_key_files()
            asked = {right for need in NEEDS.values() for right in _single(need)}
            answers = await asyncio.gather(*(_may(client, access.namespace, *right) for right in asked))
    except ApiException as error:
        mend = "log in anew" if error.status == 401 else "is this the address of a cluster's API server?"
        yield Check("api server", lacks, f"HTTP {error.status}: {_reason(error)}", mend)
        return
    except (ConfigError, KubernetesError, ClientError, OSError, TimeoutError) as error:
        words = plain(" ".join(str(error).split()), 200) or "no answer"
        yield Check("api server", "unreachable" if needed else lacks, words, "is it up?")
        return
    given = {right for right, allowed in zip(asked, answers, strict=True) if allowed}
    for use, need in NEEDS.items():
        yield _check(use, need, given, lacks)


def _single(need: Rights) -> Iterator[tuple[str, str]]:
    for resources, verbs in need.items():
        for verb in verbs.split():
            for resource in resources.split("|"):
                yield verb, resource


def _check(use: str, need: Rights, given: set[tuple[str, str]], lacks: State) -> Check:
    missing = {
        resource: verbs
        for resource, all_verbs in need.items()
        if (verbs := [verb for verb in all_verbs.split() if not _has(given, verb, resource)])
    }
    if not missing:
        return Check(f"rights: {use}", "ok", "all that it takes")
    parts = [f"{', '.join(verbs)} {resource}" for resource, verbs in missing.items()]
    words = "; ".join(parts).replace("|", " or ")
    return Check(f"rights: {use}", lacks, f"may not {words}", f"only for {use}: a Role with these")


def _has(given: set[tuple[str, str]], verb: str, resources: str) -> bool:
    return any((verb, resource) in given for resource in resources.split("|"))


async def _may(client: ApiClient, namespace: str, verb: str, named: str) -> bool:
    from kubernetes_asyncio.client import AuthorizationV1Api  # noqa: PLC0415  as above

    whole, _, group = named.partition(".")
    resource, _, part = whole.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
    review: Any = {"spec": {"resourceAttributes": attributes | ({"subresource": part} if part else {})}}
    ask = AuthorizationV1Api(client).create_self_subject_access_review
    status: V1SubjectAccessReviewStatus = (await ask(review, _request_timeout=SECONDS)).status
    return bool(status.allowed)


def _reason(error: Exception) -> str:
    """The server's own words, in one line."""
    try:
        words = str(json.loads(getattr(error, "body", "") or "")["message"])
    except (ValueError, KeyError, TypeError):
        words = str(getattr(error, "reason", ""))
    return plain(" ".join(words.split()), 200)

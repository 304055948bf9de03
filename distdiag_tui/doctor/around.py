"""What the console may work with besides: Kubernetes, and Prometheus."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from distdiag_tui.doctor.check import Check, State
from distdiag_tui.kube.place import Place, missing
from distdiag_tui.model.errors import ConfigError, KubernetesError
from distdiag_tui.model.target import Target
from distdiag_tui.model.text import plain

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

SECONDS: Final = 3.0
RECEIVER: Final = "web.enable-remote-write-receiver"
_RIGHTS: Final = (
    ("chaos-mesh.org", "stresschaos", "create", "anomalies with Chaos Mesh"),
    ("batch", "jobs", "create", "workloads as jobs"),
    ("", "pods", "list", "both"),
)
_LARGEST: Final = 1 << 20


async def kubernetes(target: Target | None) -> AsyncIterator[Check]:
    """The context, and what the account may do there."""
    found = shutil.which("kubectl")
    yield Check("kubectl", "ok", found) if found else Check("kubectl", "missing", "not here", "not needed")
    if what := missing():
        yield Check("kubernetes", "missing", "its library is not here", f"only for Kubernetes: {what}")
        return
    from distdiag_tui.kube.access import find_access  # noqa: PLC0415  half a second, and an extra

    wanted = target.kube if target is not None else None
    try:
        place = Place.of(wanted or {})
        access = find_access(place)
    except ConfigError as error:
        if wanted is None:
            yield Check("kubernetes", "missing", str(error), "only for Kubernetes")
        else:
            yield Check("kubernetes", "failing", str(error), "mend the profile, or KUBECONFIG")
        return
    yield Check(
        "kubernetes", "ok", f"context {access.context or 'of this pod'}, namespace {access.namespace}"
    )
    async for check in _rights(place, needed=wanted is not None):
        yield check


async def _rights(place: Place, *, needed: bool) -> AsyncIterator[Check]:
    """Asked of the API server itself, which keeps nothing of the question."""
    from kubernetes_asyncio.client import ApiClient, Configuration  # noqa: PLC0415
    from kubernetes_asyncio.client.exceptions import ApiException  # noqa: PLC0415

    from distdiag_tui.kube.access import find_access  # noqa: PLC0415

    access, configuration = find_access(place), Configuration()
    lacks: State = "failing" if needed else "missing"
    try:
        await access.load(configuration)
        async with ApiClient(configuration) as client:
            for group, resource, verb, use in _RIGHTS:
                name = f"right to {verb} {resource}"
                if await _may(client, access.namespace, group, resource, verb):
                    yield Check(name, "ok", "yes")
                else:
                    what = f"{resource}.{group}".rstrip(".")
                    yield Check(name, lacks, "no", f"for {use}: a Role with {verb} on {what}")
    except (ApiException, ConfigError, KubernetesError, OSError, TimeoutError) as error:
        words = plain(" ".join(str(error).split()), 200)
        yield Check("api server", lacks, words, "is it up, and are you logged in?")


async def _may(client: ApiClient, namespace: str, group: str, resource: str, verb: str) -> bool:
    from kubernetes_asyncio.client import AuthorizationV1Api  # noqa: PLC0415  as above

    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
    review: Any = {"spec": {"resourceAttributes": attributes}}
    ask = AuthorizationV1Api(client).create_self_subject_access_review
    answer = await ask(review, _request_timeout=SECONDS)
    return bool(answer.status.allowed)


async def prometheus(url: str) -> AsyncIterator[Check]:
    """Whether it answers, and takes what is written to it."""
    if not url:
        mend = "only to keep history there: set PROMETHEUS_URL"
        yield Check("prometheus", "missing", "PROMETHEUS_URL is not set", mend)
        return
    where = _without_account(url)
    try:
        flags = await asyncio.to_thread(_fetch, f"{url.rstrip('/')}/api/v1/status/flags")
        receives = flags["data"][RECEIVER] == "true"
    except urllib.error.HTTPError as error:
        words = f"{where} answers, but tells no flags ({error.code}): Mimir, Thanos, VictoriaMetrics?"
        yield Check("prometheus", "ok", words)
    except (OSError, ValueError, KeyError, TypeError) as error:
        words = f"{where}: {plain(getattr(error, 'reason', error), 120)}"
        yield Check("prometheus", "unreachable", words, "is it up, and is PROMETHEUS_URL right?")
    else:
        if receives:
            yield Check("prometheus", "ok", f"{where} takes remote write")
        else:
            mend = f"to keep history there, start it with --{RECEIVER}"
            yield Check("prometheus", "missing", f"{where} does not take remote write", mend)


def _fetch(url: str) -> Any:  # noqa: ANN401  JSON
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("not a URL of http or https")
    account, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)))  # noqa: S310  checked above
    if account:
        basic = base64.b64encode(unquote(account).encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  as above
        return json.loads(answer.read(_LARGEST))


def _without_account(url: str) -> str:
    """For messages: a password in it is nobody's business."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

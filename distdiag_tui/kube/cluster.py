"""Calls to the API server: with patience, and with errors that a person can act on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

import aiohttp
from kubernetes_asyncio.client import (
    ApiClient,
    BatchV1Api,
    Configuration,
    CoreV1Api,
    CustomObjectsApi,
    VersionApi,
)
from kubernetes_asyncio.client.exceptions import ApiException

from distdiag_tui.kube.access import Access, find_access, forget_key_files
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import KubernetesError
from distdiag_tui.model.pauses import pauses

PATIENCE: Final = 60.0
"""Seconds that an API server which worked before may be away."""

REQUEST: Final = 10.0
"""Seconds that one request may take."""

_FIRST: Final = 5.0  # seconds for one that was never heard
_BUSY: Final = (429, 500, 502, 503, 504)
_AWAY: Final = (aiohttp.ClientError, OSError, TimeoutError)
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_POOL: Final = 20  # connections at once

_T = TypeVar("_T")


class MissingError(KubernetesError):
    """There is no such object."""


class AbsentError(KubernetesError):
    """The API server does not know objects of that kind."""


class TakenError(KubernetesError):
    """There is an object of that name, or it is not the one that was meant."""


class ForbiddenError(KubernetesError):
    """The account may not do that."""


class Cluster:
    """The API server, in one namespace. `patience`: seconds of silence until a call gives up."""

    def __init__(self, api: ApiClient, access: Access, patience: float) -> None:
        self.batch, self.core, self.custom = BatchV1Api(api), CoreV1Api(api), CustomObjectsApi(api)
        self.version = VersionApi(api)
        self.namespace, self.context, self.files = access.namespace, access.context, access.files
        self.patience = patience
        self._api, self._access, self._heard = api, access, False

    @property
    def host(self) -> str:
        """The API server's address."""
        return str(self._api.configuration.host)

    @property
    def where(self) -> str:
        """For messages."""
        return f"the API server {self.host}"

    async def call(
        self, verb: str, resource: str, function: Callable[..., Awaitable[_T]], *args: object, **query: object
    ) -> _T:
        """What a function of the client gives; tried again while the server is away, busy, or wants a login.

        Else MissingError, AbsentError, TakenError, ForbiddenError or another KubernetesError: `verb` and
        `resource` are for its words.
        """
        request = partial(function, *args, _request_timeout=REQUEST, **query)
        return await self._patiently(verb, resource, request)

    async def serves(self, group: str, version: str, plural: str) -> bool:
        """Whether there is such a kind of objects. KubernetesError if it cannot be told.

        A bare "not found" may come from whatever stands in front of the API server, so that is asked first
        for what every one of them has.
        """
        await self.call("get", "version", self.version.get_code)
        ask = self.custom.get_api_resources
        try:
            found = await self.call("list", f"resources of {group}", ask, group, version)
        except AbsentError:
            return False
        return any(each.name == plural for each in found.resources)

    async def _patiently(self, verb: str, resource: str, request: Callable[[], Awaitable[_T]]) -> _T:
        clock = asyncio.get_running_loop().time
        end = clock() + (self.patience if self._heard else min(_FIRST, self.patience))
        renewed = False
        for pause in pauses():
            try:
                answer = await request()
            except ApiException as error:
                self._heard = True
                if error.status == 401 and not renewed:
                    renewed = True
                    await self._access.load(self._api.configuration)
                elif error.status not in _BUSY or clock() > end:
                    raise self._explained(verb, resource, error) from error
            except _AWAY as error:
                if clock() > end:
                    raise KubernetesError(f"{self.where} does not answer: {_reason(error)}") from error
            else:
                self._heard = True
                return answer
            await asyncio.sleep(pause)
        raise AssertionError  # pauses never end

    async def log(
        self, pod: str, container: str, since: str, silence: float
    ) -> AsyncIterator[tuple[str, str]]:
        """Lines of a pod's log with their times, from `since` on; until it ends, is cut, or falls silent.

        The time is "" for what the kubelet itself says. MissingError if the pod has gone.
        """
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log"
        # not read_namespaced_pod_log: it knows no sinceTime
        query = {"container": container, "follow": "true", "timestamps": "true"}
        if since:
            query["sinceTime"] = since
        async for line in self._stream("get", "pods/log", path, query, silence):
            text = line.decode(errors="replace").rstrip("\n")
            stamp, _, rest = text.partition(" ")
            yield (stamp, rest) if _STAMP.fullmatch(stamp) else ("", text)

    async def watch(
        self, resource: str, path: str, query: Mapping[str, str], silence: float
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Changes of the objects at a path: ADDED, MODIFIED or DELETED, with the object.

        Ends when the server ends it, when it is cut, falls silent, or does not know the version any more: ask
        for the objects again.
        """
        async for line in self._stream("watch", resource, path, {**query, "watch": "true"}, silence):
            try:
                event = json.loads(line)
            except ValueError:
                return  # cut in the middle of a line
            if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
                return
            yield event["type"], event["object"]

    async def _stream(
        self, verb: str, resource: str, path: str, query: Mapping[str, str], silence: float
    ) -> AsyncIterator[bytes]:
        """Lines of an answer that goes on; until it ends, is cut, or is silent for so many seconds."""
        response = await self._patiently(verb, resource, partial(self._open, path, query, silence))
        try:
            async for line in response.content:
                yield line
        except _AWAY:
            return
        finally:
            response.close()

    async def _open(self, path: str, query: Mapping[str, str], silence: float) -> aiohttp.ClientResponse:
        response: aiohttp.ClientResponse = await self._api.call_api(
            path,
            "GET",
            query_params=list(query.items()),
            header_params={"Accept": "*/*"},
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=aiohttp.ClientTimeout(sock_connect=REQUEST, sock_read=silence),
        )
        if response.status != 200:
            error = ApiException(response.status, response.reason)
            error.body = await response.read()
            raise error
        return response

    def _explained(self, verb: str, resource: str, error: ApiException) -> KubernetesError:
        message, kind = _status(error)
        place = f"in namespace {self.namespace}"
        match error.status:
            case 401:
                who = f"of context {self.context}" if self.context else "of this pod"
                found = KubernetesError(f"{self.where} does not accept the login {who}; log in again")
            case 403:
                found = ForbiddenError(f"you may not {verb} {resource} {place}: {message}")
            case 404 if kind == "namespaces":
                found = KubernetesError(f"there is no namespace {self.namespace}")
            case 404 if not kind:  # of the path itself: an object's absence says which kind it is of
                found = AbsentError(f"{self.where} has no {resource}")
            case 404:
                found = MissingError(f"{message} {place}")
            case 409:
                found = TakenError(f"{message} {place}")
            case _:
                found = KubernetesError(f"cannot {verb} {resource} {place}: {message}")
        return found


@asynccontextmanager
async def opened(
    place: Place, patience: float = PATIENCE, connections: int = _POOL
) -> AsyncIterator[Cluster]:
    """A connection to the cluster of a place; ConfigError if nothing says how to connect.

    A log or a watch is a connection for as long as it lasts.
    """
    access, configuration = find_access(place), Configuration()
    configuration.connection_pool_maxsize = connections
    await access.load(configuration)
    async with ApiClient(configuration) as api:
        forget_key_files()
        try:
            yield Cluster(api, access, patience)
        finally:
            forget_key_files()  # of those that were read again


def _status(error: ApiException) -> tuple[str, str]:
    """The message of the server's Status object in one line, and the kind that it is about."""
    try:
        status: Any = json.loads(error.body or b"")
        message, kind = str(status["message"]), str((status.get("details") or {}).get("kind", ""))
    except (TypeError, ValueError, KeyError):
        message, kind = f"{error.status} {error.reason}", ""
    return " ".join(message.split()), kind


def _reason(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else " ".join(str(error).split())

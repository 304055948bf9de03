"""Calls to the API server: with patience, and with errors that a person can act on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

import aiohttp
from kubernetes_asyncio.client import ApiClient, BatchV1Api, Configuration, CoreV1Api
from kubernetes_asyncio.client.exceptions import ApiException

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.k8s.access import Access, find_access
from distdiag_tui.workloads.k8s.manifests import CONTAINER
from distdiag_tui.workloads.k8s.settings import MOST_JOBS, Settings
from distdiag_tui.workloads.session import pauses

PATIENCE: Final = 60.0
"""Seconds that an API server which worked before may be away."""

REQUEST: Final = 10.0
"""Seconds that one request may take."""

_FIRST: Final = 5.0  # seconds for one that was never heard
_BUSY: Final = (429, 500, 502, 503, 504)
_AWAY: Final = (aiohttp.ClientError, OSError, TimeoutError)

_T = TypeVar("_T")


class MissingError(WorkloadError):
    """There is no such object."""


class TakenError(WorkloadError):
    """There is an object of that name, or it is not the one that was meant."""


class ForbiddenError(WorkloadError):
    """The account may not do that."""


class Cluster:
    """The API server, in one namespace. `patience`: seconds of silence until a call gives up."""

    def __init__(self, api: ApiClient, access: Access, patience: float) -> None:
        self.batch, self.core = BatchV1Api(api), CoreV1Api(api)
        self.namespace = access.namespace
        self.patience = patience
        self._api, self._access, self._heard = api, access, False

    @property
    def where(self) -> str:
        """For messages."""
        return f"the API server {self._api.configuration.host}"

    async def call(
        self, verb: str, resource: str, function: Callable[..., Awaitable[_T]], *args: object, **query: object
    ) -> _T:
        """What a function of the client gives; tried again while the server is away, busy, or wants a login.

        Else MissingError, TakenError, ForbiddenError or another WorkloadError: `verb` and `resource` are for
        its words.
        """
        request = partial(function, *args, _request_timeout=REQUEST, **query)
        return await self._patiently(verb, resource, request)

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
                    raise WorkloadError(f"{self.where} does not answer: {_reason(error)}") from error
            else:
                self._heard = True
                return answer
            await asyncio.sleep(pause)
        raise AssertionError  # pauses never end

    async def log(self, pod: str, since: str, silence: float) -> AsyncIterator[tuple[str, str]]:
        """Lines of a pod's log with their times, from `since` on; until it ends, is cut, or falls silent.

        MissingError if the pod has gone.
        """
        response = await self._patiently("get", "pods/log", partial(self._open_log, pod, since, silence))
        try:
            async for line in response.content:
                stamp, _, text = line.decode(errors="replace").rstrip("\n").partition(" ")
                yield stamp, text
        except _AWAY:
            return
        finally:
            response.close()

    async def _open_log(self, pod: str, since: str, silence: float) -> aiohttp.ClientResponse:
        """Not read_namespaced_pod_log: it knows no sinceTime."""
        query = {"container": CONTAINER, "follow": "true", "timestamps": "true"}
        if since:
            query["sinceTime"] = since
        response: aiohttp.ClientResponse = await self._api.call_api(
            "/api/v1/namespaces/{namespace}/pods/{name}/log",
            "GET",
            path_params={"namespace": self.namespace, "name": pod},
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

    def _explained(self, verb: str, resource: str, error: ApiException) -> WorkloadError:
        message, kind = _status(error)
        place = f"in namespace {self.namespace}"
        match error.status:
            case 401:
                who = f"of context {self._access.context}" if self._access.context else "of this pod"
                return WorkloadError(f"{self.where} does not accept the login {who}; log in again")
            case 403:
                return ForbiddenError(f"you may not {verb} {resource} {place}: {message}")
            case 404 if kind == "namespaces":
                return WorkloadError(f"there is no namespace {self.namespace}")
            case 404:
                return MissingError(f"{message} {place}")
            case 409:
                return TakenError(f"{message} {place}")
        return WorkloadError(f"cannot {verb} {resource} {place}: {message}")


@asynccontextmanager
async def opened(settings: Settings, patience: float = PATIENCE) -> AsyncIterator[Cluster]:
    """A connection to the cluster of the settings; ConfigError if nothing says how to connect."""
    access, configuration = find_access(settings), Configuration()
    configuration.connection_pool_maxsize = MOST_JOBS + 20  # a log is a connection for as long as it lasts
    await access.load(configuration)
    async with ApiClient(configuration) as api:
        yield Cluster(api, access, patience)


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

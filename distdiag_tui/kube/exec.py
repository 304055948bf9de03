"""A program in a pod that is talked to: Kubernetes' exec over a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
from kubernetes_asyncio.client import Configuration, CoreV1Api
from kubernetes_asyncio.stream import WsApiClient

from distdiag_tui.kube.access import find_access, forget_key_files
from distdiag_tui.kube.place import Place
from distdiag_tui.model.errors import KubernetesError

_STDIN, _STDOUT, _ERROR = b"\0", 1, 3  # channels: the first byte of each message
_GOODBYE: Final = 1.0  # s
_OVER: Final = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)


class PodProgram:
    """Runs until it is closed; stderr is not read."""

    def __init__(self, client: WsApiClient, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._client, self._socket = client, socket
        self._got = b""

    async def write(self, data: bytes) -> None:
        """To its stdin; OSError when the connection is gone."""
        await self._socket.send_bytes(_STDIN + data)

    async def read_until(self, end: bytes) -> bytes:
        """What it prints, up to `end` which is left out; OSError when it has ended."""
        while end not in self._got:
            message = await self._socket.receive()
            if message.type in _OVER or message.type is aiohttp.WSMsgType.ERROR:
                raise OSError("the program in the pod has ended")
            data = message.data.encode() if isinstance(message.data, str) else message.data
            if data and data[0] == _STDOUT:
                self._got += data[1:]
            elif data and data[0] == _ERROR:
                raise OSError("the program in the pod could not be run")
        answer, _, self._got = self._got.partition(end)
        return answer

    async def close(self) -> None:
        """Its stdin ends with the connection; a server that does not say good-bye is not waited for."""
        try:
            async with asyncio.timeout(_GOODBYE):
                await self._socket.close()
        except TimeoutError:
            pass
        finally:
            await self._client.close()


async def run_in_pod(
    place: Place, namespace: str, pod: str, command: Sequence[str], patience: float
) -> PodProgram:
    """Start a program in a pod's first container; KubernetesError if that cannot be within `patience` (s)."""
    access, configuration = find_access(place), Configuration()
    await access.load(configuration)
    client = WsApiClient(configuration, heartbeat=15.0)
    forget_key_files()
    ask: Any = CoreV1Api(client).connect_get_namespaced_pod_exec
    options = {"stdin": True, "stdout": True, "stderr": False, "tty": False, "_preload_content": False}
    try:
        async with asyncio.timeout(patience):
            return PodProgram(client, await (await ask(pod, namespace, command=list(command), **options)))
    except BaseException as error:
        await client.close()
        raise _explained(error, str(configuration.host), pod, namespace) from None


def _explained(error: BaseException, host: str, pod: str, namespace: str) -> BaseException:
    """As a line, if it is the API server's."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return KubernetesError(_refused(error.status, pod, namespace))
    if isinstance(error, (aiohttp.ClientError, OSError)):  # TimeoutError is one too
        words = " ".join(str(error).split()) or "no answer in time"
        return KubernetesError(f"the API server {host} does not answer: {words}")
    return error


def _refused(status: int, pod: str, namespace: str) -> str:
    match status:
        case 401:
            return "the API server does not accept the login; log in again"
        case 403:
            return f"you may not create pods/exec in namespace {namespace}"
        case 404:
            return f"there is no pod {pod} in namespace {namespace}"
    return f"no program can be run in pod {pod}: the API server says {status}"

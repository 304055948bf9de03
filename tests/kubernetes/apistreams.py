"""Answers of the stand-in API server that last: watches and logs; a test can tear them all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web
from apicall import TRUE
from apipods import Line, Log
from apistatus import ApiError, bad_request
from apistore import Object, Resource, Store, Test


class Streams:
    """Those that are open; `opened` counts those that ever were."""

    def __init__(self, store: Store) -> None:
        self.opened = 0
        self._store = store
        self._requests: dict[int, web.Request] = {}

    def cut(self) -> None:
        """Tear every stream that is open."""
        for request in self._requests.values():
            if request.transport is not None:
                request.transport.abort()

    async def watch(
        self, request: web.Request, resource: Resource, namespace: str, test: Test
    ) -> web.StreamResponse:
        """First what there is, unless a version says what is known already; then the changes."""
        since = request.query.get("resourceVersion", "0") or "0"
        first = self._store.list(resource, namespace) if since == "0" else []
        version = self._store.version if since == "0" else int(since)
        async with self._stream(request, "application/json") as response:
            for item in filter(test, first):
                await _send(response, {"type": "ADDED", "object": item})
            try:
                async with asyncio.timeout(float(request.query.get("timeoutSeconds", 1800))):
                    async for event in self._store.watch(resource, namespace, version, test):
                        await _send(response, event)
            except TimeoutError:
                return response
            except ApiError as error:
                await _send(response, {"type": "ERROR", "object": error.body})
        return response

    async def log(self, request: web.Request, log: Log) -> web.StreamResponse:
        """To its present end, or with follow=true to the container's."""
        since, stamped = _since(request.query.get("sinceTime")), request.query.get("timestamps") in TRUE
        async with self._stream(request, "text/plain") as response:
            index = 0
            while True:
                changed = log.changed
                for line in log.lines[index:]:
                    index += 1
                    if line.time >= since:
                        await response.write(_written(line, stamped=stamped))
                if index == len(log.lines) and (log.over or request.query.get("follow") not in TRUE):
                    return response
                await changed.wait()
        return response

    @asynccontextmanager
    async def _stream(self, request: web.Request, kind: str) -> AsyncIterator[web.StreamResponse]:
        response = web.StreamResponse(headers={"Content-Type": kind})
        response.enable_chunked_encoding()
        await response.prepare(request)
        self.opened += 1
        self._requests[id(request)] = request
        try:
            yield response
        except ConnectionError:
            return  # the client has gone, or a test has torn the stream
        finally:
            del self._requests[id(request)]


async def _send(response: web.StreamResponse, event: Object) -> None:
    await response.write(json.dumps(event).encode() + b"\n")


def _written(line: Line, *, stamped: bool) -> bytes:
    return (f"{line.stamp} {line.text}" if stamped and not line.own else line.text).encode() + b"\n"


def _since(text: str | None) -> int:
    """Epoch nanoseconds. The real server hands only whole seconds on to the node."""
    if text is None:
        return 0
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) * 10**9
    except ValueError:
        raise bad_request(f"sinceTime: Invalid value: {text!r}") from None

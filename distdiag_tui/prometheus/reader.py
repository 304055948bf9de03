"""Asks Prometheus beside the event loop: its client blocks, so each question has a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from distdiag_tui.model.errors import PrometheusError
from distdiag_tui.model.prometheus import PrometheusServer

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

    from distdiag_tui.prometheus.session import BoundedSession

T = TypeVar("T")
Found = list[dict[str, Any]]  # {"metric": labels, "values": [[s, "value"], ...]}

AS_IT_IS: Final = {"nocache": "1", "latency_offset": "1ms"}
"""VictoriaMetrics moves steps to where its cache has them, and holds back the newest 30 s, unless it is told
not to; all others do not know these and need not."""
PATIENCE: Final = 20.0  # s, for names that take for ever to resolve


class Reader:
    """One question at a time. PrometheusError where there is no answer that makes sense."""

    def __init__(self, server: PrometheusServer) -> None:
        self._server = server
        self._client: PrometheusConnect | None = None
        self._session: BoundedSession | None = None
        self._turn = asyncio.Lock()

    async def samples(self, query: str, at: float) -> Found:
        """Samples as they are of a range selector at a moment (epoch s)."""
        return await self._ask(
            lambda client: client.custom_query(query, params={"time": f"{at:.3f}", **AS_IT_IS})
        )

    async def steps(self, query: str, start: float, end: float, step: float) -> Found:
        """A query's value at each step (s)."""
        first, last = (datetime.fromtimestamp(moment, UTC) for moment in (start, end))
        return await self._ask(
            lambda client: client.custom_query_range(query, first, last, f"{step:g}", params=dict(AS_IT_IS))
        )

    async def _ask(self, question: Callable[[PrometheusConnect], Any]) -> Found:
        async with self._turn:
            return await in_thread(lambda: self._answer(question))

    def _answer(self, question: Callable[[PrometheusConnect], Any]) -> Found:
        from distdiag_tui.prometheus.session import CLOCK_TOLERANCE  # noqa: PLC0415  not needed for a start

        client = self._client or self._connect()
        try:
            found = question(client)
        except (KeyError, TypeError, ValueError, RecursionError):
            raise PrometheusError("Prometheus answers what makes no sense") from None
        offset = 0.0 if self._session is None else self._session.offset
        if abs(offset) > CLOCK_TOLERANCE:
            ahead = "ahead of" if offset > 0 else "behind"
            raise PrometheusError(f"Prometheus' clock is {abs(offset):.0f} s {ahead} ours")
        return checked(found)

    def _connect(self) -> PrometheusConnect:
        from prometheus_api_client import PrometheusConnect  # noqa: PLC0415  not needed for a start

        from distdiag_tui.prometheus.session import BoundedSession  # noqa: PLC0415

        self._session = BoundedSession()
        headers = self._server.request_headers()
        self._client = PrometheusConnect(self._server.url, headers=headers, session=self._session, retry=0)
        return self._client

    def close(self) -> None:
        """Let go of its connections."""
        if self._session is not None:
            self._session.close()


def checked(found: object) -> Found:
    """What has the form of a matrix or vector; PrometheusError otherwise."""
    if isinstance(found, list) and all(
        isinstance(row, dict) and isinstance(row.get("metric"), dict) and isinstance(row.get("values"), list)
        for row in found
    ):
        return found
    raise PrometheusError("Prometheus answers what makes no sense")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns, from a thread that does not keep the program from ending."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    outcome: list[T | BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            outcome.append(error)
        with suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="prometheus", daemon=True).start()
    try:
        async with asyncio.timeout(PATIENCE):
            await done.wait()
    except TimeoutError:
        raise PrometheusError("Prometheus does not answer in time") from None
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]

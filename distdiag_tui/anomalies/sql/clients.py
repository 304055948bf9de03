"""Sessions that keep a fault up: each repeats its step, and comes back whatever the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.anomalies.sql.asking import node_of, refusal, tagging
from distdiag_tui.model.errors import AnomalyError
from distdiag_tui.model.pauses import pauses
from distdiag_tui.workloads.session import Session, error_key, watch

Step = Callable[[Session], Awaitable[None]]
"""What a client does over and over, on a session that is connected when it begins."""


class Over(Exception):  # noqa: N818  it is the end, not an error
    """Raised by a step: the fault is over by itself, and why."""


STATEMENT_SECONDS: Final = 15.0
_START_SECONDS: Final = 20.0
_FAREWELL: Final = 0.5  # seconds for cancelled clients to close their connections
_HOPELESS: Final = (1044, 1045, 1049, 1142, 1143, 1146, 1227)  # denied, or the table or database is gone


class Clients:
    """One session for each step, with `rest` seconds between two of its rounds.

    `settings` are statements for every new connection; `marked` is off for those that live too short for it.
    """

    def __init__(
        self,
        site: Site,
        steps: Sequence[Step],
        settings: Sequence[str] = (),
        *,
        rest: float = 0.0,
        marked: bool = True,
    ) -> None:
        self._site, self._rest = site, rest
        node, chosen = node_of(site), [*([tagging(site)] if marked else []), *settings]
        self._pairs = [(Session(node, STATEMENT_SECONDS, chosen), step) for step in steps]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns when each has done its step once; AnomalyError if the server will not have it."""
        loop = asyncio.get_running_loop()
        watched = [session for session, _ in self._pairs]
        self._tasks = [asyncio.create_task(watch(lambda: watched))]
        firsts: list[asyncio.Future[None]] = []
        for session, step in self._pairs:
            firsts.append(loop.create_future())
            self._tasks.append(asyncio.create_task(self._client(session, step, firsts[-1])))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.gather(*firsts)
        except TimeoutError:
            await self.stop()
            raise AnomalyError(f"{self._site.label}: not begun within {_START_SECONDS:.0f} s") from None
        except BaseException:
            await self.stop()
            raise

    async def run(self) -> str:
        """Until cancelled; why, if a client cannot go on."""
        try:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(str(error) for task in done if (error := task.exception()))
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Close all sessions; their transactions roll back."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            done, _ = await asyncio.wait(tasks, timeout=_FAREWELL)
            await asyncio.gather(*done, return_exceptions=True)  # what ended one was told already

    async def _client(self, session: Session, step: Step, first: asyncio.Future[None]) -> None:
        """For ever; AnomalyError for what no further try can mend, Over if the step says so."""
        waits = pauses()
        try:
            while self._tasks:  # who is stopped ends, though the driver makes an error of a cancellation
                try:
                    if session.broken:
                        await session.connect()
                    await step(session)
                except Exception as error:  # whatever a torn stream raises, the fault goes on
                    self._require_hope(error, first)
                    await session.clear()
                    await asyncio.sleep(next(waits))
                else:
                    waits = pauses()
                    if not first.done():
                        first.set_result(None)
                    await asyncio.sleep(self._rest)
        finally:
            session.close()

    def _require_hope(self, error: Exception, first: asyncio.Future[None]) -> None:
        if isinstance(error, Over):
            raise error
        if error_key(error) not in _HOPELESS:
            return
        final = refusal(self._site, error)
        if not first.done():
            first.set_exception(final)
        raise final from error

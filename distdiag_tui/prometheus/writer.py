"""Writes what is sampled to a remote-write receiver, beside the ticks and never in their way."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from collections import deque
from dataclasses import replace
from typing import Final

import aiohttp

from distdiag_tui.ledger import user_name
from distdiag_tui.model.clock import elapsed
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.prometheus.answers import Answer, Meaning, judge
from distdiag_tui.prometheus.batch import Batcher
from distdiag_tui.prometheus.status import WriteStatus, Writing
from distdiag_tui.prometheus.wire import HEADERS, encode

log = logging.getLogger(__name__)

EVERY: Final = 5.0  # s between requests while all is well
TIMEOUT: Final = 10.0  # s for one request
BACK_OFF: Final = (1.0, 60.0)  # s, first and longest pause while it does not go
MOST_QUEUED: Final = 2_000_000  # raw figures that may wait: 16 MB
MOST_A_SECOND: Final = 2500  # raw figures: of a large cluster not every tick is written, or it would be felt
MOST_SENT: Final = 100_000  # raw figures in one request
FAREWELL: Final = 1.0  # s for what is left when the console ends
ANSWER: Final = 2000  # bytes of an answer that are read

_STATES: Final = {
    Meaning.AGAIN: Writing.UNREACHABLE,
    Meaning.NO_RECEIVER: Writing.OFF,
    Meaning.NOT_US: Writing.REFUSED,
    Meaning.CLOCK: Writing.CLOCK,
}


class Writer:
    """Takes snapshots at any time and sends them in batches while `run` runs."""

    def __init__(
        self, server: PrometheusServer, *, every: float = EVERY, most_queued: int = MOST_QUEUED
    ) -> None:
        self.status = WriteStatus()
        self._server = server
        self._every = every
        self._most_queued = most_queued
        self._queue: deque[tuple[Snapshot, float]] = deque()
        self._weight = 0
        self._taken = 0.0  # time of the newest tick in the queue
        self._most_ticks = 30  # in one request
        self._singly = 0  # ticks that are sent one by one, for one of them was late
        self._failures = 0
        self._wait: float | None = None  # s that the server asked for
        self._session: aiohttp.ClientSession | None = None
        labels = {"job": "distdiag", "instance": instance(), **server.labels}
        self._batcher = Batcher(labels)

    def take(self, snapshot: Snapshot) -> None:
        """Have a snapshot written. What waits for too long is given up, oldest first.

        Ticks that come sooner after the last one than its figures allow are left out.
        """
        spared = _weight(snapshot) / MOST_A_SECOND - snapshot.interval / 2
        if 0 <= snapshot.time - self._taken < spared:
            return
        self._taken = snapshot.time
        if self.status.state in (Writing.OFF, Writing.CLOCK):
            self.status = replace(self.status, dropped=self.status.dropped + 1)
            return
        self._queue.append((snapshot, time.time() - elapsed()))
        self._weight += _weight(snapshot)
        while self._weight > self._most_queued and len(self._queue) > 1:
            self._weight -= _weight(self._queue.popleft()[0])
            self.status = replace(self.status, dropped=self.status.dropped + 1)
        self.status = replace(self.status, queued=len(self._queue))

    def forget(self) -> None:
        """Write nothing of what was taken until now: somebody else does."""
        self._queue.clear()
        self._weight = 0
        self.status = replace(self.status, queued=0)

    async def run(self) -> None:
        """Until cancelled; then what is left is sent, if that is quick. Or until we are refused."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        headers = {**self._server.request_headers(), **HEADERS}
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=jar) as session:
            self._session = session
            try:
                while True:
                    await self._step()
                    if self.status.state is Writing.REFUSED:
                        return
                    await asyncio.sleep(self.pause())
            except asyncio.CancelledError:
                await self._farewell()
                raise

    async def _farewell(self) -> None:
        if self.status.state is not Writing.ON:
            return
        try:
            async with asyncio.timeout(FAREWELL):
                while self._queue and self.status.state is Writing.ON:
                    await self._send()
        except TimeoutError:
            log.info("remote write: what was left could not be written")

    def pause(self) -> float:
        """Seconds until it is tried again."""
        if self.status.state is Writing.ON:
            return 0.0 if self._singly or self._most_ticks < len(self._queue) else self._every
        first, longest = BACK_OFF
        pause = min(longest, first * 2.0**self._failures) * random.uniform(0.8, 1.2)  # noqa: S311  no secret
        self._failures = min(self._failures + 1, 8)
        return max(pause, min(self._wait or 0.0, longest))

    async def _step(self) -> None:
        """Find out whether anything can be written, and write."""
        try:
            if self.status.state is not Writing.ON:
                await self._probe()
            if self.status.state is Writing.ON and self._queue:
                await self._send()
        except Exception as error:  # a fault of ours must not end the console
            log.exception("remote write")
            self._fail(Answer(Meaning.AGAIN, type(error).__name__))

    async def _probe(self) -> None:
        """An empty request: a receiver takes it, all others say what they are."""
        answer = await self._post(await asyncio.to_thread(encode, {}))
        if answer.meaning in (Meaning.TAKEN, Meaning.BAD):
            self.status = replace(self.status, state=Writing.ON, detail="")
        else:
            self._fail(answer)

    async def _send(self) -> None:
        batch = self._first()
        series = await asyncio.to_thread(self._batcher.series, batch)
        samples = sum(map(len, series.values()))
        answer = await self._post(await asyncio.to_thread(encode, series))
        if answer.meaning is Meaning.TAKEN:
            self._done(batch)
            lag = max(0.0, time.time() - batch[-1][0].time)
            self.status = replace(self.status, sent=self.status.sent + samples, lag=lag)
        elif answer.meaning in (Meaning.LATE, Meaning.BAD, Meaning.TOO_BIG):
            if len(batch) > 1:
                self._divide(answer, len(batch))
            else:
                self._done(batch)
                self._refused(answer, samples)
        else:
            self.status = replace(self.status, retries=self.status.retries + 1)
            self._fail(answer)

    def _first(self) -> list[tuple[Snapshot, float]]:
        """The oldest ticks that wait, as many as go into one request."""
        batch, weight = [self._queue[0]], _weight(self._queue[0][0])
        for tick in list(self._queue)[1 : 1 if self._singly else self._most_ticks]:
            weight += _weight(tick[0])
            if weight > MOST_SENT:
                break
            batch.append(tick)
        return batch

    def _done(self, batch: list[tuple[Snapshot, float]]) -> None:
        """Take from the queue what of a batch is still there: some may have been given up meanwhile."""
        self._batcher.settled()
        self._failures, self._wait = 0, None
        self._singly = max(0, self._singly - 1)
        sent = {id(snapshot) for snapshot, _ in batch}
        while self._queue and id(self._queue[0][0]) in sent:
            self._weight -= _weight(self._queue.popleft()[0])
        self.status = replace(self.status, queued=len(self._queue))

    def _divide(self, answer: Answer, ticks: int) -> None:
        """One sample that is refused takes its whole request with it: find out which tick has it."""
        if answer.meaning is Meaning.TOO_BIG:
            self._most_ticks = ticks // 2
        else:
            self._singly = ticks

    def _refused(self, answer: Answer, samples: int) -> None:
        log.info("remote write: %s", answer.detail)
        if answer.meaning is Meaning.LATE:
            self.status = replace(self.status, late=self.status.late + samples, detail=answer.detail)
        else:
            self.status = replace(self.status, refused=self.status.refused + samples, detail=answer.detail)

    def _fail(self, answer: Answer) -> None:
        """Nothing goes now. Without a receiver, or with another clock, nothing that waits will ever fit."""
        state = _STATES[answer.meaning]
        if state is not self.status.state:
            log.info("remote write: %s: %s", state.value, answer.detail)
        self._wait = answer.wait
        dropped = self.status.dropped
        if state in (Writing.OFF, Writing.CLOCK):
            dropped += len(self._queue)
            self._queue.clear()
            self._weight = 0
        self.status = replace(
            self.status, state=state, detail=answer.detail, queued=len(self._queue), dropped=dropped
        )

    async def _post(self, body: bytes) -> Answer:
        assert self._session is not None
        try:
            async with self._session.post(
                self._server.receiver, data=body, allow_redirects=False
            ) as response:
                text = (await response.content.read(ANSWER)).decode("utf-8", "replace")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return judge(response.status, headers, text)
        except TimeoutError:
            return Answer(Meaning.AGAIN, f"no answer within {TIMEOUT:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(Meaning.AGAIN, _reason(error))


def instance() -> str:
    """Who writes, for the label of that name: users of one machine are told apart."""
    user = user_name() or str(os.getuid())  # a number without a name, as in containers
    return f"{user}@{socket.gethostname()}"


def _weight(snapshot: Snapshot) -> int:
    """Raw figures in a snapshot."""
    told = (*snapshot.totals.values(), *snapshot.hosts.values())
    return sum(row.columns.size for row in told)


def _reason(error: Exception) -> str:
    """In the system's words, without the address, which may be long."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower() if error.errno > 0 else "its name is not known"
    return type(error).__name__

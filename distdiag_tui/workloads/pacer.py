"""Open-loop pacing: transactions are due at fixed times, whether or not a client is free to run them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BACKLOG = 10.0
"""Seconds a due transaction waits for a client before it is dropped, as an impatient user gives up."""


class Pacer:
    """Hands out start times `1 / rate` apart to the clients of one node (0: at once, always).

    A client that comes late gets a time in the past, so that latency counted from it includes the queueing.
    """

    def __init__(self, rate: float, dropped: Callable[[int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._dropped = dropped
        self._waiting: set[asyncio.Future[bool]] = set()
        self._rate = rate
        self._due = self._loop.time()

    def set_rate(self, rate: float) -> None:
        """Takes effect now: times already promised to waiting clients are drawn again."""
        if rate == self._rate:
            return
        self._rate, self._due = rate, self._loop.time()
        for waiter in self._waiting:
            _settle(waiter, in_time=False)

    async def turn(self) -> float:
        """Wait for the next start; returns the loop time it was due."""
        while True:
            now = self._loop.time()
            if not self._rate:
                return now
            self._shed(now)
            due = self._due
            self._due += 1 / self._rate
            if due <= now or await self._wait_until(due):
                return due

    def _shed(self, now: float) -> None:
        late = now - self._due - BACKLOG
        if late > 0:
            count = int(late * self._rate) + 1
            self._due += count / self._rate
            self._dropped(count)

    async def _wait_until(self, due: float) -> bool:
        """True at that time; False if the rate changed before."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        timer = self._loop.call_at(due, _settle, waiter, True)
        self._waiting.add(waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiting.discard(waiter)


def _settle(waiter: asyncio.Future[bool], in_time: bool) -> None:
    if not waiter.done():
        waiter.set_result(in_time)

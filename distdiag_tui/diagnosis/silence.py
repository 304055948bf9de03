"""Servers that say nothing: the gap itself is the sign."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from distdiag_tui.model.topology import Server, Status

HUNG_AFTER: Final = 2.5
"""Seconds without an answer, in ticks where those are longer, before a server counts as hung."""

DOWN: Final = "node_down"
HUNG: Final = "node_hung"
NETWORK: Final = "network_degraded"
STALLED: Final = "collector_stalled"


@dataclass(frozen=True, slots=True)
class Silence:
    """`since` in epoch seconds; `words` say what was seen."""

    server: Server
    cause: str
    since: float
    words: str


BROKEN: Final = ("gone away", "lost connection", "reset by peer", "broken pipe", "not connected")
"""What a connection is said to be that was cut."""
MENDED: Final = 20.0
"""Seconds after which a network that cut connections is trusted again, once the server was heard of."""
REFUSES: Final = "refused"
"""In the words on a server at whose address nothing listens: its machine was reached."""
GREETS: Final = "greets"
"""In the words on a server that sends something, if late."""
WAITING: Final = ("no answer", "not answer", "timed out")
"""What is said of a server that lets us wait, rather than refuse us."""
NEVER: Final = "ever since it was first asked"
"""Of a server that was silent before anyone looked: how long it is so nobody knows."""


class Listener:
    """Remembers who was heard of, and since when one is silent."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        self._in_vain: dict[str, float] = {}  # who was never heard of, since when
        self._broken: dict[str, float] = {}  # whose connections were cut, when last
        self._told: dict[str, float] = {}  # who was silent at the last tick, since when
        self._time, self._awake = math.inf, -math.inf  # of the last tick, and of the first one after a gap

    def hear(self, servers: Sequence[Server], time: float, interval: float) -> list[Silence]:
        """Those that are silent at this tick.

        A server that was never heard of is one of them if others were: else it may be us who are wrong.
        """
        if time - self._time > max(HUNG_AFTER, 1.5 * interval):
            self._awake = time  # nobody listened meanwhile, as on a machine that slept
        self._time = time
        for server in servers:
            if server.status is Status.CONNECTING:
                self._heard.pop(server.name, None)  # asked anew, perhaps through another one
                self._in_vain.pop(server.name, None)
            elif server.age is not None:
                self._heard[server.name] = time - server.age
                self._in_vain.pop(server.name, None)
                if server.age < interval and time - self._broken.get(server.name, math.inf) >= MENDED:
                    del self._broken[server.name]
            elif server.name not in self._heard and server.status is Status.UNREACHABLE:
                self._in_vain.setdefault(server.name, time)
        known = [server for server in servers if server.name in self._heard]
        found = self._silences(known, self._heard, time, interval)
        if len(known) > 1 and len(found) == len(known) and all(map(_may_be_us, found)):
            found = [Silence(each.server, STALLED, each.since, "no server was heard of") for each in found]
        never = [server for server in servers if known and server.name in self._in_vain]
        lost = self._silences(never, self._in_vain, time, interval)
        self._told = {each.server.name: each.since for each in (*found, *lost)}
        return [*found, *(replace(each, words=f"{each.words}, {NEVER}") for each in lost)]

    def _silences(
        self, servers: Sequence[Server], since: Mapping[str, float], time: float, interval: float
    ) -> list[Silence]:
        each = (self._silence(server, since[server.name], time, interval) for server in servers)
        return [silence for silence in each if silence is not None]

    def _silence(self, server: Server, since: float, time: float, interval: float) -> Silence | None:
        silent = time - since
        if server.status is Status.REFUSED or silent < min(1.0, 0.9 * interval):
            return None
        broken = _matches(server.detail, BROKEN)
        if broken:
            self._broken[server.name] = time
        if server.status is Status.UNREACHABLE and not broken and not _matches(server.detail, WAITING):
            return Silence(server, DOWN, since, server.detail)
        still = abs(self._told.get(server.name, math.inf) - since) < 1.0  # as it was before the gap
        if not still and min(silent, time - self._awake) < max(HUNG_AFTER, 1.5 * interval):
            return None
        # a process that is stopped breaks nothing, and one that has ended refuses at once
        slow = server.name in self._broken or GREETS in server.detail
        cause = NETWORK if slow else HUNG
        return Silence(server, cause, since, server.detail or f"no answer for {silent:.0f} s")


def _may_be_us(silence: Silence) -> bool:
    """Whether it would look so too if we were cut off."""
    return silence.cause == HUNG or (silence.cause == DOWN and not _matches(silence.words, (REFUSES,)))


def _matches(detail: str, words: tuple[str, ...]) -> bool:
    return any(word in detail.lower() for word in words)

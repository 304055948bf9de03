"""Which transaction comes next, and how long people key and think (clauses 5.2.3 to 5.2.5)."""

from __future__ import annotations

import math
from random import Random
from typing import Final, Literal, NamedTuple

Name = Literal["new_order", "payment", "order_status", "delivery", "stock_level"]

CARDS: Final[dict[Name, int]] = {
    "new_order": 10,
    "payment": 10,
    "order_status": 1,
    "delivery": 1,
    "stock_level": 1,
}
"""One deck (clause 5.2.4.2): each pass deals 43.5 % payments and 4.3 % of each of the last three."""


class Times(NamedTuple):
    """Seconds at a terminal: keying always takes as long, thinking this long on average."""

    keying: float
    thinking: float


TIMES: Final[dict[Name, Times]] = {
    "new_order": Times(18, 12),
    "payment": Times(3, 12),
    "order_status": Times(2, 10),
    "delivery": Times(2, 5),
    "stock_level": Times(2, 5),
}


class Deck:
    """Deals every card once, then shuffles again."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._left: list[Name] = []

    def deal(self) -> Name:
        """The next transaction."""
        if not self._left:
            self._left = [name for name, count in CARDS.items() for _ in range(count)]
            self._rng.shuffle(self._left)
        return self._left.pop()


def think_time(name: Name, rng: Random) -> float:
    """Seconds, negative exponential, cut off at ten times the mean (clause 5.2.5.4)."""
    mean = TIMES[name].thinking
    return min(-math.log(1 - rng.random()) * mean, 10 * mean)

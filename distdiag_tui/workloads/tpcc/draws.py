"""What the specification draws at random: NURand, last names, strings, numbers (clauses 2.1.6 and 4.3.2)."""

from __future__ import annotations

import base64
from functools import cache
from random import Random
from typing import Final, NamedTuple

SYLLABLES: Final = ("BAR", "OUGHT", "ABLE", "PRI", "PRES", "ESE", "ANTI", "CALLY", "ATION", "EING")
LAST_NAME, CUSTOMER, ITEM = 255, 1023, 8191
"""The constant A of NURand for each field."""

LOADED_C: Final = 157
"""C of the last names in the data: fixed, so that data loaded in several sittings is of one piece."""

_DELTAS: Final = tuple(d for d in range(65, 120) if d not in (96, 112))
_POOL_LETTERS: Final = 1 << 22


class Constants(NamedTuple):
    """C of NURand for each field, the same for all terminals of a run (clause 2.1.6)."""

    last_name: int
    customer: int
    item: int

    @classmethod
    def of_run(cls, rng: Random) -> Constants:
        """Random, but that of the last names keeps the distance clause 2.1.6.1 asks from the loaded one."""
        near = [c for d in _DELTAS for c in (LOADED_C - d, LOADED_C + d) if 0 <= c <= LAST_NAME]
        return cls(rng.choice(near), rng.randint(0, CUSTOMER), rng.randint(0, ITEM))


def last_name(number: int) -> str:
    """Three syllables for 0..999.

    >>> last_name(371), last_name(0)
    ('PRICALLYOUGHT', 'BARBARBAR')
    """
    return SYLLABLES[number // 100] + SYLLABLES[number // 10 % 10] + SYLLABLES[number % 10]


@cache
def _pool() -> str:
    """4 MB, so that strings seldom repeat and the server's compression finds nothing to save."""
    drawn = base64.b64encode(Random(5).randbytes(_POOL_LETTERS))  # noqa: S311 - test data
    return drawn.translate(None, b"+/=").decode()[:_POOL_LETTERS]


class Draws:
    """A source of the values of the specification; the same seed gives the same values."""

    def __init__(self, seed: str | None = None) -> None:
        self.rng = Random(seed)  # noqa: S311 - test data
        self.random = self.rng.random
        self._pool = _pool()

    def number(self, low: int, high: int) -> int:
        """low..high, each as likely."""
        return low + int(self.random() * (high - low + 1))

    def nurand(self, a: int, low: int, high: int, c: int) -> int:
        """low..high, some more likely than others (clause 2.1.6)."""
        spread = self.number(0, a) | self.number(low, high)
        return (spread + c) % (high - low + 1) + low

    def letters(self, low: int, high: int) -> str:
        """An a-string: letters and digits, low..high of them, cut from a long random text."""
        length = low + int(self.random() * (high - low + 1))
        start = int(self.random() * (_POOL_LETTERS - length))
        return self._pool[start : start + length]

    def digits(self, length: int) -> str:
        """An n-string of that many digits."""
        return str(int(self.random() * 10**length)).zfill(length)

    def zip_code(self) -> str:
        """Four random digits and 11111 (clause 4.3.2.7)."""
        return self.digits(4) + "11111"

    def data(self, original: bool) -> str:
        """26 to 50 letters, with ORIGINAL somewhere in them if asked for."""
        text = self.letters(26, 50)
        if not original:
            return text
        start = int(self.random() * (len(text) - 7))
        return f"{text[:start]}ORIGINAL{text[start + 8 :]}"

    def permutation(self, size: int) -> list[int]:
        """1..size in random order."""
        return self.rng.sample(range(1, size + 1), size)

    def tenth(self, size: int) -> set[int]:
        """A tenth of 1..size, at random."""
        return set(self.rng.sample(range(1, size + 1), size // 10))

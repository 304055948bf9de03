"""What the answer to a remote write means: done with, to be sent again, or nothing can be sent."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Final

from distdiag_tui.model.text import plain

CLOCK_TOLERANCE: Final = 60.0  # s between our clock and the server's, above which nothing is written


class Meaning(Enum):
    """What to do next."""

    TAKEN = auto()
    LATE = auto()  # out of order, or too old
    BAD = auto()  # refused for another reason
    TOO_BIG = auto()
    AGAIN = auto()
    NO_RECEIVER = auto()
    NOT_US = auto()  # the account is refused, or this is no such server
    CLOCK = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of `detail` where something is wrong; `wait` is what the server asks for (s), if it does."""

    meaning: Meaning
    detail: str = ""
    wait: float | None = None


_LATE: Final = re.compile(
    r"out[- ]of[- ](order|bounds)|duplicate sample|too[- ]old|more recent|too far in the past"
)
_SPECIAL: Final = {
    401: Meaning.NOT_US,
    403: Meaning.NOT_US,
    404: Meaning.NO_RECEIVER,
    405: Meaning.NO_RECEIVER,
    408: Meaning.AGAIN,
    413: Meaning.TOO_BIG,
    429: Meaning.AGAIN,
    501: Meaning.NO_RECEIVER,
}


def judge(status: int, headers: dict[str, str], text: str) -> Answer:
    """The meaning of an HTTP answer; header names in lower case."""
    offset = clock_offset(headers.get("date", ""), time.time())
    if abs(offset) > CLOCK_TOLERANCE:
        ahead = "ahead of" if offset > 0 else "behind"
        return Answer(Meaning.CLOCK, f"its clock is {abs(offset):.0f} s {ahead} ours")
    if status < 300 and "html" not in headers.get("content-type", ""):
        return Answer(Meaning.TAKEN)
    if status < 400:
        what = "a web page answers" if status < 300 else f"HTTP {status}: it redirects elsewhere"
        return Answer(Meaning.NOT_US, what)
    return _judge_refusal(status, headers, text)


def _judge_refusal(status: int, headers: dict[str, str], text: str) -> Answer:
    first = plain(text.strip().partition("\n")[0], 120)
    detail = f"HTTP {status}{': ' if first else ''}{first}"
    if status >= 500 and status not in _SPECIAL:
        return Answer(Meaning.AGAIN, detail, _retry_after(headers))
    if status in _SPECIAL:
        return Answer(_SPECIAL[status], detail, _retry_after(headers))
    return Answer(Meaning.LATE if status == 409 or _LATE.search(text) else Meaning.BAD, detail)


def clock_offset(date: str, now: float) -> float:
    """Seconds that a server's clock is ahead by its Date header; 0 where it has none."""
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (TypeError, ValueError):
        return 0.0


def _retry_after(headers: dict[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return float(text) if re.fullmatch(r"\d{1,5}", text) else None

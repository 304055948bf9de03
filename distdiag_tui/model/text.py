"""Text for people: server text made harmless, and figures in three significant digits."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from distdiag_tui.model.errors import ConfigError

DASH: Final = "–"
MOST_NAMED: Final = 20  # servers, where one is asked for that there is not


def utc(seconds: float) -> str:
    """Epoch seconds for programs: UTC in ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def rounded(value: float) -> float | None:
    """A figure for programs, in six significant digits; None where it is missing."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def plain(text: object, limit: int = 200) -> str:
    """Text from a server as inert characters: no controls, no direction tricks, no private use.

    >>> plain("a\\x1b[31mb\\tc\\u202ed")
    'a�[31mb c�d'
    """
    return "".join(_harmless(character) for character in shorten(str(text), limit))


def several(names: Sequence[str], most: int) -> str:
    """Up to `most` by name, of more how many besides.

    >>> several(["a", "b"], 3), several(list("abcde"), 3)
    ('a, b', 'a, b and 3 more')
    """
    shown = names if len(names) <= most else names[: most - 1]
    more = len(names) - len(shown)
    return ", ".join(plain(name, 40) for name in shown) + (f" and {more} more" if more else "")


def _harmless(character: str) -> str:
    if character in "\t\n\r":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character)[0] == "C" else character


def shorten(text: str, width: int) -> str:
    """Cut in the middle, where names differ least.

    >>> shorten("observer-eu-west-17", 11)
    'obser…st-17'
    """
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    left = (width - 1) // 2
    return f"{text[:left]}…{text[len(text) - (width - 1 - left) :]}"


_TIME_STEPS: Final = ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"))
_SI_STEPS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def three_digits(value: float) -> str:
    """Three significant digits without an exponent.

    >>> [three_digits(v) for v in (0, 0.004, 0.417, 4.126, 41.26, 412.6, 4126)]
    ['0', '0.004', '0.42', '4.13', '41.3', '413', '4126']
    """
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.0095:
        return f"{value:.3f}"
    if size < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if size < 99.95 else f"{value:.0f}"


def figure(value: float, unit: str) -> tuple[str, str]:
    """A catalogue value as number and unit, scaled for reading; a dash when missing.

    >>> figure(0.0482, "s"), figure(1234.5, "/s"), figure(9.63e7, "B"), figure(12, "")
    (('48.2', 'ms'), ('1.23', 'k/s'), ('96.3', 'MB'), ('12', ''))
    >>> figure(float("nan"), "%"), figure(2.9, "s/s"), figure(0.0029, "s/s")
    (('–', ''), ('2.90', 's/s'), ('2.90', 'ms/s'))
    """
    if math.isnan(value):
        return DASH, ""
    if unit in ("s", "s/s"):
        return _seconds(value, unit.removeprefix("s"))
    if unit == "%":
        return three_digits(value), unit
    for step, prefix in _SI_STEPS:
        if abs(value) >= step * 0.9995:
            return three_digits(value / step), prefix + unit
    whole = unit == "" and float(value).is_integer()
    return (f"{value:.0f}" if whole else three_digits(value)), unit


def _seconds(value: float, per: str) -> tuple[str, str]:
    if value == 0:
        return "0", f"s{per}" if per else "ms"
    for limit, factor, name in _TIME_STEPS:
        if abs(value) < limit * 0.9995:
            return three_digits(value * factor), name + per
    if value >= 600 and not per:
        return three_digits(value / 60), "min"
    return three_digits(value), f"s{per}"


def duration(seconds: float | None) -> str:
    """A span in its two largest units.

    >>> [duration(s) for s in (None, 4.2, 75, 3725, 200000)]
    ['–', '4s', '1m15s', '1h02m', '2d07h']
    """
    if seconds is None:
        return DASH
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def countdown(seconds: float) -> str:
    """Minutes and seconds that are left; 00:00 only once there are none.

    >>> [countdown(s) for s in (0, 0.3, 41, 75, 6000)]
    ['00:00', '00:01', '00:41', '01:15', '100:00']
    """
    whole = math.ceil(seconds)
    return f"{whole // 60:02d}:{whole % 60:02d}"


_SPAN: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def read_seconds(text: str) -> float:
    """A span as people write it, in seconds; ConfigError for anything else.

    >>> [read_seconds(s) for s in ("45", "1.5s", "2m", "1h30m")]
    [45.0, 1.5, 120.0, 5400.0]
    """
    found = _SPAN.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise ConfigError(f"a time is such as 45s, 2m or 1h30m, not {shorten(repr(text), 40)}")
    hours, minutes, seconds = (float(group or 0) for group in found.groups())
    return hours * 3600 + minutes * 60 + seconds

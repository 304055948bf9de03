"""Values of rows that may hold anything: NULL, text for a number, a number out of all bounds."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Mapping
from typing import Final

from distdiag_tui.model.target import Endpoint
from distdiag_tui.sources.discovery.known import Key

LARGEST: Final = 9.2e18  # a bigint that is (nearly) full means "no limit", or has overflowed

Values = Mapping[str, object]


def number(row: Values, column: str) -> float | None:
    """A figure that is one and not negative, else None.

    >>> [number({"A": v}, "A") for v in (7, "7.5", None, "x", -1, 9223372036854775807, float("nan"))]
    [7.0, 7.5, None, None, None, None, None]
    """
    value = row.get(column)
    if value is None:
        return None
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if math.isfinite(found) and 0 <= found < LARGEST else None


def integer(row: Values, column: str) -> int | None:
    """A whole number that is not negative, else None."""
    found = number(row, column)
    return None if found is None else int(found)


def words(row: Values, column: str) -> str:
    """A text, "" for NULL."""
    value = row.get(column)
    return "" if value is None else str(value)


def yes(row: Values, column: str) -> bool:
    """Whether a YES/NO column says YES."""
    return words(row, column).upper() == "YES"


def moment(row: Values, column: str) -> float | None:
    """Epoch seconds; None for NULL, and for the epoch itself, which stands for "never"."""
    found = number(row, column)
    return found if found and found > 86400 else None


def key_of(row: Values, prefix: str = "") -> Key | None:
    """A server's address in a row, None where there is none.

    >>> key_of({"SVR_IP": "10.0.0.1", "SVR_PORT": 2882}), key_of({"SVR_IP": "", "SVR_PORT": 0})
    (('10.0.0.1', 2882), None)
    """
    address, port = words(row, f"{prefix}SVR_IP"), integer(row, f"{prefix}SVR_PORT")
    return (normal(address), port) if address and port else None


def by_address(endpoints: Iterable[Endpoint]) -> dict[Key, Endpoint]:
    """By address and SQL port."""
    return {(normal(each.host), each.port): each for each in endpoints}


def normal(address: str) -> str:
    """An IP address in its one form, so that both ways to write it are one server.

    >>> normal("FE80:0::1"), normal("10.0.0.1"), normal("ob1")
    ('fe80::1', '10.0.0.1', 'ob1')
    """
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address

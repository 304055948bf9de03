"""What tpcc_start prints."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_NUMBER: Final = r"(\d+\.\d+)"
_BEAT: Final = re.compile(
    rf"\s*(\d+), trx: (\d+), 95%: {_NUMBER}, 99%: {_NUMBER}, max_rt: {_NUMBER}" + rf", (\d+)\|{_NUMBER}" * 4
)
_ERROR: Final = re.compile(r"(\d{4}), [0-9A-Z]{5}, (.*)")


class Beat(NamedTuple):
    """The interval that ended at `second`: New-Order and all transactions; New-Order's latencies in ms."""

    second: int
    orders: int
    transactions: int
    p95: float
    p99: float


class Complaint(NamedTuple):
    """An error of the server's: its code, its words."""

    code: int
    words: str


def read_line(line: str) -> Beat | Complaint | None:
    """None for what is neither.

    >>> read_line(" 10, trx: 120, 95%: 9.4, 99%: 18.7, max_rt: 213.1, 119|98.7, 12|1.0, 13|43.9, 11|67.8")
    Beat(second=10, orders=120, transactions=275, p95=9.4, p99=18.7)
    >>> read_line("1213, 40001, Deadlock found")
    Complaint(code=1213, words='Deadlock found')
    """
    if found := _BEAT.match(line):
        orders, others = int(found[2]), sum(int(found[group]) for group in (6, 8, 10, 12))
        return Beat(int(found[1]), orders, orders + others, float(found[3]), float(found[4]))
    if found := _ERROR.match(line):
        return Complaint(int(found[1]), found[2])
    return None

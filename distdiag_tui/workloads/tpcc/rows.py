"""The rows of the initial population (clause 4.3.3), as INSERT statements: pure, no I/O.

Each function makes one batch. The same batch always has the same rows, but for the time of day in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from distdiag_tui.workloads.tpcc.draws import LAST_NAME, LOADED_C, Draws, last_name
from distdiag_tui.workloads.tpcc.scale import DISTRICTS, Scale
from distdiag_tui.workloads.tpcc.schema import NAMES, sql

_STATEMENT_ROWS = 1000  # of order_line: a size that repeats lets the server reuse its plan
_INSERTS = {table: sql("INSERT INTO {table} VALUES ", table=name) for table, name in NAMES.items()}


def items(ids: range, scale: Scale) -> list[str]:
    """`item`, which all warehouses share."""
    draws, original = Draws(f"item {ids.start}"), _originals("item", scale.items)
    rows = [
        f"({i},{draws.number(1, 10_000)},'{draws.letters(14, 24)}',{_hundredths(draws, 100, 10_000)},"
        f"'{draws.data(i in original)}')"
        for i in ids
    ]
    return [_insert("item", rows)]


def warehouse(w: int, scale: Scale) -> list[str]:
    """A row of `warehouse` with its ten of `district`."""
    draws = Draws(f"warehouse {w}")
    row = f"({w},'{draws.letters(6, 10)}',{_address(draws)},{_tax(draws)},300000.00)"
    districts = [
        f"({d},{w},'{draws.letters(6, 10)}',{_address(draws)},{_tax(draws)},30000.00,{scale.customers + 1})"
        for d in range(1, DISTRICTS + 1)
    ]
    return [_insert("warehouse", [row]), _insert("district", districts)]


def stock(w: int, ids: range, scale: Scale) -> list[str]:
    """`stock` of some items."""
    draws, original = Draws(f"stock {w} {ids.start}"), _originals(f"stock {w}", scale.items)
    letters, number = draws.letters, draws.number
    rows = []
    for i in ids:
        places = "','".join([letters(24, 24) for _ in range(DISTRICTS)])
        rows.append(f"({i},{w},{number(10, 100)},'{places}',0,0,0,'{draws.data(i in original)}')")
    return [_insert("stock", rows)]


def customers(w: int, d: int, ids: range, scale: Scale, now: str) -> list[str]:
    """`customer`, and the one row of `history` that each begins with."""
    draws, bad = Draws(f"customer {w} {d} {ids.start}"), _bad_credit(w, d, scale.customers)
    rows = [
        f"({c},{d},{w},'{draws.letters(8, 16)}','OE','{_last_name(draws, c, scale)}',{_address(draws)},"
        f"'{draws.digits(16)}','{now}','{'BC' if c in bad else 'GC'}',50000.00,"
        f"0.{draws.number(0, 5000):04d},-10.00,10.00,1,0,'{draws.letters(300, 500)}')"
        for c in ids
    ]
    history = [f"({c},{d},{w},{d},{w},'{now}',10.00,'{draws.letters(12, 24)}')" for c in ids]
    return [_insert("customer", rows), _insert("history", history)]


def orders(w: int, d: int, ids: range, scale: Scale, now: str) -> list[str]:
    """`orders` with their `order_line`, and `new_orders` for those not yet delivered."""
    draws, buyers = Draws(f"orders {w} {d} {ids.start}"), _buyers(w, d, scale.customers)
    first_open = scale.customers - scale.undelivered + 1
    rows, lines = [], []
    for o in ids:
        count = draws.number(5, 15)
        carrier = draws.number(1, 10) if o < first_open else "NULL"
        rows.append(f"({o},{d},{w},{buyers[o - 1]},'{now}',{carrier},{count},1)")
        lines += _order_lines(draws, (w, d, o), count, scale.items, now if o < first_open else "")
    waiting = [f"({o},{d},{w})" for o in ids if o >= first_open]
    return [
        _insert("orders", rows),
        *([_insert("new_orders", waiting)] if waiting else []),
        *(
            _insert("order_line", lines[at : at + _STATEMENT_ROWS])
            for at in range(0, len(lines), _STATEMENT_ROWS)
        ),
    ]


def _order_lines(
    draws: Draws, key: tuple[int, int, int], count: int, items: int, delivered: str
) -> list[str]:
    """`delivered` is a time, empty for an order that waits; only the waiting have an amount."""
    w, d, o = key
    head, date = f"({o},{d},{w},", f"'{delivered}'" if delivered else "NULL"
    number, letters = draws.number, draws.letters
    return [
        f"{head}{line},{number(1, items)},{w},{date},5,"
        f"{'0.00' if delivered else _hundredths(draws, 1, 999_999)},'{letters(24, 24)}')"
        for line in range(1, count + 1)
    ]


def _insert(table: str, rows: Sequence[str]) -> str:
    return f"{_INSERTS[table]}{','.join(rows)}"


def _address(draws: Draws) -> str:
    """Two streets, city, state, zip code."""
    streets = f"'{draws.letters(10, 20)}','{draws.letters(10, 20)}'"
    return f"{streets},'{draws.letters(10, 20)}','{draws.letters(2, 2)}','{draws.zip_code()}'"


def _tax(draws: Draws) -> str:
    return f"0.{draws.number(0, 2000):04d}"


def _hundredths(draws: Draws, low: int, high: int) -> str:
    """Money, from a number of cents."""
    cents = draws.number(low, high)
    return f"{cents // 100}.{cents % 100:02d}"


def _last_name(draws: Draws, customer: int, scale: Scale) -> str:
    """The first thousand have each name once, the others what NURand gives (clause 4.3.3.1)."""
    if customer <= scale.last_names:
        return last_name(customer - 1)
    return last_name(draws.nurand(LAST_NAME, 0, scale.last_names - 1, LOADED_C))


@lru_cache(maxsize=16)
def _originals(what: str, items: int) -> set[int]:
    """Which tenth of the items have ORIGINAL in their data."""
    return Draws(f"original {what}").tenth(items)


@lru_cache(maxsize=64)
def _bad_credit(w: int, d: int, customers: int) -> set[int]:
    return Draws(f"credit {w} {d}").tenth(customers)


@lru_cache(maxsize=64)
def _buyers(w: int, d: int, customers: int) -> list[int]:
    """The customer of each order: each orders once."""
    return Draws(f"buyers {w} {d}").permutation(customers)

"""The population in parts that are loaded side by side; each can be taken up where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from distdiag_tui.workloads.tpcc import rows
from distdiag_tui.workloads.tpcc.scale import DISTRICTS, Scale
from distdiag_tui.workloads.tpcc.schema import NAMES, sql

ITEMS, STOCK, CUSTOMERS, ORDERS = 2000, 1000, 500, 200  # rows of the leading table in a batch
_SLICES = 10  # of the items, and of a warehouse's stock


@dataclass(frozen=True, slots=True)
class Part:
    """Rows `ids` of a leading table and all that belongs to them, in batches of `step`.

    A batch is one transaction, so the leading rows that are there tell how far the part is. `key` is their
    column, `others` the tables filled beside it as (table, condition); `weight` is rows for each leading row.
    """

    table: str
    key: str
    where: str
    ids: range
    step: int
    make: Callable[[range], list[str]]
    weight: float = 1.0
    others: tuple[tuple[str, str], ...] = ()

    @property
    def count_sql(self) -> str:
        """How many leading rows are there, and the last of them (NULL if there is none)."""
        words = {"key": self.key, "table": NAMES[self.table], "own": self._own}
        return sql("SELECT COUNT(*), MAX({key}) FROM {table} WHERE {own}", **words)

    @property
    def clear_sql(self) -> list[str]:
        """Removes the part's rows."""
        places = [(self.table, self._own), *self.others]
        return [sql("DELETE FROM {table} WHERE {rows}", table=NAMES[t], rows=rows) for t, rows in places]

    def batches(self, done: int) -> Iterator[range]:
        """The ids still to do after `done` rows."""
        for first in range(self.ids.start + done, self.ids.stop, self.step):
            yield range(first, min(first + self.step, self.ids.stop))

    @property
    def _own(self) -> str:
        return f"{self.where}{self.key} BETWEEN {self.ids.start} AND {self.ids.stop - 1}"


def parts(warehouses: int, scale: Scale, now: str) -> Iterator[Part]:
    """Everything, the first warehouse first; `now` is the time of day in the rows."""
    for ids in _slices(scale.items):
        yield Part("item", "i_id", "", ids, ITEMS, partial(rows.items, scale=scale))
    for w in range(1, warehouses + 1):
        yield Part(
            "warehouse", "w_id", "", range(w, w + 1), 1,
            lambda ids: rows.warehouse(ids.start, scale), 1 + DISTRICTS, (("district", f"d_w_id = {w}"),),
        )  # fmt: skip
        for ids in _slices(scale.items):
            yield Part(
                "stock", "s_i_id", f"s_w_id = {w} AND ", ids, STOCK, partial(rows.stock, w, scale=scale)
            )
        for d in range(1, DISTRICTS + 1):
            yield _customers(w, d, scale, now)
            yield _orders(w, d, scale, now)


def _customers(w: int, d: int, scale: Scale, now: str) -> Part:
    return Part(
        "customer", "c_id", f"c_w_id = {w} AND c_d_id = {d} AND ", range(1, scale.customers + 1), CUSTOMERS,
        partial(rows.customers, w, d, scale=scale, now=now), 2,
        (("history", f"h_c_w_id = {w} AND h_c_d_id = {d}"),),
    )  # fmt: skip


def _orders(w: int, d: int, scale: Scale, now: str) -> Part:
    loaded = f"BETWEEN 1 AND {scale.customers}"  # a run's own orders come after them
    others = (
        ("new_orders", f"no_w_id = {w} AND no_d_id = {d} AND no_o_id {loaded}"),
        ("order_line", f"ol_w_id = {w} AND ol_d_id = {d} AND ol_o_id {loaded}"),
    )
    return Part(
        "orders", "o_id", f"o_w_id = {w} AND o_d_id = {d} AND ", range(1, scale.customers + 1), ORDERS,
        partial(rows.orders, w, d, scale=scale, now=now), 11 + scale.undelivered / scale.customers, others,
    )  # fmt: skip


def _slices(rows: int) -> Iterator[range]:
    """1..rows in a few ranges."""
    size = -(-rows // _SLICES)
    for first in range(1, rows + 1, size):
        yield range(first, min(first + size, rows + 1))

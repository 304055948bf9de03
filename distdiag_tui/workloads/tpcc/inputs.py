"""The input of each transaction, drawn as a terminal's user would give it (clauses 2.4.1 to 2.8.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from distdiag_tui.workloads.tpcc.draws import CUSTOMER, ITEM, LAST_NAME, Constants, Draws, last_name
from distdiag_tui.workloads.tpcc.scale import DISTRICTS, Scale

Who = int | str
"""A customer, by number or by last name."""


class Line(NamedTuple):
    """One line of a new order: what, from which warehouse, how many."""

    item: int
    supply: int
    quantity: int


class NewOrder(NamedTuple):
    """One in a hundred has a last line whose item does not exist: it is to be rolled back."""

    warehouse: int
    district: int
    customer: int
    lines: list[Line]


class Payment(NamedTuple):
    """The customer may belong to another warehouse than the one that takes the money."""

    warehouse: int
    district: int
    customer_warehouse: int
    customer_district: int
    customer: Who
    amount: Decimal


class OrderStatus(NamedTuple):
    """Of the customer's last order."""

    warehouse: int
    district: int
    customer: Who


class Delivery(NamedTuple):
    """The oldest waiting order of each district."""

    warehouse: int
    carrier: int


class StockLevel(NamedTuple):
    """How many items of the district's last twenty orders are below the threshold."""

    warehouse: int
    district: int
    threshold: int


class Inputs:
    """Draws for one client. The warehouses are 1..`warehouses`; a terminal gives always its own."""

    def __init__(self, draws: Draws, scale: Scale, warehouses: int, constants: Constants) -> None:
        self._draws, self._scale, self._warehouses, self._constants = draws, scale, warehouses, constants

    def warehouse(self) -> int:
        """Any."""
        return self._draws.number(1, self._warehouses)

    def new_order(self, warehouse: int) -> NewOrder:
        """5 to 15 lines, each from another warehouse in one of a hundred cases."""
        draws = self._draws
        lines = [self._line(warehouse) for _ in range(draws.number(5, 15))]
        if draws.number(1, 100) == 1:
            lines[-1] = lines[-1]._replace(item=self._scale.items + 1)
        return NewOrder(warehouse, self._district(), self._customer(), lines)

    def payment(self, warehouse: int) -> Payment:
        """15 in a hundred customers are from elsewhere, where there is an elsewhere."""
        draws, district = self._draws, self._district()
        amount = Decimal(draws.number(100, 500_000)).scaleb(-2)
        home = (warehouse, district)
        if draws.number(1, 100) > 85:
            home = (self._other(warehouse), self._district())
        return Payment(warehouse, district, *home, self._who(), amount)

    def order_status(self, warehouse: int) -> OrderStatus:
        """Any customer of the warehouse."""
        return OrderStatus(warehouse, self._district(), self._who())

    def delivery(self, warehouse: int) -> Delivery:
        """Any carrier."""
        return Delivery(warehouse, self._draws.number(1, 10))

    def stock_level(self, warehouse: int, district: int = 0) -> StockLevel:
        """A terminal asks for its own district; 0 for any."""
        return StockLevel(warehouse, district or self._district(), self._draws.number(10, 20))

    def _line(self, warehouse: int) -> Line:
        draws, remote = self._draws, self._draws.number(1, 100) == 1
        item = draws.nurand(ITEM, 1, self._scale.items, self._constants.item)
        return Line(item, self._other(warehouse) if remote else warehouse, draws.number(1, 10))

    def _other(self, warehouse: int) -> int:
        """Another warehouse, each as likely; the same where it is the only one."""
        if self._warehouses == 1:
            return warehouse
        other = self._draws.number(1, self._warehouses - 1)
        return other + (other >= warehouse)

    def _district(self) -> int:
        return self._draws.number(1, DISTRICTS)

    def _customer(self) -> int:
        return self._draws.nurand(CUSTOMER, 1, self._scale.customers, self._constants.customer)

    def _who(self) -> Who:
        """60 of a hundred by last name."""
        if self._draws.number(1, 100) <= 60:
            number = self._draws.nurand(LAST_NAME, 0, self._scale.last_names - 1, self._constants.last_name)
            return last_name(number)
        return self._customer()

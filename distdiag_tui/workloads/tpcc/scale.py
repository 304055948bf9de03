"""How much data there is: the specification's cardinalities (clause 1.2.1), which tests may reduce."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

DISTRICTS: Final = 10  # of each warehouse, in any scale


@dataclass(frozen=True, slots=True)
class Scale:
    """Rows of `item`, and of `customer` in each district, which has as many orders."""

    items: int = 100_000
    customers: int = 3_000

    @property
    def undelivered(self) -> int:
        """The last orders of each district that wait for delivery: 900 of 3,000."""
        return self.customers * 3 // 10

    @property
    def last_names(self) -> int:
        """How many different last names the customers of a district have at least."""
        return min(self.customers, 1000)

    def rows(self, warehouses: int) -> int:
        """Of all tables; about, for an order has 5 to 15 lines."""
        customers = DISTRICTS * self.customers
        # customer, history, orders, ten order lines each; the undelivered again in new_orders
        of_one = 1 + DISTRICTS + 13 * customers + DISTRICTS * self.undelivered + self.items
        return self.items + warehouses * of_one

    def to_json(self) -> str:
        """For a note beside the data."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Scale:
        """The inverse."""
        return cls(**json.loads(text))


SPEC: Final = Scale()

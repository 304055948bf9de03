"""What the model's clients send."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement; `share` is of all, `micros` what it takes on an idle server."""

    text: str
    share: float
    micros: float
    rows: int
    writes: bool

    @property
    def sql_id(self) -> str:
        """As a server makes one."""
        return hashlib.md5(self.text.encode(), usedforsecurity=False).hexdigest().upper()


STATEMENTS: Final = (
    Sql("select id, state, total from orders where id = 4711", 0.35, 130.0, 1, writes=False),
    Sql("select o.id, c.name from orders o join customers c on c.id = o.customer where c.id = 17",
        0.15, 320.0, 12, writes=False),
    Sql("select sum(amount) from items where order_id = 4711", 0.12, 210.0, 1, writes=False),
    Sql("insert into orders (customer, state, total) values (17, 'new', 12.5)", 0.08, 380.0, 0, writes=True),
    Sql("insert into items (order_id, product, amount) values (4711, 3, 2)", 0.06, 350.0, 0, writes=True),
    Sql("update orders set state = 'paid' where id = 4711", 0.1, 430.0, 0, writes=True),
    Sql("update stock set quantity = quantity - 2 where product = 3", 0.06, 460.0, 0, writes=True),
    Sql("delete from carts where id = 99", 0.03, 390.0, 0, writes=True),
    Sql("select * from products where name like '%lamp%' limit 20", 0.02, 9000.0, 20, writes=False),
    # as people do write: four bytes a character, and what acts on a terminal
    Sql("select 'r\u00f6stig \U0001f4a5 \x1b[31m' as note from orders limit 1", 0.02, 150.0, 1, writes=False),
    Sql("commit", 0.03, 60.0, 0, writes=False),
)  # fmt: skip

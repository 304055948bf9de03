"""The initial population as text: every rule of clause 4.3.3 that can be counted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from distdiag_tui.workloads.tpcc import rows
from distdiag_tui.workloads.tpcc.draws import last_name
from distdiag_tui.workloads.tpcc.parts import parts
from distdiag_tui.workloads.tpcc.scale import SPEC, Scale
from distdiag_tui.workloads.tpcc.schema import COLUMNS, NAMES

NOW = "2026-01-02 03:04:05"
Rows = dict[str, list[dict[str, str]]]


def read(statements: list[str]) -> Rows:
    """The rows of INSERT statements, by table, each a value for every column."""
    found: Rows = defaultdict(list)
    tables = {name: table for table, name in NAMES.items()}
    for statement in statements:
        head, _, values = statement.partition(" VALUES ")
        table = tables[head.removeprefix("INSERT INTO ")]
        names = re.findall(r"(?:^|, )([a-z]+_\w+) ", COLUMNS[table])
        for row in re.findall(r"\(([^()]*)\)", values):
            cells = [cell.strip("'") for cell in row.split(",")]
            found[table].append(dict(zip(names, cells, strict=True)))
    return found


@pytest.fixture(scope="module")
def orders() -> Rows:
    """A district's, all batches."""
    texts = [rows.orders(2, 3, range(at, at + 200), SPEC, NOW) for at in range(1, 3001, 200)]
    return read([statement for batch in texts for statement in batch])


@pytest.fixture(scope="module")
def customers() -> Rows:
    texts = [rows.customers(2, 3, range(at, at + 500), SPEC, NOW) for at in range(1, 3001, 500)]
    return read([statement for batch in texts for statement in batch])


def test_orders_of_a_district(orders: Rows) -> None:
    found = orders["orders"]
    assert [int(row["o_id"]) for row in found] == list(range(1, 3001))
    assert {(row["o_w_id"], row["o_d_id"], row["o_all_local"]) for row in found} == {("2", "3", "1")}
    buyers = [int(row["o_c_id"]) for row in found]
    assert sorted(buyers) == list(range(1, 3001))
    assert buyers != sorted(buyers)
    assert {row["o_ol_cnt"] for row in found} == {str(count) for count in range(5, 16)}
    carriers = [row["o_carrier_id"] for row in found]
    assert set(carriers[:2100]) == {str(carrier) for carrier in range(1, 11)}
    assert set(carriers[2100:]) == {"NULL"}


def test_order_lines_of_a_district(orders: Rows) -> None:
    lines = orders["order_line"]
    counts = Counter(int(row["ol_o_id"]) for row in lines)
    assert counts == {int(row["o_id"]): int(row["o_ol_cnt"]) for row in orders["orders"]}
    assert len({(row["ol_o_id"], row["ol_number"]) for row in lines}) == len(lines)
    assert {row["ol_quantity"] for row in lines} == {"5"}
    assert {row["ol_supply_w_id"] for row in lines} == {"2"}
    assert all(len(row["ol_dist_info"]) == 24 for row in lines)
    items = [int(row["ol_i_id"]) for row in lines]
    assert 1 <= min(items) < 200
    assert 99_800 < max(items) <= 100_000
    delivered = [row for row in lines if int(row["ol_o_id"]) <= 2100]
    waiting = [row for row in lines if int(row["ol_o_id"]) > 2100]
    assert {(row["ol_amount"], row["ol_delivery_d"]) for row in delivered} == {("0.00", NOW)}
    assert {row["ol_delivery_d"] for row in waiting} == {"NULL"}
    amounts = [float(row["ol_amount"]) for row in waiting]
    assert 0.01 <= min(amounts) < 20
    assert 9980 < max(amounts) <= 9999.99


def test_the_last_900_orders_wait(orders: Rows) -> None:
    assert [int(row["no_o_id"]) for row in orders["new_orders"]] == list(range(2101, 3001))


def test_customers_of_a_district(customers: Rows) -> None:
    found = customers["customer"]
    assert [int(row["c_id"]) for row in found] == list(range(1, 3001))
    names = [row["c_last"] for row in found]
    assert names[:1000] == [last_name(number) for number in range(1000)]
    assert set(names[1000:]) <= set(names[:1000])
    assert Counter(names[1000:]).most_common(1)[0][1] >= 8  # NURand prefers some
    assert Counter(row["c_credit"] for row in found) == {"GC": 2700, "BC": 300}
    fixed = ("c_middle", "c_credit_lim", "c_balance", "c_ytd_payment", "c_payment_cnt", "c_delivery_cnt")
    assert {tuple(row[name] for name in fixed) for row in found} == {
        ("OE", "50000.00", "-10.00", "10.00", "1", "0")
    }
    discounts = [float(row["c_discount"]) for row in found]
    assert 0 <= min(discounts) < 0.01
    assert 0.49 < max(discounts) <= 0.5
    for column, low, high in (
        ("c_first", 8, 16),
        ("c_street_1", 10, 20),
        ("c_city", 10, 20),
        ("c_data", 300, 500),
    ):
        lengths = {len(row[column]) for row in found}
        assert (min(lengths), max(lengths)) == (low, high)
    assert all(re.fullmatch(r"\d{16}", row["c_phone"]) for row in found)
    assert all(re.fullmatch(r"\d{4}11111", row["c_zip"]) for row in found)


def test_every_customer_begins_with_one_payment(customers: Rows) -> None:
    history = customers["history"]
    assert [int(row["h_c_id"]) for row in history] == list(range(1, 3001))
    assert {row["h_amount"] for row in history} == {"10.00"}
    lengths = {len(row["h_data"]) for row in history}
    assert (min(lengths), max(lengths)) == (12, 24)


def test_a_tenth_of_the_items_and_of_each_stock_is_original() -> None:
    scale = Scale(items=20_000)
    batches = [range(at, at + 2000) for at in range(1, 20_001, 2000)]
    items = read([statement for ids in batches for statement in rows.items(ids, scale)])["item"]
    stock = read([statement for ids in batches for statement in rows.stock(4, ids, scale)])["stock"]
    assert sum("ORIGINAL" in row["i_data"] for row in items) == 2000
    assert sum("ORIGINAL" in row["s_data"] for row in stock) == 2000
    assert [int(row["i_id"]) for row in items] == [int(row["s_i_id"]) for row in stock]
    prices = [float(row["i_price"]) for row in items]
    assert 1 <= min(prices) < 1.1
    assert 99.9 < max(prices) <= 100
    assert {int(row["i_im_id"]) for row in items} <= set(range(1, 10_001))
    assert {int(row["s_quantity"]) for row in stock} == set(range(10, 101))
    assert {(row["s_ytd"], row["s_order_cnt"], row["s_remote_cnt"]) for row in stock} == {("0", "0", "0")}
    assert all(len(row[f"s_dist_{d:02d}"]) == 24 for row in stock[:500] for d in range(1, 11))
    assert len({row[f"s_dist_{d:02d}"] for row in stock[:500] for d in range(1, 11)}) > 4950


def test_a_warehouse_and_its_districts() -> None:
    found = read(rows.warehouse(7, SPEC))
    [warehouse] = found["warehouse"]
    assert (warehouse["w_id"], warehouse["w_ytd"]) == ("7", "300000.00")
    assert 0 <= float(warehouse["w_tax"]) <= 0.2
    assert [row["d_id"] for row in found["district"]] == [str(d) for d in range(1, 11)]
    assert {(row["d_w_id"], row["d_ytd"], row["d_next_o_id"]) for row in found["district"]} == {
        ("7", "30000.00", "3001")
    }
    assert len({row["d_tax"] for row in found["district"]}) > 5


def test_a_batch_made_again_is_the_same_and_no_other_is() -> None:
    ids = range(201, 401)
    assert rows.orders(1, 1, ids, SPEC, NOW) == rows.orders(1, 1, ids, SPEC, NOW)
    others = [rows.orders(w, d, ids, SPEC, NOW)[-1] for w in (1, 2) for d in (1, 2)]
    assert len(set(others)) == 4


@pytest.mark.parametrize("warehouses", [1, 3])
def test_the_parts_are_the_whole(warehouses: int) -> None:
    scale = Scale(items=95, customers=30)
    statements = [
        text for part in parts(warehouses, scale, NOW) for ids in part.batches(0) for text in part.make(ids)
    ]
    found = {table: len(values) for table, values in read(statements).items()}
    customers = warehouses * 10 * 30
    lines = found.pop("order_line")
    assert lines == pytest.approx(customers * 10, rel=0.1)
    assert found == {
        "item": 95, "warehouse": warehouses, "district": warehouses * 10, "stock": warehouses * 95,
        "customer": customers, "history": customers, "orders": customers, "new_orders": warehouses * 90,
    }  # fmt: skip
    assert scale.rows(warehouses) == pytest.approx(sum(found.values()) + lines, rel=0.05)

"""Each of the five transactions on a live node: what it reads, what it changes, what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from conftest import LiveLab, run
from live_load import sql
from wholesale import SMALL, drop, first_node, prepare, wrong

from distdiag_tui.model.target import Target
from distdiag_tui.workloads.session import Argument, Session
from distdiag_tui.workloads.tpcc.customers import find
from distdiag_tui.workloads.tpcc.delivery import OLDEST, OvertakenError, delivery
from distdiag_tui.workloads.tpcc.draws import Draws, last_name
from distdiag_tui.workloads.tpcc.enquiries import order_status, stock_level
from distdiag_tui.workloads.tpcc.inputs import Delivery, Line, NewOrder, OrderStatus, Payment, StockLevel
from distdiag_tui.workloads.tpcc.new_order import new_order
from distdiag_tui.workloads.tpcc.payment import payment
from distdiag_tui.workloads.tpcc.schema import DATABASE
from distdiag_tui.workloads.tpcc.talk import Row, Talk
from distdiag_tui.workloads.tpcc.terminal import is_conflict

LAST = SMALL.customers
UNUSED = SMALL.items + 1


@pytest.fixture(scope="module")
def data(lab: LiveLab) -> Iterator[Target]:
    """Two small warehouses on the first node."""
    run(drop(lab.target))
    run(prepare([first_node(lab.target)], 2))
    yield lab.target
    run(drop(lab.target))


@pytest.fixture
async def talk(data: Target) -> AsyncIterator[Talk]:
    session = Session(first_node(data), 5.0)
    await session.connect()
    yield Talk(session)
    session.close()
    assert await wrong([first_node(data)], 2) == []


async def ask(target: Target, query: str) -> list[tuple[Any, ...]]:
    return await sql(target, target.endpoints[0], f"USE {DATABASE}", query)


async def one(target: Target, query: str) -> Decimal:
    """A number."""
    return Decimal(await word(target, query))


async def word(target: Target, query: str) -> str:
    """A value, as text."""
    [(value,)] = await ask(target, query)
    return str(value)


async def test_new_order(data: Target, talk: Talk) -> None:
    lines = [Line(9, 1, 10), Line(3, 2, 4), Line(7, 1, 1), Line(9, 1, 5), Line(1, 1, 2)]
    stock = "SELECT s_w_id, s_i_id, s_quantity, s_ytd, s_order_cnt, s_remote_cnt FROM stock "
    touched = (
        "WHERE (s_w_id = 1 AND s_i_id IN (1, 7, 9)) OR (s_w_id = 2 AND s_i_id = 3) ORDER BY s_w_id, s_i_id"
    )
    await ask(data, "UPDATE stock SET s_quantity = 20 WHERE s_i_id IN (1, 3, 7, 9)")
    before = await ask(data, stock + touched)
    others = await ask(data, "SELECT SUM(s_quantity) FROM stock WHERE s_i_id NOT IN (1, 3, 7, 9)")
    next_order = await one(data, "SELECT d_next_o_id FROM district WHERE d_w_id = 1 AND d_id = 4")

    done = await new_order(talk, NewOrder(1, 4, 17, lines))

    assert done.order == next_order
    assert await one(data, "SELECT d_next_o_id FROM district WHERE d_w_id = 1 AND d_id = 4") == next_order + 1
    changed = [(w, i, q, y - b[3], n - b[4], r - b[5]) for (w, i, q, y, n, r), b in
               zip(await ask(data, stock + touched), before, strict=True)]  # fmt: skip
    assert changed == [(1, 1, 18, 2, 1, 0), (1, 7, 19, 1, 1, 0), (1, 9, 96, 15, 2, 0), (2, 3, 16, 4, 1, 1)]
    assert await ask(data, "SELECT SUM(s_quantity) FROM stock WHERE s_i_id NOT IN (1, 3, 7, 9)") == others
    where = f"WHERE o_w_id = 1 AND o_d_id = 4 AND o_id = {next_order}"
    assert await ask(data, f"SELECT o_c_id, o_carrier_id, o_ol_cnt, o_all_local FROM orders {where}") == [
        (17, None, 5, 0)
    ]
    written = await ask(
        data,
        "SELECT ol_number, ol_i_id, ol_supply_w_id, ol_quantity, ol_amount = ol_quantity * i_price, "
        "ol_delivery_d, ol_dist_info = s_dist_04 "
        "FROM order_line JOIN item ON i_id = ol_i_id "
        "JOIN stock ON s_i_id = ol_i_id AND s_w_id = ol_supply_w_id "
        f"WHERE ol_w_id = 1 AND ol_d_id = 4 AND ol_o_id = {next_order} ORDER BY ol_number",
    )
    assert written == [(n, *(i, s, q), 1, None, 1) for n, (i, s, q) in enumerate(lines, 1)]
    total = await one(
        data,
        "SELECT SUM(ol_amount) * (1 - c_discount) * (1 + w_tax + d_tax) "
        "FROM order_line, customer, warehouse, district "
        f"WHERE ol_w_id = 1 AND ol_d_id = 4 AND ol_o_id = {next_order} "
        "AND c_w_id = 1 AND c_d_id = 4 AND c_id = 17 AND w_id = 1 AND d_w_id = 1 AND d_id = 4 "
        "GROUP BY c_discount, w_tax, d_tax",
    )
    assert done.total == pytest.approx(total)


async def test_new_order_of_local_items_says_so(data: Target, talk: Talk) -> None:
    done = await new_order(talk, NewOrder(2, 1, 1, [Line(5, 2, 1)] * 15))
    where = f"WHERE o_w_id = 2 AND o_d_id = 1 AND o_id = {done.order}"
    assert await ask(data, f"SELECT o_ol_cnt, o_all_local FROM orders {where}") == [(15, 1)]


async def test_brands_tell_original_items(data: Target, talk: Talk) -> None:
    await ask(data, "UPDATE item SET i_data = 'an ORIGINAL one' WHERE i_id IN (20, 21)")
    await ask(data, "UPDATE item SET i_data = 'a copy' WHERE i_id = 22")
    await ask(data, "UPDATE stock SET s_data = 'ORIGINAL' WHERE s_i_id IN (20, 22)")
    await ask(data, "UPDATE stock SET s_data = 'other' WHERE s_i_id = 21")
    lines = [Line(item, 1, 1) for item in (22, 20, 21, 20, 22)]
    assert (await new_order(talk, NewOrder(1, 1, 1, lines))).brands == "GBGBG"


async def test_new_order_of_an_unused_item_leaves_nothing(data: Target, talk: Talk) -> None:
    state = (
        "SELECT SUM(d_next_o_id), (SELECT SUM(s_quantity * s_i_id) FROM stock), "
        "(SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM order_line), "
        "(SELECT COUNT(*) FROM new_orders) FROM district"
    )
    before = await ask(data, state)
    done = await new_order(
        talk, NewOrder(1, 2, 3, [*(Line(i, 1, 1) for i in range(1, 5)), Line(UNUSED, 1, 1)])
    )
    assert done.order == 0
    assert talk.queries == 11  # all the work was done (clause 2.4.2.3)
    assert await ask(data, state) == before


@pytest.mark.parametrize("credit", ["GC", "BC"])
async def test_payment_by_number_at_another_warehouse(data: Target, talk: Talk, credit: str) -> None:
    key = "c_w_id = 2 AND c_d_id = 5 AND c_id = 11"
    await ask(data, f"UPDATE customer SET c_credit = '{credit}', c_data = REPEAT('x', 490) WHERE {key}")
    of_district = "(SELECT d_ytd FROM district WHERE d_w_id = w_id AND d_id = 3)"
    sums = f"SELECT w_ytd, {of_district} FROM warehouse ORDER BY w_id"
    shown = f"SELECT c_balance, c_ytd_payment, c_payment_cnt FROM customer WHERE {key}"
    before, customer = await ask(data, sums), (await ask(data, shown))[0]

    await payment(talk, Payment(1, 3, 2, 5, 11, Decimal("123.45")))

    paid = Decimal("123.45")
    assert await ask(data, sums) == [(before[0][0] + paid, before[0][1] + paid), before[1]]
    assert await ask(data, shown) == [(customer[0] - paid, customer[1] + paid, customer[2] + 1)]
    text = await word(data, f"SELECT c_data FROM customer WHERE {key}")
    note = "11 5 2 3 1 123.45 "
    assert text == ((note + "x" * 490)[:500] if credit == "BC" else "x" * 490)
    note_of_history = (
        "SELECT h_c_d_id, h_c_w_id, h_d_id, h_w_id, h_data = CONCAT(w_name, '    ', d_name) FROM history, "
        "warehouse, district WHERE w_id = 1 AND d_w_id = 1 AND d_id = 3 AND h_c_id = 11 AND h_amount = 123.45"
    )
    assert (5, 2, 3, 1, 1) in await ask(data, note_of_history)


async def test_payment_by_name_takes_the_middle_customer(data: Target, talk: Talk) -> None:
    for customer, first in ((7, "C"), (8, "A"), (9, "B"), (10, "D")):
        where = f"c_w_id = 1 AND c_d_id = 6 AND c_id = {customer}"
        await ask(data, f"UPDATE customer SET c_last = 'SAME', c_first = '{first}' WHERE {where}")
    assert await find(talk, 1, 6, "SAME") == 9  # the second of four
    await ask(data, "UPDATE customer SET c_last = 'OTHER' WHERE c_w_id = 1 AND c_d_id = 6 AND c_id = 10")
    assert await find(talk, 1, 6, "SAME") == 9  # the second of three: n/2 rounded up
    shown = await payment(talk, Payment(1, 6, 1, 6, "SAME", Decimal(1)))
    assert shown[:3] == ("B", "OE", "SAME")
    with pytest.raises(LookupError, match="no customer NOBODY"):
        await find(talk, 1, 6, "NOBODY")


async def test_order_status_shows_the_last_order(data: Target, talk: Talk) -> None:
    done = await new_order(talk, NewOrder(1, 7, 5, [Line(i, 1, 3) for i in range(10, 16)]))
    name = last_name(4)
    await ask(data, f"UPDATE customer SET c_last = '{name}' WHERE c_w_id = 1 AND c_d_id = 7 AND c_id = 5")
    assert await find(talk, 1, 7, name) == 5
    for who in (5, name):
        status = await order_status(talk, OrderStatus(1, 7, who))
        assert status.customer[3] == name
        assert status.order[0] == done.order
        assert status.order[2] is None
        assert sorted((line[0], line[1], line[2]) for line in status.lines) == [
            (i, 1, 3) for i in range(10, 16)
        ]


async def test_delivery_takes_the_oldest_order_of_each_district(data: Target, talk: Talk) -> None:
    await ask(data, "DELETE FROM new_orders WHERE no_w_id = 2 AND no_d_id = 9")  # nothing waits there
    oldest = dict(
        await ask(data, "SELECT no_d_id, MIN(no_o_id) FROM new_orders WHERE no_w_id = 2 GROUP BY no_d_id")
    )
    assert set(oldest) == set(range(1, 11)) - {9}
    balances = (
        "SELECT o_d_id, c_id, c_balance, c_delivery_cnt FROM customer JOIN orders ON o_w_id = c_w_id "
        "AND o_d_id = c_d_id AND o_c_id = c_id WHERE c_w_id = 2 AND ("
        + " OR ".join(f"(o_d_id = {d} AND o_id = {o})" for d, o in oldest.items())
        + ") ORDER BY o_d_id"
    )
    before = await ask(data, balances)
    total = await one(data, "SELECT SUM(c_balance) FROM customer")

    assert await delivery(talk, Delivery(2, 6)) == oldest

    amounts = []
    for district, order in oldest.items():
        of_order = f"ol_w_id = 2 AND ol_d_id = {district} AND ol_o_id = {order}"
        amount = await one(data, f"SELECT SUM(ol_amount) FROM order_line WHERE {of_order}")
        undelivered = f"SELECT COUNT(*) FROM order_line WHERE {of_order} AND ol_delivery_d IS NULL"
        assert await one(data, undelivered) == 0
        where = f"o_w_id = 2 AND o_d_id = {district} AND o_id = {order}"
        assert await one(data, f"SELECT o_carrier_id FROM orders WHERE {where}") == 6
        amounts.append(amount)
    assert await ask(data, balances) == [
        (d, c, balance + amount, count + 1)
        for (d, c, balance, count), amount in zip(before, amounts, strict=True)
    ]
    assert await one(data, "SELECT SUM(c_balance) FROM customer") == total + sum(amounts)
    assert await one(data, "SELECT COUNT(*) FROM orders WHERE o_w_id = 1 AND o_carrier_id IS NULL") > 0
    after = dict(
        await ask(data, "SELECT no_d_id, MIN(no_o_id) FROM new_orders WHERE no_w_id = 2 GROUP BY no_d_id")
    )
    assert after == {district: order + 1 for district, order in oldest.items()}


async def test_deliveries_of_one_warehouse_take_turns(data: Target, talk: Talk) -> None:
    sessions = [Session(first_node(data), 5.0, ("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",))
                for _ in range(4)]  # fmt: skip
    for session in sessions:
        await session.connect()
    waiting = await one(data, "SELECT COUNT(*) FROM new_orders WHERE no_w_id = 1")
    delivered = await asyncio.gather(*(delivery(Talk(session), Delivery(1, 2)) for session in sessions))
    for session in sessions:
        session.close()
    orders = [pair for each in delivered for pair in each.items()]
    assert len(set(orders)) == len(orders) == 40
    assert await one(data, "SELECT COUNT(*) FROM new_orders WHERE no_w_id = 1") == waiting - 40


async def test_a_delivery_that_was_overtaken_changes_nothing(data: Target, talk: Talk) -> None:
    class Stale(Talk):
        async def rows(self, sql: str, *args: Argument) -> Sequence[Row]:
            return [(1, 0), (2, 0)] if sql == OLDEST else await super().rows(sql, *args)

    session = Session(first_node(data), 5.0)
    await session.connect()
    before = await one(data, "SELECT SUM(no_o_id) FROM new_orders")
    with pytest.raises(OvertakenError):
        await delivery(Stale(session), Delivery(1, 2))
    session.close()
    assert is_conflict(OvertakenError())
    assert await one(data, "SELECT SUM(no_o_id) FROM new_orders") == before


async def test_a_snapshot_sees_one_moment(data: Target, talk: Talk) -> None:
    query = "SELECT w_name FROM distdiag_tpcc.warehouse WHERE w_id = 1"
    await talk.begin_snapshot()
    before = await talk.row(query)
    await ask(data, "UPDATE warehouse SET w_name = 'later' WHERE w_id = 1")
    assert await talk.row(query) == before
    await talk.commit()
    assert await talk.row(query) == ("later",)


async def test_delivery_where_nothing_waits_is_done_at_once(data: Target, talk: Talk) -> None:
    while await delivery(talk, Delivery(1, 1)):
        pass
    assert await one(data, "SELECT COUNT(*) FROM new_orders WHERE no_w_id = 1") == 0
    assert await one(data, "SELECT COUNT(*) FROM orders WHERE o_w_id = 1 AND o_carrier_id IS NULL") == 0


async def test_stock_level_counts_different_items_of_the_last_twenty_orders(data: Target, talk: Talk) -> None:
    draws = Draws("stock")
    for _ in range(22):
        lines = [Line(draws.number(1, 60), 1, draws.number(1, 10)) for _ in range(8)]
        await new_order(talk, NewOrder(1, 8, 1, lines))
    following = await one(data, "SELECT d_next_o_id FROM district WHERE d_w_id = 1 AND d_id = 8")
    lines_of_last = f"ol_w_id = 1 AND ol_d_id = 8 AND ol_o_id BETWEEN {following - 20} AND {following - 1}"
    items = {i for (i,) in await ask(data, f"SELECT ol_i_id FROM order_line WHERE {lines_of_last}")}
    stock = dict(await ask(data, "SELECT s_i_id, s_quantity FROM stock WHERE s_w_id = 1"))
    for threshold in (10, 20, 60):
        low = sum(stock[item] < threshold for item in items)
        assert await stock_level(talk, StockLevel(1, 8, threshold)) == low
    assert 0 < low < len(items)

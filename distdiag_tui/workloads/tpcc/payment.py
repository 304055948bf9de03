"""The Payment transaction (clause 2.5): the customer first, the warehouse last, for all tills write to it."""

from __future__ import annotations

from typing import Final

from distdiag_tui.workloads.tpcc.customers import find
from distdiag_tui.workloads.tpcc.inputs import Payment
from distdiag_tui.workloads.tpcc.schema import sql
from distdiag_tui.workloads.tpcc.talk import Row, Talk

PAY: Final = sql(
    "UPDATE {customer} SET c_balance = c_balance - ?, c_ytd_payment = c_ytd_payment + ?, "
    "c_payment_cnt = c_payment_cnt + 1, "
    "c_data = CASE c_credit WHEN 'BC' THEN LEFT(CONCAT(?, c_data), 500) ELSE c_data END "
    "WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?"
)
CUSTOMER: Final = sql(
    "SELECT c_first, c_middle, c_last, c_street_1, c_street_2, c_city, c_state, c_zip, c_phone, c_since, "
    "c_credit, c_credit_lim, c_discount, c_balance, "
    "CASE c_credit WHEN 'BC' THEN LEFT(c_data, 200) END "
    "FROM {customer} WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?"
)
DISTRICT: Final = sql(
    "SELECT d_name, d_street_1, d_street_2, d_city, d_state, d_zip "
    "FROM {district} WHERE d_w_id = ? AND d_id = ?"
)
WAREHOUSE: Final = sql(
    "SELECT w_name, w_street_1, w_street_2, w_city, w_state, w_zip FROM {warehouse} WHERE w_id = ?"
)
HISTORY: Final = sql("INSERT INTO {history} VALUES (?, ?, ?, ?, ?, NOW(), ?, ?)")
DISTRICT_TAKES: Final = sql("UPDATE {district} SET d_ytd = d_ytd + ? WHERE d_w_id = ? AND d_id = ?")
WAREHOUSE_TAKES: Final = sql("UPDATE {warehouse} SET w_ytd = w_ytd + ? WHERE w_id = ?")


async def payment(talk: Talk, wish: Payment) -> Row:
    """Returns the customer's row as the terminal shows it."""
    here, there = (wish.warehouse, wish.district), (wish.customer_warehouse, wish.customer_district)
    await talk.begin()
    customer = await find(talk, *there, wish.customer)
    key = (*there, customer)
    note = f"{customer} {there[1]} {there[0]} {here[1]} {here[0]} {wish.amount} "
    await talk.change(PAY, wish.amount, wish.amount, note, *key)
    shown = await talk.row(CUSTOMER, *key)
    warehouse, district = await talk.row(WAREHOUSE, here[0]), await talk.row(DISTRICT, *here)
    both = f"{warehouse[0]}    {district[0]}"
    await talk.change(HISTORY, customer, there[1], there[0], here[1], here[0], wish.amount, both)
    await talk.change(DISTRICT_TAKES, wish.amount, *here)
    await talk.change(WAREHOUSE_TAKES, wish.amount, here[0])
    await talk.commit()
    return shown

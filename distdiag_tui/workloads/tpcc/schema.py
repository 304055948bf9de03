"""The nine tables (clause 1.3), named as Percona's tpcc-mysql names them so that it runs on them too."""

from __future__ import annotations

from typing import Final

from distdiag_tui.workloads.tpcc.kind import TPCC

DATABASE: Final = TPCC.database


_ADDRESS: Final = (
    "{0}_street_1 VARCHAR(20) NOT NULL, {0}_street_2 VARCHAR(20) NOT NULL, {0}_city VARCHAR(20) NOT NULL, "
    "{0}_state CHAR(2) NOT NULL, {0}_zip CHAR(9) NOT NULL"
)

COLUMNS: Final = {
    "warehouse": (
        f"w_id INT NOT NULL, w_name VARCHAR(10) NOT NULL, {_ADDRESS.format('w')}, "
        "w_tax DECIMAL(4,4) NOT NULL, w_ytd DECIMAL(12,2) NOT NULL, PRIMARY KEY (w_id)"
    ),
    "district": (
        f"d_id INT NOT NULL, d_w_id INT NOT NULL, d_name VARCHAR(10) NOT NULL, {_ADDRESS.format('d')}, "
        "d_tax DECIMAL(4,4) NOT NULL, d_ytd DECIMAL(12,2) NOT NULL, d_next_o_id INT NOT NULL, "
        "PRIMARY KEY (d_w_id, d_id)"
    ),
    "customer": (
        "c_id INT NOT NULL, c_d_id INT NOT NULL, c_w_id INT NOT NULL, c_first VARCHAR(16) NOT NULL, "
        f"c_middle CHAR(2) NOT NULL, c_last VARCHAR(16) NOT NULL, {_ADDRESS.format('c')}, "
        "c_phone CHAR(16) NOT NULL, c_since DATETIME NOT NULL, c_credit CHAR(2) NOT NULL, "
        "c_credit_lim DECIMAL(12,2) NOT NULL, c_discount DECIMAL(4,4) NOT NULL, "
        "c_balance DECIMAL(12,2) NOT NULL, c_ytd_payment DECIMAL(12,2) NOT NULL, "
        "c_payment_cnt INT NOT NULL, c_delivery_cnt INT NOT NULL, c_data VARCHAR(500) NOT NULL, "
        "PRIMARY KEY (c_w_id, c_d_id, c_id), KEY idx_customer (c_w_id, c_d_id, c_last, c_first)"
    ),
    "history": (
        "h_c_id INT NOT NULL, h_c_d_id INT NOT NULL, h_c_w_id INT NOT NULL, h_d_id INT NOT NULL, "
        "h_w_id INT NOT NULL, h_date DATETIME NOT NULL, h_amount DECIMAL(6,2) NOT NULL, "
        "h_data VARCHAR(24) NOT NULL"
    ),
    "new_orders": (
        "no_o_id INT NOT NULL, no_d_id INT NOT NULL, no_w_id INT NOT NULL, "
        "PRIMARY KEY (no_w_id, no_d_id, no_o_id)"
    ),
    "orders": (
        "o_id INT NOT NULL, o_d_id INT NOT NULL, o_w_id INT NOT NULL, o_c_id INT NOT NULL, "
        "o_entry_d DATETIME NOT NULL, o_carrier_id INT, o_ol_cnt INT NOT NULL, o_all_local INT NOT NULL, "
        "PRIMARY KEY (o_w_id, o_d_id, o_id), KEY idx_orders (o_w_id, o_d_id, o_c_id, o_id)"
    ),
    "order_line": (
        "ol_o_id INT NOT NULL, ol_d_id INT NOT NULL, ol_w_id INT NOT NULL, ol_number INT NOT NULL, "
        "ol_i_id INT NOT NULL, ol_supply_w_id INT NOT NULL, ol_delivery_d DATETIME, "
        "ol_quantity INT NOT NULL, ol_amount DECIMAL(6,2) NOT NULL, ol_dist_info CHAR(24) NOT NULL, "
        "PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number)"
    ),
    "item": (
        "i_id INT NOT NULL, i_im_id INT NOT NULL, i_name VARCHAR(24) NOT NULL, "
        "i_price DECIMAL(5,2) NOT NULL, i_data VARCHAR(50) NOT NULL, PRIMARY KEY (i_id)"
    ),
    "stock": (
        "s_i_id INT NOT NULL, s_w_id INT NOT NULL, s_quantity INT NOT NULL, "
        + "".join(f"s_dist_{district:02d} CHAR(24) NOT NULL, " for district in range(1, 11))
        + "s_ytd DECIMAL(8,0) NOT NULL, s_order_cnt INT NOT NULL, s_remote_cnt INT NOT NULL, "
        "s_data VARCHAR(50) NOT NULL, PRIMARY KEY (s_w_id, s_i_id)"
    ),
}  # fmt: skip

NAMES: Final = {table: f"{DATABASE}.{table}" for table in COLUMNS}
"""Each table with its database."""

CREATE: Final = tuple(
    f"CREATE TABLE IF NOT EXISTS {NAMES[table]} ({columns})" for table, columns in COLUMNS.items()
)
DROP: Final = tuple(f"DROP TABLE IF EXISTS {name}" for name in NAMES.values())


def sql(text: str, **words: str | int) -> str:
    """A statement with the tables' full names, and `words` of our own, in the place of what is in braces.

    >>> sql("SELECT 1 FROM {item} WHERE i_id = {i}", i=7)
    'SELECT 1 FROM distdiag_tpcc.item WHERE i_id = 7'
    """
    return text.format(**NAMES, **words)

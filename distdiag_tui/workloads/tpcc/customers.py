"""A customer by number, or by last name: the middle one by first name of all so called (clause 2.5.2.2)."""

from __future__ import annotations

from typing import Final

from distdiag_tui.workloads.tpcc.inputs import Who
from distdiag_tui.workloads.tpcc.schema import sql
from distdiag_tui.workloads.tpcc.talk import Talk

BY_NAME: Final = sql(
    "SELECT c_id FROM {customer} WHERE c_w_id = ? AND c_d_id = ? AND c_last = ? ORDER BY c_first"
)


async def find(talk: Talk, warehouse: int, district: int, who: Who) -> int:
    """The customer's number."""
    if isinstance(who, int):
        return who
    found = await talk.rows(BY_NAME, warehouse, district, who)
    if not found:
        raise LookupError(f"district {district} of warehouse {warehouse} has no customer {who}")
    return int(found[(len(found) - 1) // 2][0])  # n/2 rounded up, counted from 1

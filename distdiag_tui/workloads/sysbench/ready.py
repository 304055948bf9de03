"""What a server's store needs before sysbench runs on it, beside the prepared tables."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from distdiag_tui.model.errors import ConnectError
from distdiag_tui.workloads.database import Database, statements
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.sysbench.config import COUNTS_KEPT, DATABASE, SysbenchConfig

CHANGED: Final = "changed"
"""The note that names a script which changes how many rows there are."""

_SECONDS: Final = 5.0  # for one statement


async def make_ready(node: Node, config: SysbenchConfig, tables: Sequence[int], emptied: set[int]) -> None:
    """Empty tables for bulk_insert, which counts from 1 each time; a note that rows will come or go.

    `emptied` are numbers of tables that need nothing more. Those that are done are added to it, so that
    another call goes on with the rest. ConnectError if a statement takes longer than 5 s, or WorkloadError.
    """
    try:
        async with asyncio.timeout(_SECONDS) as limit:
            if config.bulk:
                await _empty(node, tables, emptied, limit)
            elif config.script not in COUNTS_KEPT:
                await Database(DATABASE, [node]).note(node, **{CHANGED: config.script})
    except TimeoutError as error:
        raise ConnectError(f"{node.label}: no answer") from error


async def _empty(node: Node, numbers: Sequence[int], emptied: set[int], limit: asyncio.Timeout) -> None:
    clock = asyncio.get_running_loop().time
    async with statements(node) as cursor:
        for number in numbers:
            if number in emptied:
                continue
            name = f"{DATABASE}.sbtest{number}"
            for statement in (
                f"CREATE TABLE IF NOT EXISTS {name} "
                "(id INTEGER NOT NULL, k INTEGER DEFAULT '0' NOT NULL, PRIMARY KEY (id))",
                f"TRUNCATE TABLE {name}",
            ):
                limit.reschedule(clock() + _SECONDS)
                await cursor.execute(statement)
            emptied.add(number)

"""What a server's store needs before sysbench runs on it, beside the prepared tables."""

from __future__ import annotations

import asyncio
from typing import Final

from distdiag_tui.model.errors import ConnectError
from distdiag_tui.workloads.database import Database, statements
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.sysbench.config import COUNTS_KEPT, DATABASE, SysbenchConfig, bulk_tables

CHANGED: Final = "changed"
"""The note that names a script which changes how many rows there are."""

_SECONDS: Final = 5.0


async def make_ready(node: Node, config: SysbenchConfig, server: int, threads: int) -> None:
    """Empty tables for bulk_insert, which counts from 1 each time; a note that rows will come or go.

    ConnectError or WorkloadError, after 5 s at most.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            if config.bulk:
                await _empty(node, bulk_tables(server, threads))
            elif config.script not in COUNTS_KEPT:
                await Database(DATABASE, [node]).note(node, **{CHANGED: config.script})
    except TimeoutError as error:
        raise ConnectError(f"{node.label}: no answer") from error


async def _empty(node: Node, numbers: range) -> None:
    async with statements(node) as cursor:
        for number in numbers:
            name = f"{DATABASE}.sbtest{number}"
            await cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {name} "
                "(id INTEGER NOT NULL, k INTEGER DEFAULT '0' NOT NULL, PRIMARY KEY (id))"
            )
            await cursor.execute(f"TRUNCATE TABLE {name}")

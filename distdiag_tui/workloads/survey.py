"""What data of all kinds is there, asked with one connection a node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from distdiag_tui.workloads.database import (
    NOTES_TABLE,
    OWNER_TABLE,
    Cursor,
    Prepared,
    as_noted,
    in_common,
    statements,
)
from distdiag_tui.workloads.protocol import Kind
from distdiag_tui.workloads.session import Node

Found = dict[str, Prepared]
Survey = dict[str, tuple[Prepared, tuple[str, ...]]]
"""By kind, the data, and the servers that have it."""


async def survey(nodes: Sequence[Node], kinds: Sequence[Kind]) -> Survey:
    """By kind, what the nodes that have any of its data have in common, and the labels of these nodes.

    ConnectError or WorkloadError if a node does not tell.
    """
    found = await asyncio.gather(*(_survey_node(node, kinds) for node in nodes))
    by_kind: dict[str, dict[str, Prepared]] = {}
    for node, each in zip(nodes, found, strict=True):
        for kind, prepared in each.items():
            by_kind.setdefault(kind, {})[node.endpoint.name or node.endpoint.address] = prepared
    return {kind: (in_common(list(there.values())), tuple(there)) for kind, there in by_kind.items()}


async def _survey_node(node: Node, kinds: Sequence[Kind]) -> Found:
    async with statements(node) as cursor:
        databases = await _rows(cursor, "SHOW DATABASES")
        present = [kind for kind in kinds if (kind.database,) in databases]
        found = {kind.id: await _prepared(cursor, kind.database) for kind in present}
        return {name: prepared for name, prepared in found.items() if prepared is not None}


async def _prepared(cursor: Cursor, database: str) -> Prepared | None:
    tables = {name for (name,) in await _rows(cursor, f"SHOW TABLES FROM {database}")}
    if not {OWNER_TABLE, NOTES_TABLE} <= tables:
        return None
    rows = await _rows(cursor, f"SELECT name, value FROM {database}.{NOTES_TABLE}")  # noqa: S608 - ours
    return as_noted({row[0]: row[1] for row in rows})


async def _rows(cursor: Cursor, query: str) -> list[tuple[str, ...]]:
    await cursor.execute(query)
    return [tuple(map(str, row)) for row in await cursor.fetchall()]

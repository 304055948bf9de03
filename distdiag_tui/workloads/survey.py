"""What data of all kinds is there, asked with one connection a node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from distdiag_tui.workloads.database import NOTES_TABLE, OWNER_TABLE, Cursor, Prepared, statements
from distdiag_tui.workloads.protocol import Kind
from distdiag_tui.workloads.session import Node

Found = dict[str, Prepared]


async def survey(nodes: Sequence[Node], kinds: Sequence[Kind]) -> Found:
    """By kind, what all nodes have in common; a kind that a node has nothing of is left out.

    ConnectError or WorkloadError if a node does not tell.
    """
    found = await asyncio.gather(*(_survey_node(node, kinds) for node in nodes))
    return {
        kind.id: _common([each[kind.id] for each in found])
        for kind in kinds
        if all(kind.id in each for each in found)
    }


def _common(found: Sequence[Prepared]) -> Prepared:
    alike = all(each.sizes == found[0].sizes for each in found)
    return Prepared(found[0].sizes, alike and all(each.ready for each in found))


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
    notes = {row[0]: row[1] for row in rows}
    if "sizes" not in notes:
        return None
    return Prepared(json.loads(notes["sizes"]), notes.get("ready") == "yes")


async def _rows(cursor: Cursor, query: str) -> list[tuple[str, ...]]:
    await cursor.execute(query)
    return [tuple(map(str, row)) for row in await cursor.fetchall()]

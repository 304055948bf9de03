"""Checking: every query's answer of every store against DuckDB's own over the same data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from distdiag_tui.model.errors import WorkloadError
from distdiag_tui.workloads.protocol import Check, Progress
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpch.answers import difference
from distdiag_tui.workloads.tpch.duck import Duck, Rows
from distdiag_tui.workloads.tpch.folder import private_folder
from distdiag_tui.workloads.tpch.link import Link
from distdiag_tui.workloads.tpch.parts import number_of_parts
from distdiag_tui.workloads.tpch.queries import Query, load_queries

_IN_MEMORY: Final = 0.2  # up to this scale
_FILE_BYTES: Final = 600_000_000  # at scale 1: 270 MB of data, and what queries put aside
_ANSWERS: Final = 0.4  # of the progress


async def verify(
    stores: Sequence[Node], scale: float, limit: float, progress: Progress
) -> AsyncIterator[Check]:
    """A check for each query on each store; a query may take `limit` seconds."""
    queries = load_queries()
    answers = await _answers(queries, scale, progress)
    for number, store in enumerate(stores):
        link = Link(store)
        try:
            for query in queries:
                done = (number + query.number / len(queries)) / len(stores)
                progress(_ANSWERS + (1 - _ANSWERS) * done, f"{query.name}, {store.label}")
                yield await _check(link, query, answers[query.number], limit)
        finally:
            link.close()


async def _answers(queries: Sequence[Query], scale: float, progress: Progress) -> dict[int, Rows]:
    """The right ones, by the query's number."""
    on_disk, parts = scale > _IN_MEMORY, number_of_parts(scale)
    with private_folder(scale * _FILE_BYTES if on_disk else 0) as folder:
        duck = Duck(folder, on_disk=on_disk)
        try:
            for part in range(parts):
                progress(_ANSWERS * part / parts, f"generating (part {part + 1} of {parts})")
                await duck.generate(scale, part, parts)
            progress(_ANSWERS, "the right answers")
            return {query.number: await duck.rows(query.original) for query in queries}
        finally:
            await duck.close()


async def _check(link: Link, query: Query, answer: Rows, limit: float) -> Check:
    name = f"{link.store.label} {query.name}"
    try:
        found = await link.run(query.sql, limit=limit)
    except WorkloadError as error:
        return Check(name, False, str(error))
    wrong = difference(query, answer, found)
    return Check(name, not wrong, wrong or f"{len(found):,} row{'s' if len(found) != 1 else ''}")

"""Every statement of the program that reads views runs against the views of every version."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from standin import client

from distdiag_tui import service
from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.anomalies.sql import asking, compaction, hot, memstore
from distdiag_tui.diagnosis import looks
from distdiag_tui.diagnosis.cause import Look
from distdiag_tui.diagnosis.causes import CAUSES
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.target import Target
from distdiag_tui.service.facts.ask import connected
from distdiag_tui.service.facts.fetch import QUESTIONS
from distdiag_tui.service.facts.outside import OUTSIDE
from distdiag_tui.sim.definitions import VERSIONS
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.workloads.tpch import filling

PACKAGE: Final = Path(service.__file__).parents[1]

# Asked for in order to find out: a view of seekdb's, and two that the reference leaves out.
PROBED: Final = re.compile(r"V\$OB_SERVER_STAT|(CDB|DBA)_OBJECTS", re.IGNORECASE)


async def frames(target: Target) -> None:
    """What a tick asks."""
    async for frame in LiveSource(target).frames():
        assert [server.detail for server in frame.servers] == [""] * len(frame.servers)
        if frame.samples:
            return


async def questions(target: Target) -> None:
    """What is asked at the moment of a finding."""
    for question in QUESTIONS.values():
        async with connected(target.endpoints[0], target, (*question.needs, *question.likes)) as server:
            try:
                answer = await question.ask(server)
            except DistdiagError:
                assert question.title.startswith("Objects changed")
            else:
                assert all(len(row) == len(answer.columns) for row in answer.rows)
    for _, ask in OUTSIDE.values():
        await ask(target, target.endpoints[0])


async def offered(target: Target) -> None:
    """What a finding offers to look at."""
    listed = {each.sql: each for each in vars(looks).values() if isinstance(each, Look)}
    listed |= {each.sql: each for cause in CAUSES for each in cause.looks}
    async with client(target) as cursor:
        for look in listed.values():
            await cursor.execute(look.on(cluster=True).sql)
            await cursor.fetchall()


async def faults(target: Target) -> None:
    """What faults ask before and after they change something."""
    site = Site("sim-1", "sim", target.endpoints[0], target.user, target.password, {}, 10.0)
    async with client(target) as cursor:
        await compaction.merging(cursor)
        assert await compaction._pace(cursor) == "120s"
        assert await asking.sessions_of(cursor, site) == []
        used, limit, trigger = await memstore.memstore(cursor)
        assert 0 <= used <= limit
        assert 0 < trigger <= limit
        await hot._heat(cursor, ["orders"])


async def loads(target: Target) -> None:
    """What loads ask: the statement for this kind of server is one of several."""
    async with client(target) as cursor:
        await cursor.execute(filling._FREE_DISK[0])
        ((free,),) = await cursor.fetchall()
        assert int(free) > 0


COVERED: Final[dict[str, Callable[[Target], Awaitable[Any]]]] = {
    "sources/capability.py": frames,
    "sources/queries.py": frames,
    "service/facts/blockers.py": questions,
    "service/facts/outside.py": questions,
    "service/facts/state.py": questions,
    "service/facts/statements.py": questions,
    "diagnosis/looks.py": offered,
    "anomalies/sql/asking.py": faults,
    "anomalies/sql/compaction.py": faults,
    "anomalies/sql/hot.py": faults,
    "anomalies/sql/memstore.py": faults,
    "workloads/tpch/filling.py": loads,
}
"""Which modules have such statements, and what makes all of them ask."""


def test_no_module_with_such_statements_is_forgotten() -> None:
    mentions = re.compile(
        r"\b(from|join)\s+oceanbase\.|\boceanbase\.\{?(GV\$|V\$|DBA_|CDB_|view|_)", re.IGNORECASE
    )
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if mentions.search(path.read_text(encoding="utf-8"))
    }
    assert {each for each in found if not each.startswith("sim/")} == COVERED.keys()


@pytest.mark.parametrize("ask", dict.fromkeys(COVERED.values()), ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_version_answers_all_that_is_asked(
    version: str, ask: Callable[[Target], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(read: Any) -> Any:  # noqa: ANN401
        return {key: list(values) for key, values in (await read()).items()}

    monkeypatch.setattr("distdiag_tui.service.facts.state.twice", at_once)
    async with Sim(Shape(version, zones=3, servers=3, tenants=2), seed=3) as sim:
        sim.symptom("z1s1", "locks", 5)
        await ask(replace(sim.target(), endpoints=tuple(map(sim.endpoint, sim.servers))))
        refused = [each for each in sim.refused if not (each[1] == 1146 and PROBED.search(each[0]))]
    assert refused == []

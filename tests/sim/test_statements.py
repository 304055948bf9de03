"""Every statement of the program that reads views runs against the views of every version."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from standin import client

from distdiag_tui import service
from distdiag_tui.anomalies.protocol import Site
from distdiag_tui.anomalies.sql import asking, compaction, hot, memstore
from distdiag_tui.diagnosis import looks
from distdiag_tui.diagnosis.cause import Look
from distdiag_tui.diagnosis.causes import CAUSES
from distdiag_tui.model.errors import DistdiagError
from distdiag_tui.model.metrics import METRIC_INDEX
from distdiag_tui.model.target import Sampling, Target
from distdiag_tui.service.facts.ask import connected
from distdiag_tui.service.facts.fetch import QUESTIONS, fetch
from distdiag_tui.service.facts.outside import OUTSIDE
from distdiag_tui.sim.definitions import VERSIONS, definitions
from distdiag_tui.sim.shape import Shape
from distdiag_tui.sim.sim import Sim
from distdiag_tui.sources.live import LiveSource
from distdiag_tui.sources.repository import read_spans
from distdiag_tui.workloads.tpch import filling

PACKAGE: Final = Path(service.__file__).parents[1]

VIEW: Final = re.compile(r"\b(?:GV\$|V\$|DBA_|CDB_)[A-Z0-9_]+")
DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# Asked for in order to find out: a view of seekdb's, two that the reference leaves out, and two of 4.2.5.
PROBED: Final = re.compile(r"V\$OB_SERVER_STAT|(CDB|DBA)_(OBJECTS|WR_SYSTEM_EVENT)", re.IGNORECASE)


async def frames(target: Target) -> None:
    """What a tick asks."""
    for sampling in Sampling:
        seen = {"samples": False, "layout": False}
        async for frame in LiveSource(replace(target, sampling=sampling), 0.2).frames():
            seen["samples"] |= bool(frame.samples)
            seen["layout"] |= frame.layout is not None and bool(frame.layout.units)
            if all(seen.values()):
                break


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


async def hours_before(target: Target) -> None:
    """What the workload repository is asked, as whoever may see all tenants and as whoever sees one."""
    spans = await read_spans(target.endpoints[0], target)
    assert spans is not None
    assert len(spans.ends) >= 4
    assert np.isfinite(spans.metrics[:, [METRIC_INDEX["qps"], METRIC_INDEX["log_sync_rt"]]]).all()


EXERCISES: Final = (frames, questions, offered, faults, loads, hours_before)

# Views that the program names, and asks only where something else is missing.
SPARED: Final = frozenset({"DBA_OB_TABLE_LOCATIONS"})


@cache
def named() -> frozenset[str]:
    """Views that occur in texts of the program, docstrings apart."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.is_relative_to(PACKAGE / "sim") or not VIEW.search(text):
            continue
        tree = ast.parse(text)
        docstrings = {
            ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value not in docstrings
            ):
                found.update(VIEW.findall(node.value))
    return frozenset(found)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_version_answers_all_that_is_asked_and_all_is_asked(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(read: Any) -> Any:  # noqa: ANN401
        return {key: list(values) for key, values in (await read()).items()}

    monkeypatch.setattr("distdiag_tui.service.facts.state.twice", at_once)
    async with Sim(Shape(version, zones=3, servers=3, tenants=2), seed=3) as sim:
        sim.symptom("z1s1", "locks", 5)
        everywhere = tuple(map(sim.endpoint, sim.servers))
        for exercise in EXERCISES:
            await exercise(replace(sim.target(), endpoints=everywhere))
        assert [each for each in sim.refused if not_there(each, PROBED)] == []
        await frames(sim.target("monitor@t1"))
        await hours_before(sim.target("monitor@t1"))
        facts = await fetch(sim.target("monitor@t1"), everywhere[0], tuple(QUESTIONS))
        assert len([fact for fact in facts if fact.rows]) > 8
        views = definitions(version)
        hidden = "|".join(re.escape(name) for name, each in views.items() if each.sys_only)
        allowed = re.compile(f"{PROBED.pattern}|{hidden}", re.IGNORECASE)
        assert [each for each in sim.refused if not_there(each, allowed)] == []
        assert (named() & views.keys()) - sim.asked <= SPARED


def not_there(refused: tuple[str, int, str], allowed: re.Pattern[str]) -> bool:
    """Whether it was refused for anything but one of these views that are not there."""
    return not (refused[1] == 1146 and allowed.search(refused[0]))

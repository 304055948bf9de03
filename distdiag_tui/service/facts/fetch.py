"""Facts fetched at the moment of a finding. Trouble on the server's side becomes a line, never an error."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from distdiag_tui.incidents.fact import Fact
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.text import plain
from distdiag_tui.service.facts import state, statements
from distdiag_tui.service.facts.ask import Question, Server, connected
from distdiag_tui.service.facts.blockers import BLOCKERS
from distdiag_tui.service.facts.outside import OUTSIDE
from distdiag_tui.sources.trouble import diagnose

QUESTIONS: Final[dict[str, Question]] = {**statements.QUESTIONS, **state.QUESTIONS, "blockers": BLOCKERS}
NAMES: Final = (*QUESTIONS, *OUTSIDE)


async def fetch(
    target: Target, endpoint: Endpoint, names: Sequence[str], *, clock: Callable[[], float] = time.time
) -> tuple[Fact, ...]:
    """The facts of these names, in their order; of a server that does not answer one that says so."""
    asked = [_inside(target, endpoint, [name for name in names if name in QUESTIONS], clock)]
    asked += [_outside(target, endpoint, name, clock) for name in names if name in OUTSIDE]
    facts = {fact.name: fact for found in await asyncio.gather(*asked) for fact in found}
    kept = [facts.pop(name) for name in names if name in facts]
    return (*kept, *facts.values())


async def _inside(
    target: Target, endpoint: Endpoint, names: Sequence[str], clock: Callable[[], float]
) -> list[Fact]:
    """One after the other over one connection: the server has enough to do."""
    if not names:
        return []
    views = dict.fromkeys(view for name in names for view in (*QUESTIONS[name].needs, *QUESTIONS[name].likes))
    facts: list[Fact] = []
    try:
        async with connected(endpoint, target, views) as server:
            for name in names:
                facts.append(await _ask(server, name, clock))
    except Exception as error:  # whatever the driver makes of a sick server
        if len(facts) == len(names):
            return facts
        asked = f"Facts from {endpoint.label}"
        facts.append(Fact("connection", asked, clock(), missing=plain(diagnose(error)[1])))
    return facts


async def _ask(server: Server, name: str, clock: Callable[[], float]) -> Fact:
    """A view that is not there, or an SQL error, costs this fact only; a broken connection is raised."""
    question = QUESTIONS[name]
    for view in question.needs:
        if not server.has(view):
            missing = server.capability.missing.get(view, "there is no such view")
            return Fact(name, question.title, clock(), missing=plain(f"{view}: {missing}"))
    try:
        answer = await question.ask(server)
    except Exception as error:
        if isinstance(error, TimeoutError) or not server.connected:
            raise
        return Fact(name, question.title, clock(), missing=plain(diagnose(error)[1]))
    return Fact(name, question.title, clock(), answer.columns, answer.rows, answer.says)


async def _outside(target: Target, endpoint: Endpoint, name: str, clock: Callable[[], float]) -> list[Fact]:
    title, ask = OUTSIDE[name]
    try:
        answer = await ask(target, endpoint)
    except Exception as error:  # as above
        return [Fact(name, title, clock(), missing=plain(diagnose(error)[1]))]
    return [Fact(name, title, clock(), answer.columns, answer.rows, answer.says)]

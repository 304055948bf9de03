"""The SQL of facts, as it is built for every version, names only what that version has."""

from __future__ import annotations

from typing import Any

import pytest
from sqlglot import exp
from sqlnames import ALONE, CLUSTERS, columns_of, parsed, unknown_names

from distdiag_tui.model.target import Endpoint
from distdiag_tui.service.facts.ask import Question, Server
from distdiag_tui.service.facts.fetch import QUESTIONS
from distdiag_tui.sources.capability import Capability


class Listener(Server):
    """Writes down what it is asked, and answers with a row of ones."""

    def __init__(self, version: str, question: Question) -> None:
        views = columns_of(version)
        wanted = (*question.needs, *question.likes)
        upper = {
            name: frozenset(column.upper() for column in views[name]) for name in wanted if name in views
        }
        super().__init__(Endpoint("h", 1), None, Capability(version, version, upper, {}))
        self.asked: list[str] = []

    async def rows(self, select: str) -> list[Any]:
        self.asked.append(f"select {select}")
        tree = parsed(self.asked[-1])
        assert isinstance(tree, exp.Select)
        return [(1,) * len(tree.expressions)]


@pytest.mark.parametrize("version", [*CLUSTERS, ALONE])
@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_fact_asks_for_what_the_version_has(
    name: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(read: Any) -> Any:  # noqa: ANN401
        return await read()

    monkeypatch.setattr("distdiag_tui.service.facts.state.twice", at_once)
    if name == "changed" and version != ALONE:
        return  # the reference has the views of monitors only: whether it is there is found out by probing
    question = QUESTIONS[name]
    server = Listener(version, question)
    assert set(question.needs) <= set(server.capability.views)
    answer = await question.ask(server)
    assert server.asked
    assert [unknown_names(sql, version) for sql in server.asked] == [set()] * len(server.asked)
    assert all(len(row) == len(answer.columns) for row in answer.rows)
    if version == ALONE:
        assert name == "disk" or not [sql for sql in server.asked if "svr_ip" in sql]
    elif name not in ("indexes", "changed", "statistics", "compaction"):
        assert any("svr_ip = host_ip() and svr_port = rpc_port()" in sql for sql in server.asked)

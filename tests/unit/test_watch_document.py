"""What `watch` prints: schema distdiag.watch/1, and lines for people; both inert."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from scripted import frame, play, sample, server

from distdiag_tui.cli.metrics import print_metrics
from distdiag_tui.cli.watch import _document, _lines
from distdiag_tui.model.metrics import METRIC_IDS
from distdiag_tui.model.snapshot import WATCH_SCHEMA, Snapshot, watch_document
from distdiag_tui.model.topology import Host, Server, Status

EVIL = "n\x1b[2J\x9b31m\u202e\x7f\n2"


async def two_ticks(*servers: Server) -> Snapshot:
    """The second snapshot of servers of which the first gives figures."""
    samples = [sample(at, t1={40000: 1234.5678 * at}) for at in (1.0, 2.0)]
    return (await play(frame(tick, {servers[0].name: s}, servers) for tick, s in enumerate(samples)))[-1]


@pytest.fixture
async def snapshot() -> Snapshot:
    down = server("n2", "z2", status=Status.UNREACHABLE, detail="connection refused")
    return await two_ticks(server("n1"), down)


async def test_the_shape(snapshot: Snapshot) -> None:
    document = watch_document(snapshot)
    assert list(document) == ["schema", "time", "cluster", "servers", "findings"]
    assert document["schema"] == WATCH_SCHEMA == "distdiag.watch/1"
    assert document["time"] == "2023-11-14T22:13:21.000+00:00"
    assert document["cluster"] == "scripted"
    assert document["findings"] == []
    first, second = document["servers"]
    assert list(first) == ["name", "address", "zone", "status", "detail", "host", "metrics"]
    assert {**first, "metrics": None} == {
        "name": "n1",
        "address": "n1:2881",
        "zone": "z1",
        "status": "up",
        "detail": "",
        "host": None,
        "metrics": None,
    }
    assert (second["status"], second["detail"]) == ("unreachable", "connection refused")
    assert list(first["metrics"]) == list(second["metrics"]) == list(METRIC_IDS)


async def test_a_server_s_machine_is_named(snapshot: Snapshot) -> None:
    known = replace(snapshot, machines={"n2": Host("vm", "SSH", "permission denied")})
    hosts = [each["host"] for each in watch_document(known)["servers"]]
    assert hosts == [None, {"name": "vm", "way": "SSH", "trouble": "permission denied"}]


async def test_figures_are_numbers_and_what_is_missing_is_null(snapshot: Snapshot) -> None:
    first, second = watch_document(snapshot)["servers"]
    assert first["metrics"]["select_rate"] == 1234.57
    assert first["metrics"]["memory_used"] is None
    assert set(second["metrics"].values()) == {None}


def refuse(constant: str) -> Any:  # noqa: ANN401  never returns
    raise AssertionError(f"{constant} is not JSON")


async def test_one_line_of_strict_json(snapshot: Snapshot) -> None:
    text = _document(snapshot)
    assert "\n" not in text
    assert json.loads(text, parse_constant=refuse) == watch_document(snapshot)


async def test_lines_for_people(snapshot: Snapshot) -> None:
    first, second = _lines(snapshot).splitlines()
    assert "n1 " in first
    assert " up " in first
    assert " 1.28 k/s " in first
    assert second.endswith("connection refused")


async def test_names_from_a_server_cannot_act_on_a_terminal() -> None:
    bad = server(EVIL, status=Status.UNREACHABLE, detail=EVIL)
    evil = await two_ticks(server("n1"), bad)
    document = _document(evil)
    assert json.loads(document)["servers"][1]["name"] == EVIL
    lines = _lines(evil)
    assert lines.count("\n") == 1
    for text in (document, lines.replace("\n", "")):
        assert not [c for c in text if unicodedata.category(c).startswith("C")]


def test_the_catalogue_as_json_and_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_metrics(as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == list(METRIC_IDS)
    assert {"unit", "kind", "group", "formula", "bad", "scope", "about", "title"} < set(rows[0])
    print_metrics(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(METRIC_IDS)

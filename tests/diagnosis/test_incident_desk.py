"""The desk of incidents, as a face uses it: ticks in, a board out, and nothing lost or left."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from asking import session
from conftest import LiveLab
from findings import finding, tick
from test_obdiag import assert_gone, install

from distdiag_tui.incidents.fact import Probe
from distdiag_tui.incidents.incident import Incident
from distdiag_tui.incidents.store import IncidentStore, Papers, Synced
from distdiag_tui.model.errors import ConfigError, IncidentError
from distdiag_tui.model.findings import Finding
from distdiag_tui.model.snapshot import Snapshot, Values
from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.model.topology import Server, Status, Subject
from distdiag_tui.service import incident_keeper
from distdiag_tui.service.incident_desk import IncidentBoard, IncidentDesk
from distdiag_tui.service.incident_keeper import IncidentKeeper

LOCK = finding()


class NoHistory:
    """A past in which nothing was."""

    def window(self, subject: Subject, count: int, end: int | None = None) -> Values:
        """Empty."""
        return np.empty((0, 0), np.float32)

    def traces(self, subjects: Sequence[Subject], metric: int, count: int, end: int | None = None) -> Values:
        """Empty."""
        return np.empty((len(subjects), 0), np.float32)


def at(now: float, *findings: Finding, product: str = "seekdb 1.3") -> Snapshot:
    """A tick of a cluster with one server, in which this was found."""
    server = Server("n1", "127.0.0.1:1", "zone1", Status.UP, product=product)
    return Snapshot(
        int(now), now, 1.0, "lab", (server,), {}, NoHistory(), diagnosis=tick(now, *findings)
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_keeper, "EVERY", 0.01)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "incidents.db"


@asynccontextmanager
async def desk(
    file: Path | None, target: Target | None = None, user: str = "ann"
) -> AsyncIterator[IncidentDesk]:
    """One that has begun, and is closed in the end."""
    opened = IncidentDesk("lab", target, None if file is None else IncidentStore(file), user=user)
    opened.begin()
    try:
        yield opened
    finally:
        await opened.close()


async def until(
    desk: IncidentDesk, right: Callable[[IncidentBoard], object], feed: Snapshot | None = None
) -> None:
    """Wait for the board to be so, with a tick now and then."""
    end = time.monotonic() + 20
    while not right(desk.board):
        assert time.monotonic() < end, desk.board
        if feed is not None:
            desk.take(feed)
        await asyncio.sleep(0.01)


async def test_an_incident_opens_is_known_of_ends_and_is_there_after_a_restart(file: Path) -> None:
    async with desk(file) as first:
        await until(first, lambda board: board.open, at(1000, LOCK))
        (view,) = first.board.open
        assert (view.found, view.cause.title, view.line) == (
            True, "Lock contention", "lock_wait_time 10.0 ms/s → 2.90 s/s · tps 20.0 /s → 3.00 /s",
        )  # fmt: skip
        first.acknowledge(view.incident.id)
        first.note(view.incident.id, "it is\nthe batch job")
        with pytest.raises(ConfigError, match="words"):
            first.note(view.incident.id, " \n")
        for name in ("acknowledge", "fetch_facts", "obdiag"):
            with pytest.raises(ConfigError, match="no incident"):
                getattr(first, name)("inc-none")
        first.take(at(1001))
        assert not first.board.open[0].found
    async with desk(file) as second:
        await until(second, lambda board: board.open)
        (again,) = second.board.open
        assert again.incident.acknowledged
        assert [(event.kind, event.by) for event in again.incident.timeline] == [
            ("opened", ""), ("acknowledged", "ann"), ("note", "ann"),
        ]  # fmt: skip
        assert [event.words for event in again.notes] == ["it is the batch job"]
        second.take(at(1030))
        assert second.board.open == ()
        assert [each.incident.id for each in second.board.resolved] == [again.incident.id]


async def test_a_second_console_shows_what_the_first_keeps_and_goes_on_when_that_ends(file: Path) -> None:
    async with desk(file, user="bob") as second:
        async with desk(file) as first:
            while not (first.board.open and second.board.open):
                for each in (first, second):
                    each.take(at(1000, LOCK))
                await asyncio.sleep(0.01)
            keeper, other = (second, first) if first.board.trouble else (first, second)
            assert f"(process {os.getpid()})" in other.board.trouble
            (name,) = {view.incident.id for each in (keeper, other) for view in each.board.open}
            other.note(name, "I look")
            other.acknowledge(name)
            await until(keeper, lambda board: board.open[0].notes and board.open[0].incident.acknowledged)
            other.take(at(1001, finding(confidence=0.4)))
            assert other.board.open[0].incident.finding.confidence == 0.4
        await until(second, lambda board: not board.trouble)
        second.take(at(1002, LOCK))
        second.take(at(1030))
        assert [view.incident.id for view in second.board.resolved] == [name]


def test_what_another_one_opened_while_the_keeper_slept_ends_with_its_trouble(file: Path) -> None:
    """That one has gone meanwhile, so nobody else would end it."""
    keeper = IncidentKeeper("lab", IncidentStore(file), lambda: None, lambda _: False)
    keeper._lead()
    keeper.feed(tick(1000))
    left = Incident("inc-9", "lab", LOCK.server, "zone1", LOCK.cause, "open", 1010.0, 1020.0, LOCK)
    keeper._take(Synced(keeper=True, holder=keeper._holder, stored=(left,)), {})
    assert keeper.feed(tick(1030, LOCK)) == ()
    assert [incident.id for incident in keeper.open] == ["inc-9"]
    keeper.feed(tick(1060))
    assert keeper.open == ()


async def test_without_a_file_that_can_be_written_the_console_goes_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    async with desk(tmp_path / "taken" / "incidents.db") as opened:
        await until(opened, lambda board: board.open and board.trouble, at(1000, LOCK))
        assert "cannot be kept" in opened.board.trouble


async def test_what_cannot_be_written_now_is_written_later(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distdiag_tui.incidents.schema._BUSY_SECONDS", 0.05)
    async with desk(file) as opened:
        await until(opened, lambda board: board.open, at(1000, LOCK))
        name = opened.board.open[0].incident.id
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("begin immediate")
        opened.note(name, "written late")
        await until(opened, lambda board: "locked" in board.trouble)
        other.execute("rollback")
        other.close()
        await until(opened, lambda board: board.trouble == "")
    assert [event.words for event in IncidentStore(file).find(name).timeline][-1] == "written late"


async def test_a_file_that_is_damaged_while_we_run_costs_only_what_was_in_it(file: Path) -> None:
    async with desk(file) as opened:
        await until(opened, lambda board: board.open, at(1000, LOCK))
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).unlink()
        file.with_name("other").write_bytes(b"no database" * 1000)
        file.with_name("other").replace(file)
        opened.note(opened.board.open[0].incident.id, "still here")
        await until(opened, lambda board: "damaged" in board.trouble)
        assert len(opened.board.open[0].notes) == 1
    assert len(list(file.parent.glob("incidents-damaged-*.db"))) == 1


async def test_the_statements_are_those_that_the_server_can_be_asked() -> None:
    looks = []
    for product in ("seekdb 1.3", "OceanBase 4.2.5"):
        async with desk(None) as opened:
            opened.take(at(1000, finding("network_partition"), product=product))
            looks.append(opened.board.open[0].looks)
    alone, full = looks
    assert 0 < len(alone) < len(full)
    assert "svr_ip = host_ip()" in " ".join(look.sql for look in full)
    assert "svr_ip" not in " ".join(look.sql for look in alone)


async def test_while_nobody_diagnoses_nothing_happens() -> None:
    async with desk(None) as opened:
        opened.take(at(1000, LOCK))
        before = opened.board
        opened.take(Snapshot(1001, 1001.0, 1.0, "lab", (), {}, NoHistory()))
        assert opened.board is before


async def test_the_blocker_is_named_within_the_incident_of_a_real_node(lab: LiveLab, file: Path) -> None:
    target = Target("lab", lab.target.endpoints[:1], lab.target.user, lab.target.password)
    name = target.endpoints[0].name
    async with session(target) as holder, session(target) as waiter:
        await holder.execute("drop database if exists dd_desk")
        await holder.execute("create database dd_desk")
        await holder.execute("create table dd_desk.t (id int primary key, v int)")
        await holder.execute("insert into dd_desk.t values (1, 1)")
        await holder.execute("begin")
        await holder.execute("update dd_desk.t set v = 2")
        blocked = asyncio.create_task(waiter.execute("update dd_desk.t set v = 3"))
        async with desk(file, target) as opened:
            await until(opened, lambda board: board.open, at(1000, finding(server=name)))
            assert opened.board.open[0].fetching
            await until(opened, lambda board: board.open[0].facts)
            while (
                not (view := opened.board.open[0]).facts[0].says
            ):  # the wait may have come after the question
                opened.fetch_facts(view.incident.id)
                await until(opened, lambda board: not board.open[0].fetching)
            assert [fact.name for fact in view.facts] == list(view.cause.facts)
            assert "keeps 1 waiting" in view.facts[0].says
            opened.take(at(1001, finding(server=name)))
            assert opened.board.open[0].incident.timeline[-1].words == view.facts[0].says
        await holder.execute("rollback")
        await blocked
        await holder.execute("drop database dd_desk")
    async with desk(file) as again:  # without a target: they are read, not asked
        await until(again, lambda board: board.open and board.open[0].facts)
        assert again.board.open[0].facts == view.facts


DEAD = Target("lab", (Endpoint("127.0.0.1", 1, "n1"),))


async def test_a_server_that_is_gone_has_one_fact_that_says_so() -> None:
    async with desk(None, DEAD) as opened:
        opened.take(at(1000, LOCK))
        await until(opened, lambda board: board.open[0].facts)
        (fact,) = opened.board.open[0].facts
        assert fact.missing == "connection refused"


async def test_obdiag_reports_into_the_incident(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch)
    async with desk(file, DEAD) as opened:
        assert opened.board.obdiag
        await until(opened, lambda board: board.open, at(1000, LOCK))
        name = opened.board.open[0].incident.id
        opened.obdiag(name)
        with pytest.raises(ConfigError, match="at work"):
            opened.obdiag(name)
        await until(opened, lambda board: board.open[0].probes and board.open[0].probes[0].state == "done")
        assert "holding lock session: 7" in opened.board.open[0].probes[0].lines
        assert opened.board.open[0].incident.timeline[-1].kind == "obdiag"
        with pytest.raises(ConfigError, match="no such command"):
            opened.obdiag(name, 7)
    async with desk(file) as again:
        await until(again, lambda board: board.open and board.open[0].probes)
        assert again.board.open[0].probes[0].state == "done"


async def test_obdiag_of_two_consoles_at_once_is_kept_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch)
    async with desk(None, DEAD) as opened:
        opened.take(at(1000, LOCK))
        name = opened.board.open[0].incident.id
        opened.obdiag(name)
        keeper, other = opened._keeper, Probe("obdiag of somebody else", time.time() + 60, "running")
        keeper.papers[name] = keeper.papers[name].joined(Papers(probes=(other,)))
        await until(opened, lambda _: keeper.papers[name].probes[0].state == "done")
        assert keeper.papers[name].probes[1:] == (other,)


async def test_obdiag_ends_with_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "bin", monkeypatch)
    async with desk(None, DEAD) as opened:
        opened.take(at(1000, finding("something new")))
        opened.obdiag(opened.board.open[0].incident.id)
        await until(opened, lambda board: "gathering" in board.open[0].probes[0].lines)
    assert opened.board.open[0].probes[0].trouble == "called off"
    (pids,) = (tmp_path / "state").rglob("pids")
    assert_gone(pids)


async def test_without_obdiag_there_is_the_command_to_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    async with desk(None, DEAD) as opened:
        opened.take(at(1000, LOCK))
        opened.obdiag(opened.board.open[0].incident.id)
        (probe,) = opened.board.open[0].probes
    assert (probe.state, probe.command) == ("absent", "obdiag rca run --scene=lock_conflict")


async def test_an_export_has_everything_and_takes_nothing_for_markup(tmp_path: Path) -> None:
    nasty = finding(said="`*[x](y)*` <b>|\x1b[31m")
    async with desk(None, DEAD) as opened:
        opened.take(at(1000, nasty))
        name = opened.board.open[0].incident.id
        opened.note(name, "# not a heading ```")
        await until(opened, lambda board: board.open[0].facts)
        text, data = await opened.export(name, tmp_path / "out" / "deep")
        with pytest.raises(IncidentError, match="cannot write"):
            await opened.export(name, text)
        assert {file.stat().st_mode & 0o777 for file in (text, data)} == {0o600}
    document = json.loads(data.read_text(encoding="utf-8"))
    assert document["schema"] == "distdiag.incident/1"
    assert (document["server"], document["cause"], document["opened"]) == (
        "n1", "lock_contention", "1970-01-01T00:16:40.000+00:00",
    )  # fmt: skip
    assert document["finding"]["evidence"][1]["peers"] is None
    assert document["advice"]["sql"]
    assert document["facts"][0]["missing"] == "connection refused"
    assert document["timeline"][-1]["words"] == "# not a heading ```"
    words = text.read_text(encoding="utf-8")
    assert words.startswith("# Lock contention on n1\n")
    assert "\n- 1970" in words
    assert "\\# not a heading \\`\\`\\`" in words
    assert "\\`\\*\\[x\\](y)\\*\\` \\<b\\>\\|�\\[31m" in words
    assert "\x1b" not in words
    assert words.count("```") % 2 == 0
    assert "obdiag rca run --scene=lock_conflict" in words

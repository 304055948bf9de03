"""Remote write against a strict receiver that misbehaves in every way."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate

import pytest
from aiohttp import web
from receiver import Answer, Receiver, answer, becomes, receiver
from told import Ticks, up

from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.target import Secret
from distdiag_tui.model.topology import Status
from distdiag_tui.prometheus import writer as module
from distdiag_tui.prometheus.batch import Batcher
from distdiag_tui.prometheus.dialects import own
from distdiag_tui.prometheus.families import label
from distdiag_tui.prometheus.status import Writing
from distdiag_tui.prometheus.writer import Writer

SELECTS = "oceanbase_sql_select_total"
N1 = {"server": "n1", "tenant": "sys"}


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF", (0.02, 0.1))


@asynccontextmanager
async def writing(server: PrometheusServer, *, most_queued: int = 10**9) -> AsyncIterator[Writer]:
    writer = Writer(server, every=0.02, most_queued=most_queued)
    task = asyncio.create_task(_again_and_again(writer))
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.done()


async def _again_and_again(writer: Writer) -> None:
    """As a console does it."""
    while True:
        await writer.run()
        await asyncio.sleep(writer.pause())


def ticks_of(peer: Receiver) -> list[float]:
    return [value for _, value in peer.points(SELECTS, **N1)]


async def test_every_tick_arrives_once_with_the_moment_it_was_read() -> None:
    ticks = Ticks(start=1.7e9 + 1)
    async with receiver() as peer, writing(replace(peer.server, labels={"env": "test"})) as writer:
        for _ in range(5):
            writer.take(ticks.next())
        await becomes(lambda: writer.status.sent > 0 and not writer.status.queued)
        assert writer.status.state is Writing.ON
    points = peer.points(SELECTS, **N1, job="distdiag", env="test", cluster="told", zone="z1")
    assert [value for _, value in points] == [10, 20, 30, 40, 50]
    assert [moment for moment, _ in points] == pytest.approx([1.7e12 + 1000 * n for n in range(1, 6)], abs=20)
    assert writer.status.sent == sum(map(len, peer.taken.values()))
    assert peer.points("oceanbase_select_mean_seconds", **N1)
    assert len(peer.points("distdiag_server_up", server="n2")) == 5


async def test_a_server_that_does_not_answer_leaves_a_gap() -> None:
    ticks = Ticks(start=1.7e9 + 1)
    async with receiver() as peer, writing(peer.server) as writer:
        writer.take(ticks.next())
        ticks.servers[0] = up("n1", status=Status.UNREACHABLE)
        writer.take(ticks.next())
        ticks.servers[0] = up("n1")
        writer.take(ticks.next(answering=("n2",)))
        writer.take(ticks.next())
        await becomes(lambda: writer.status.sent > 0 and not writer.status.queued)
    assert ticks_of(peer) == [10, 40]
    assert [value for _, value in peer.points("distdiag_server_up", server="n1")] == [1, 0, 1, 1]


def test_what_was_not_read_anew_is_not_written_anew() -> None:
    ticks = Ticks(start=1.7e9 + 1)
    batcher = Batcher({})
    first, second = ticks.next(), ticks.next()
    for _ in range(2):  # until it is settled it may have to be sent again
        assert sum(map(len, batcher.series([(first, 0.0)]).values()))
    batcher.settled()
    stale = replace(
        second, totals=first.totals, hosts={"n1": second.totals["n1"]}
    )  # only its machine told anew
    names = {dict(key)["__name__"]: points for key, points in batcher.series([(stale, 0.0)]).items()}
    moments = {
        moment for name, points in names.items() if name.startswith("oceanbase_") for moment, _ in points
    }
    assert moments == {round(1000 * second.totals["n1"].at)}
    assert {
        dict(key).get("server") for key in batcher.series([(stale, 0.0)]) if dict(key)["__name__"] == SELECTS
    } == {"n1"}


def test_figures_of_a_server_with_a_long_name_are_written() -> None:
    server = up("ob1-0.ob1-headless.oceanbase-production.svc.cluster.example.org:2881")
    series = Batcher({}).series([(Ticks(server).next(), 0.0)])
    (name,) = {dict(key)["server"] for key in series if dict(key)["__name__"] == SELECTS}
    assert name == label(server.name) != server.name
    assert f'server="{name}"' in own(server, "told", PrometheusServer("")).select  # and found again


@pytest.mark.parametrize(
    "first",
    [answer(500, "boom"), answer(503, Retry_After="0"), answer(429, Retry_After="1"), answer(502, "<html>")],
)
async def test_what_a_server_cannot_take_now_is_sent_again(first: Answer) -> None:
    ticks = Ticks(start=1.7e9 + 1)
    async with receiver() as peer, writing(peer.server) as writer:
        peer.answers = [first, first]
        for _ in range(3):
            writer.take(ticks.next())
        await becomes(lambda: ticks_of(peer) == [10, 20, 30])
        await becomes(lambda: writer.status.retries == 2 and not writer.status.queued)
        assert (writer.status.dropped, writer.status.refused) == (0, 0)


async def test_nothing_is_lost_while_it_is_slow_or_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    ticks = Ticks(start=1.7e9 + 1)

    async def slow() -> web.StreamResponse:
        await asyncio.sleep(3)
        return web.Response(status=204)

    async with receiver() as peer, writing(peer.server) as writer:
        peer.always = slow
        writer.take(ticks.next())
        await becomes(lambda: writer.status.state is Writing.UNREACHABLE)
        assert "no answer within" in writer.status.detail
        writer.take(ticks.next())
        peer.always = None
        await becomes(lambda: ticks_of(peer) == [10, 20])
    gone = PrometheusServer(peer.server.url)
    async with writing(gone) as writer:
        writer.take(ticks.next())
        await becomes(lambda: writer.status.state is Writing.UNREACHABLE)
        assert writer.status.detail == "connection refused"
        assert writer.status.queued == 1
        assert writer.status.words == "Prometheus unreachable"


@pytest.mark.parametrize(
    ("text", "late"),
    [
        ("out of order sample", True),
        ("the sample has been rejected (err-mimir-sample-timestamp-too-old)", True),
        ("duplicate sample for timestamp", True),
        ("label name is invalid", False),
    ],
)
async def test_one_refused_tick_does_not_take_the_others_with_it(text: str, late: bool) -> None:
    ticks = Ticks(start=1.7e9 + 1)
    async with receiver() as peer, writing(peer.server) as writer:
        peer.answers = [answer(400, text), answer(204), answer(400, text)]
        for _ in range(4):
            writer.take(ticks.next())
        await becomes(lambda: ticks_of(peer) == [10, 30, 40])
        await becomes(lambda: not writer.status.queued)
        status = writer.status
    assert (status.late > 0, status.refused > 0) == (late, not late)
    assert text in status.detail
    assert status.words.endswith("refused")
    assert peer.sizes[:4] == [4, 1, 1, 1]


async def test_a_request_that_is_too_big_is_divided() -> None:
    ticks = Ticks(start=1.7e9 + 1)
    async with receiver() as peer, writing(peer.server) as writer:
        peer.answers = [answer(413)]
        for _ in range(8):
            writer.take(ticks.next())
        await becomes(lambda: len(ticks_of(peer)) == 8)
    assert peer.sizes == [8, 4, 4]


@pytest.mark.parametrize(
    ("always", "state", "words"),
    [
        (answer(404, "remote write receiver needs to be enabled"), Writing.OFF, "HTTP 404: remote write"),
        (answer(401, "who are you?"), Writing.REFUSED, "HTTP 401: who are you?"),
        (answer(307, Location="/api/v1/write"), Writing.REFUSED, "redirects"),
        (answer(200, "<html>", Content_Type="text/html"), Writing.REFUSED, "a web page"),
        (answer(204, Date=formatdate(time.time() + 7200)), Writing.CLOCK, " s ahead of ours"),
        (answer(204, Date=formatdate(time.time() - 7200)), Writing.CLOCK, " s behind ours"),
        (answer(500, "x" * 10**7), Writing.UNREACHABLE, "HTTP 500"),
        (answer(403, "\x1b[31m\nmore"), Writing.REFUSED, "HTTP 403: \N{REPLACEMENT CHARACTER}[31m"),
    ],
)
async def test_whatever_it_says_the_reason_is_one_line_and_it_may_recover(
    always: Answer, state: Writing, words: str
) -> None:
    ticks = Ticks(start=1.7e9 + 1)
    async with receiver() as peer, writing(peer.server) as writer:
        peer.always = always
        writer.take(ticks.next())
        await becomes(lambda: writer.status.state is state)
        assert words in writer.status.detail
        assert len(writer.status.detail) < 150
        assert not peer.taken
        peer.always = None
        await becomes(lambda: writer.status.state is Writing.ON)
        writer.take(ticks.next())
        await becomes(lambda: 20 in ticks_of(peer))


async def test_of_a_large_cluster_not_every_tick_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = Ticks(start=1.7e9 + 1)
    one = sum(told.columns.size for told in ticks.next().totals.values())
    monkeypatch.setattr(module, "MOST_A_SECOND", one / 3)
    async with receiver() as peer, writing(peer.server) as writer:
        for _ in range(9):
            writer.take(ticks.next())
        await becomes(lambda: writer.status.sent > 0 and not writer.status.queued)
    assert ticks_of(peer) == [20, 50, 80]
    assert not writer.status.dropped


async def test_what_waits_is_bounded() -> None:
    ticks = Ticks(start=1.7e9 + 1)
    one = sum(told.columns.size for told in ticks.next().totals.values())
    writer = Writer(PrometheusServer("http://127.0.0.1:9"), most_queued=10 * one)
    for _ in range(50):
        writer.take(ticks.next())
    assert (writer.status.queued, writer.status.dropped) == (10, 40)
    assert len(writer._queue) == 10


@pytest.mark.parametrize("state", [Writing.OFF, Writing.CLOCK])
def test_what_comes_while_nothing_can_be_written_is_counted(state: Writing) -> None:
    ticks, writer = Ticks(start=1.7e9 + 1), Writer(PrometheusServer("http://127.0.0.1:9"))
    writer.status = replace(writer.status, state=state)
    for _ in range(3):
        writer.take(ticks.next())
    assert (writer.status.queued, writer.status.dropped) == (0, 3)


@pytest.mark.parametrize("by", ["basic", "bearer"])
async def test_the_account_is_sent_and_shown_nowhere(by: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiver() as peer:
        account = (
            {"user": "ann", "password": Secret("tiger")} if by == "basic" else {"token": Secret("tiger")}
        )
        server = replace(peer.server, headers={"X-Scope-OrgID": Secret("lion")}, **account)
        peer.always = answer(403, "no")
        async with writing(server) as writer:
            await becomes(lambda: writer.status.state is Writing.REFUSED)
    basic = "Basic " + base64.b64encode(b"ann:tiger").decode()
    assert peer.headers[0]["Authorization"] == (basic if by == "basic" else "Bearer tiger")
    assert peer.headers[0]["X-Scope-OrgID"] == "lion"
    shown = f"{caplog.text} {server!r} {writer.status!r}"
    assert "tiger" not in shown
    assert "lion" not in shown

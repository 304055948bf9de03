"""What was written is read back as it was, and nothing that Prometheus answers does harm."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate

import aiohttp
import numpy as np
import pytest
from prometheusserver import Prometheus, prometheus, victoria_metrics
from receiver import sent
from told import SHOP, Ticks, canned, up

from distdiag_tui.diagnosis.diagnoser import Diagnoser
from distdiag_tui.model.findings import Diagnosis
from distdiag_tui.model.metrics import COLUMNS, METRIC_IDS, METRIC_INDEX, metric
from distdiag_tui.model.prometheus import PrometheusServer
from distdiag_tui.model.snapshot import Values
from distdiag_tui.model.topology import Subject
from distdiag_tui.prometheus import backfill
from distdiag_tui.prometheus import session as bounds
from distdiag_tui.prometheus.past import Past
from distdiag_tui.prometheus.readback import Gathering
from distdiag_tui.prometheus.windows import Window
from distdiag_tui.prometheus.wire import HEADERS, Labels, Point, encode
from distdiag_tui.prometheus.writer import Writer
from distdiag_tui.service.looking_back import LookingBack
from distdiag_tui.service.prometheus_desk import PrometheusDesk
from distdiag_tui.store import Store

SPAN = 40  # ticks that are written before a console begins
SUBJECTS = (
    Subject(),
    Subject("z1"),
    Subject("z1", "n1"),
    Subject("z1", "n1", "shop"),
    Subject(tenant="shop"),
    Subject("z1", "n2"),
)


@pytest.fixture(scope="module", params=["prometheus", "victoria-metrics"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """What is written and read back by the same requests, whoever answers them."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "prometheus":
        store = prometheus(folder, "--web.enable-remote-write-receiver")
    else:
        store = victoria_metrics(folder)
    with store as running:
        yield running


class Console:
    """An engine that goes on with a desk."""

    def __init__(self, ticks: Ticks, server: PrometheusServer) -> None:
        self.ticks = ticks
        self.desk = PrometheusDesk(server, ticks.engine)

    def tick(self) -> None:
        self.desk.take(self.ticks.next())

    async def read(self) -> None:
        """Until reading back has ended."""
        await ended(self.desk)

    def window(self, subject: Subject, count: int) -> Values:
        return self.ticks.engine.history.window(subject, count)


async def ended(desk: PrometheusDesk) -> None:
    """Until reading back has."""
    reading = next(task for task in desk._tasks if task.get_name() == "read back")
    await asyncio.wait({reading}, timeout=20)
    assert reading.done()


async def written(server: Prometheus, ticks: Ticks, numbers: range = range(SPAN), **labels: str) -> None:
    """Have so many ticks written, with a load that changes."""
    writer = Writer(replace(server.server, labels=labels), every=0.01)
    for number in numbers:
        ticks.raw = {40000: 100.0 * number + 30 * (number % 3), 140003: 1e9 + 1e6 * number}
        writer.take(ticks.next())
    await sent(writer)
    assert not writer.status.late
    server.settle()


async def test_a_console_goes_on_where_the_one_before_ended(server: Prometheus) -> None:
    start = round(time.time()) - SPAN
    before = Ticks(cluster="shop", start=start)
    await written(server, before)
    for name in ("aa", "zz"):  # other consoles, which joined later
        other = Ticks(cluster="shop", start=start + 20)
        await written(server, other, range(9), instance=name)
    console = Console(Ticks(cluster="shop", start=start + SPAN), server.server)
    console.tick()
    console.tick()
    await console.read()
    for subject in SUBJECTS:
        then = before.engine.store.window(subject, SPAN)
        now = console.window(subject, SPAN + 2)
        assert now.shape == (len(METRIC_IDS), SPAN + 2)
        np.testing.assert_allclose(now[:, 1:SPAN], then[:, 1:], rtol=1e-4, err_msg=subject.title)
        assert np.isfinite(now[METRIC_INDEX["memory_used"], SPAN:]).all()
    assert console.desk.status.past >= SPAN
    assert console.desk.status.trouble == ""
    await console.desk.close()


async def test_a_part_of_the_servers_is_not_told_as_all(
    server: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MOST_SERVERS", 1)
    start = round(time.time()) - SPAN
    await written(server, Ticks(cluster="large", start=start), range(20))
    console = Console(Ticks(cluster="large", start=start + 20), server.server)
    console.tick()
    await console.read()
    known = {subject: console.window(subject, SPAN).shape[1] for subject in SUBJECTS}
    assert known[Subject("z1", "n1")] == known[Subject("z1", "n1", "shop")] > 19
    for wider in (Subject(), Subject("z1"), Subject(tenant="shop")):
        assert known[wider] == 1
    await console.desk.close()


WAITING = (60004, 80003, 30000, 30008, "wait.system_io")  # microseconds that writes and commits took


async def test_what_went_wrong_before_anyone_looked_is_found(server: Prometheus) -> None:
    """As soon as it is read what was usual; the disk is slow from the first tick on."""
    start = round(time.time()) - SPAN
    await written(server, Ticks(cluster="slow", start=start))
    ticks = Ticks(cluster="slow", start=start + SPAN)
    ticks.engine.diagnoser = Diagnoser()
    found: list[Diagnosis] = []
    async with LookingBack(server.server, ticks.engine) as past:
        for number in range(12):
            ticks.raw = dict.fromkeys(WAITING, 1e9 + 5e4 * number)
            snapshot = ticks.next()
            past.take(snapshot)
            assert snapshot.diagnosis is not None
            found.append(snapshot.diagnosis)
            if number == 1:
                assert past._desk is not None
                await ended(past._desk)
    assert found[1].warm < 1
    assert found[3].warm == 1
    assert {("n1", "io_saturation"), ("n2", "io_saturation")} <= {each.key for each in found[-1].findings}
    assert past._desk is not None
    assert past._desk.status.writing is None  # nothing is to be written


async def test_a_gap_stays_a_gap_and_a_restart_is_no_spike(server: Prometheus) -> None:
    start = round(time.time()) - SPAN
    before = Ticks(up("n1", SHOP), cluster="gaps", start=start)
    await written(server, before, range(10))
    before._time = start + 20  # ten seconds of which nobody knows anything
    await written(server, before, range(10))  # and totals that begin anew
    before._time = start + 35
    await written(server, before, range(10, 15))  # these go on
    console = Console(Ticks(up("n1", SHOP), cluster="gaps", start=start + SPAN), server.server)
    console.tick()
    await console.read()
    whole = console.window(Subject("z1", "n1"), SPAN + 1)
    there = [*range(10), *range(20, 30), *range(35, SPAN)]
    selects, memory = (np.flatnonzero(np.isfinite(whole[METRIC_INDEX[name], :SPAN])).tolist()
                       for name in ("select_rate", "memory_used"))  # fmt: skip
    assert memory == there
    assert selects == [tick for tick in there if tick not in (0, 20, 35)]
    await console.desk.close()


async def test_the_exporters_series_are_read_where_there_are_none_of_ours(server: Prometheus) -> None:
    start = round(time.time()) - SPAN
    common = {"job": "obagent", "svr_ip": "10.0.0.7", "ob_cluster_name": "prod", "obzone": "z1"}
    series = {}
    for name, step, tenant, statistic in (
        ("ob_sysstat", 50.0, "shop", "40000"),
        ("ob_sysstat", 5000.0, "shop", "40001"),
        ("ob_sysstat", 7.0, "sys", "40000"),
        ("ob_sysstat", 7.0, "sys", "nonsense"),
        ("ob_active_session_num", 0.0, "shop", ""),
    ):
        labels = {**common, "__name__": name, "tenant_name": tenant, "stat_id": statistic}
        key = tuple(sorted((label, text) for label, text in labels.items() if text))
        moments = range(0, SPAN, 5)  # scraped every 5 s
        series[key] = [(1000 * (start + moment), 3 + step * moment) for moment in moments]
    await posted(server, series)
    alone = replace(up("n1", SHOP), address="10.0.0.7:2881")
    console = Console(Ticks(alone, cluster="mine", start=start + SPAN), server.server)
    console.tick()
    await console.read()
    whole = console.window(Subject("z1", "n1"), SPAN)
    selects, active = (whole[METRIC_INDEX[name]] for name in ("select_rate", "sessions_active"))
    assert selects[8:30].tolist() == pytest.approx([57.0] * 22)
    assert active[8:30].tolist() == pytest.approx([3.0] * 22)
    of_shop = console.window(Subject("z1", "n1", "shop"), SPAN)[METRIC_INDEX["select_rt"]]
    assert of_shop[8:30].tolist() == pytest.approx([100e-6] * 22)
    await console.desk.close()


JSON = {"Content-Type": "application/json"}
ODD = b'{"data": {"result": [{"metric": {"__name__": "oceanbase_sessions"}, "values": [[1, "x"], 7]}]}}'
ANSWERS = {
    "page": (200, {"Content-Type": "text/html"}, b"<html>", "HTTP 200: not JSON but text/html"),
    "broken": (200, JSON, b"{", "makes no sense"),
    "shapeless": (200, JSON, b'{"data": {"result": [{"value": 3}]}}', "makes no sense"),
    "odd": (200, JSON, ODD, "makes no sense"),
    "full": (500, JSON, b'{"error": "no\\u001b[31m space"}', "HTTP 500: no"),
    "long": (503, {"Content-Type": "text/plain"}, b"x" * 10**6, "HTTP 503: not JSON"),
    "loop": (302, {"Location": "/api/v1/query"}, b"", "HTTP 302"),
    "stranger": (401, JSON, b'{"error": "who?"}', "HTTP 401: who?"),
    "ahead": (200, {**JSON, "Date": formatdate(time.time() + 3600)}, b'{"data": {"result": []}}', "ahead of"),
}


@pytest.mark.parametrize(("status", "headers", "body", "words"), ANSWERS.values(), ids=ANSWERS)
async def test_whatever_it_answers_the_console_goes_on(
    status: int, headers: dict[str, str], body: bytes, words: str
) -> None:
    with canned(status, headers, body) as url:
        console = Console(Ticks(start=time.time()), PrometheusServer(url, write=False))
        console.tick()
        await console.read()
        assert words in console.desk.status.trouble
        assert "\x1b" not in console.desk.status.trouble
        console.tick()
        assert console.window(Subject(), 9).shape[1] == 2
        await console.desk.close()


@pytest.mark.parametrize("endless", [False, True])
async def test_it_waits_neither_for_silence_nor_for_an_endless_answer(
    endless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "SILENCE", 0.2)
    monkeypatch.setattr(bounds, "MOST_BYTES", 2**20)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while endless and not writer.is_closing():
            writer.write(b" " * 65536)
            await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as peer:
        port = peer.sockets[0].getsockname()[1]
        console = Console(Ticks(start=time.time()), PrometheusServer(f"http://127.0.0.1:{port}", write=False))
        console.tick()
        await console.read()
        assert ("more than 1 MB" if endless else "does not answer in time") in console.desk.status.trouble
        await console.desk.close()


async def test_nobody_at_all() -> None:
    console = Console(Ticks(start=time.time()), PrometheusServer("http://127.0.0.1:9"))
    console.tick()
    await console.read()
    assert "cannot be reached" in console.desk.status.trouble
    await console.desk.close()


def column(value: float, count: int) -> Values:
    return np.full((len(METRIC_IDS), count), value, dtype=np.float32)


def test_a_tenant_without_a_name_counts_for_its_server_only() -> None:
    gathering, seconds = Gathering(), np.ones((2, len(COLUMNS)))
    found = gathering.add(up("n1"), {"": seconds, "sys": seconds, "#1001": seconds})
    assert {subject.tenant for subject in (*found, *gathering.wider())} == {"", "sys"}
    rates = [values[METRIC_INDEX["select_rate"], 0] for values in found.values()]
    assert rates == [3, 1]


def test_the_past_lies_in_front_of_what_is_seen() -> None:
    store, subject = Store(8), Subject("z1", "n1")
    past = Past(store, 100, 8)
    for tick in (100, 101, 102):
        store.append(tick, {subject: column(tick, 1)[:, 0]})

    def seen(count: int, end: int | None = None, of: Subject = subject) -> list[float]:
        return [-1.0 if np.isnan(value) else float(value) for value in past.window(of, count, end)[0]]

    assert seen(9) == [100, 101, 102]
    past.fill(97, {subject: np.concatenate([column(97, 1), column(98, 1), column(99, 1)], axis=1)})
    past.fill(93, {subject: column(5, 3), Subject(): column(6, 3)})
    assert past.begin == 93
    assert seen(4) == [99, 100, 101, 102]
    assert seen(2) == [101, 102]
    assert seen(99) == [5, 5, 5, -1, 97, 98, 99, 100, 101, 102]
    assert seen(4, end=101) == [98, 99, 100, 101]
    assert seen(3, end=98) == [-1, 97, 98]
    assert seen(5, end=94) == [5, 5]
    assert seen(9, 101, Subject()) == [6, 6, 6, -1, -1, -1, -1, -1, -1]
    for tick in range(103, 108):
        store.append(tick, {subject: column(tick, 1)[:, 0]})
    assert seen(99) == [100, 101, 102, 103, 104, 105, 106, 107]
    assert past.window(Subject(), 9, 107).shape[1] == 0


@pytest.mark.parametrize("newest", [105, 109, 120])
def test_what_the_store_has_given_up_is_not_told_from_another_time(newest: int) -> None:
    store, subject = Store(8), Subject("z1", "n1")
    past = Past(store, 100, 8)
    past.fill(90, {subject: np.tile(np.arange(90, 100, dtype=np.float32), (len(METRIC_IDS), 1))})
    for tick in range(100, newest + 1):
        store.append(tick, {subject: column(tick, 1)[:, 0]})
    for end in range(91, newest + 1):
        for count in (3, 7):
            for found in (past.window(subject, count, end)[0], past.traces([subject], 0, count, end)[0]):
                np.testing.assert_array_equal(found, np.arange(end - len(found) + 1, end + 1))
    assert past.traces([subject], 0, 3, 95).shape[1] == (3 if newest < 107 else 0)


async def test_what_is_older_is_read_in_steps(server: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "EXACT", 10.0)
    monkeypatch.setattr(backfill, "STEP", 5.0)
    monkeypatch.setattr(backfill, "AT_ONCE", 4)
    start = round(time.time()) - SPAN
    before = Ticks(up("n1", SHOP), cluster="old", start=start)
    writer = Writer(server.server, every=0.01)
    for _ in range(SPAN):
        writer.take(before.next())
    await sent(writer)
    server.settle()
    console = Console(Ticks(up("n1", SHOP), cluster="old", start=start + SPAN), server.server)
    console.tick()
    await console.read()
    whole = console.window(Subject(), SPAN + 1)
    assert whole[METRIC_INDEX["select_rate"], 8:SPAN].tolist() == pytest.approx([10.0] * (SPAN - 8))
    assert whole[METRIC_INDEX["memory_used"], 8:SPAN].tolist() == pytest.approx([4e6] * (SPAN - 8))
    await console.desk.close()


def days(labels: dict[str, str], name: str, values: list[float], end: float) -> dict[Labels, list[Point]]:
    """A series with a sample a minute, the last one at `end`."""
    key = tuple(sorted({**labels, "__name__": name}.items()))
    first = end - 60 * (len(values) - 1)
    return {key: [(round(1000 * (first + 60 * n)), value) for n, value in enumerate(values)]}


async def posted(server: Prometheus, series: dict[Labels, list[Point]]) -> None:
    session = aiohttp.ClientSession(headers=HEADERS)
    async with session, session.post(server.server.receiver, data=encode(series)) as answer:
        assert answer.status == 204
    server.settle()


async def test_a_ratio_by_little_or_nothing_is_what_it_was_live(server: Prometheus) -> None:
    end = round(time.time())
    labels = {"cluster": "idle", "zone": "z1", "tenant": "shop"}
    minutes = [60.0 * number for number in range(50)]
    for name, rows in (("n1", 100.0), ("n2", 0.0), ("n3", 4000.0)):
        who = {**labels, "server": name}
        busy = [0.5 * value for value in minutes]
        await posted(server, days(who, "oceanbase_cpu_seconds_total", busy, end))
        await posted(server, days(who, "oceanbase_rows_read_total", [rows * value for value in minutes], end))
        await posted(server, days(who, "oceanbase_rows_filtered_total", [0.0] * 50, end))
    console = Console(Ticks(cluster="idle", start=end), replace(server.server, write=False))
    console.tick()
    window = await console.desk.window(metric("cpu_per_row"), Subject(), 3600, 60)
    assert {name: line[-10:].tolist() for name, line in window.values.items()} == {
        "n1": pytest.approx([0.5 / 1000] * 10), "n3": pytest.approx([0.5 / 4000] * 10),
    }  # fmt: skip
    await console.desk.close()


async def test_hours_are_asked_for_at_a_step_that_fits(server: Prometheus) -> None:
    end = round(time.time())
    labels = {"cluster": "days", "zone": "z1", "tenant": "shop"}
    minutes = [60.0 * number for number in range(50)]
    for name, factor in (("n1", 1.0), ("n2", 3.0)):
        for witness in ("a", "b"):  # who must not be added up
            who = {**labels, "server": name, "instance": witness}
            counts = [factor * value for value in minutes]
            await posted(server, days(who, "oceanbase_sql_select_total", counts, end))
            seconds = [value * 2e-3 for value in counts]
            await posted(server, days(who, "oceanbase_sql_select_seconds_total", seconds, end))
            await posted(server, days(who, "oceanbase_memory_used_bytes", [5e8] * 50, end))
            await posted(server, days(who, "oceanbase_memory_limit_bytes", [1e9] * 50, end))
    console = Console(Ticks(cluster="days", start=end), replace(server.server, write=False))
    console.tick()
    for name, expected in (("select_rate", {"n1": 1.0, "n2": 3.0}), ("select_rt", {"n1": 2e-3, "n2": 2e-3}),
                           ("memory_percent", {"n1": 50.0, "n2": 50.0})):  # fmt: skip
        window = await console.desk.window(metric(name), Subject(), 6 * 3600, 120)
        assert (window.step, window.seconds, len(window.values["n1"])) == (180, 6 * 3600, 121)
        assert {server: line[-10:].tolist() for server, line in window.values.items()} == {
            server: pytest.approx([value] * 10) for server, value in expected.items()
        }
        assert np.isnan(window.values["n1"][:100]).all()
    tenant = await console.desk.window(metric("select_rate"), Subject("z1", "n2", "shop"), 3600, 60)
    assert list(tenant.values) == ["n2"]
    assert await console.desk.window(metric("tps"), Subject(), 3600, 60) == Window(tenant.begin, 60, {})
    await console.desk.close()


async def test_hours_of_the_exporters_series(server: Prometheus) -> None:
    end = round(time.time())
    labels = {"svr_ip": "10.0.0.9", "tenant_name": "shop", "ob_cluster_name": "prod"}
    for statistic, rise in (("40000", 4.0), ("40001", 4000.0)):
        totals = [60 * rise * number for number in range(20)]
        await posted(server, days({**labels, "stat_id": statistic}, "ob_sysstat", totals, end))
    alone = replace(up("n1", SHOP), address="10.0.0.9:2881")
    reader = replace(server.server, write=False, obagent={"ob_cluster_name": "prod"})
    console = Console(Ticks(alone, cluster="elsewhere", start=end), reader)
    console.tick()
    window = await console.desk.window(metric("select_rt"), Subject("z1", "n1"), 3600, 60)
    assert window.values["n1"][-10:].tolist() == pytest.approx([1e-3] * 10)
    assert not (await console.desk.window(metric("wait_commit"), Subject("z1", "n1"), 3600, 60)).values
    await console.desk.close()

"""A real Prometheus scrapes us, is written to, and misbehaves as only a real one does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheusserver import Prometheus, prometheus
from receiver import becomes, sent
from told import Ticks, served, until

from distdiag_tui.model.snapshot import Snapshot
from distdiag_tui.model.topology import Subject
from distdiag_tui.prometheus import writer as module
from distdiag_tui.prometheus.exposition import exposition
from distdiag_tui.prometheus.status import Writing
from distdiag_tui.prometheus.writer import Writer

RECEIVE = "--web.enable-remote-write-receiver"


@dataclass
class Scraped:
    """What is scraped: a tick more each time."""

    ticks: Ticks = field(default_factory=lambda: Ticks(cluster="scraped"))
    latest: Snapshot | None = None
    accepted: str = ""

    def answer(self, accept: str) -> tuple[bytes, str]:
        """As our service answers."""
        self.latest, self.accepted = self.ticks.next(), accept
        return exposition(self.latest, accept)


@pytest.fixture(scope="module")
def scraped() -> Scraped:
    return Scraped()


@pytest.fixture(scope="module")
def server(scraped: Scraped, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One for all tests here: it takes 5 s until it scrapes at all."""
    folder = tmp_path_factory.mktemp("prometheus")
    with served(scraped.answer) as target, prometheus(folder, RECEIVE, scrape=target) as running:
        yield running


async def test_what_is_written_is_there_as_it_was_sampled(server: Prometheus) -> None:
    ticks = Ticks(cluster="written")
    writer = Writer(server.server, every=0.05)
    first = ticks.next()
    await asyncio.sleep(0.2)
    second = ticks.next()
    for snapshot in (first, second):
        writer.take(snapshot)
    await sent(writer)
    assert writer.status.state is Writing.ON
    series = server.ask('oceanbase_sql_select_total{cluster="written",server="n1",tenant="shop"}[1m]')
    read = [float(value) for _, value in series[0]["values"]]
    assert read == pytest.approx([10 * (snapshot.time - 1.7e9) for snapshot in (first, second)], abs=1e-3)
    value = server.value('oceanbase_select_mean_seconds{cluster="written",server="n1",tenant=""}')
    assert value == pytest.approx(second.value(Subject("z1", "n1"), "select_rt"))
    assert writer.status.sent == sum(len(each["values"]) for each in server.ask('{cluster="written"}[1m]'))


async def test_what_is_out_of_order_is_counted_and_the_rest_arrives(server: Prometheus) -> None:
    ticks = Ticks(cluster="late", start=time.time() - 5)
    old, new, newest = ticks.next(), ticks.next(), ticks.next()
    one, other = Writer(server.server, every=0.05), Writer(server.server, every=0.05)
    one.take(new)
    await sent(one)
    for snapshot in (old, newest):
        other.take(snapshot)
    await sent(other)
    assert other.status.late > 0
    assert other.status.sent > 0
    assert "out of order" in other.status.detail
    assert other.status.trouble
    assert server.value('count_over_time(distdiag_server_up{cluster="late",server="n1"}[1m])') == 2


async def test_it_may_go_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF", (0.05, 0.1))
    ticks, writer = Ticks(cluster="gone"), None
    with prometheus(tmp_path) as off:
        writer = Writer(off.server, every=0.05)
        task = asyncio.create_task(writer.run())
        writer.take(ticks.next())
        await becomes(lambda: writer.status.state is Writing.OFF)
        assert "remote write receiver" in writer.status.detail
    await becomes(lambda: writer.status.state is Writing.UNREACHABLE)
    writer.take(ticks.next())
    with prometheus(tmp_path, RECEIVE, port=off.port) as again:
        await becomes(lambda: writer.status.sent > 0)
        assert again.value('count_over_time(distdiag_server_up{cluster="gone",server="n1"}[1m])') == 1
    task.cancel()
    await asyncio.wait({task})


def test_its_rates_of_what_it_scraped_are_the_engines(server: Prometheus, scraped: Scraped) -> None:
    until(lambda: (server.value("sum(count_over_time(up[1m]))") or 0) >= 6)
    of_n1 = 'cluster="scraped",server="n1"'
    rate = f"sum(rate(oceanbase_sql_select_total{{{of_n1}}}[1s]))"
    until(
        lambda: server.value(rate) == pytest.approx(20, rel=0.15)
    )  # a busy machine scrapes late now and then
    assert scraped.latest is not None
    assert scraped.latest.value(Subject("z1", "n1"), "select_rate") == pytest.approx(20, rel=0.01)
    seconds, count = (
        f'rate(oceanbase_sql_select{part}_total{{{of_n1},tenant="sys"}}[1s])' for part in ("_seconds", "")
    )
    assert server.value(f"{seconds} / {count}") == pytest.approx(1e-6)
    assert server.value('min(up{job="distdiag"})') == 1
    assert "openmetrics" in scraped.accepted

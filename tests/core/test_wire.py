"""Networks that break, and ports that are no server: one line each, and no harm to the neighbour."""

from __future__ import annotations

import asyncio
import dataclasses
import math

import pytest
from asyncmy.errors import OperationalError
from conftest import LiveLab
from watching import Watch, figure_of, server, watching
from wire import LOOPBACK, Handler, Proxy, listening, saying

from distdiag_tui.cli.watch import _document, _lines
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.model.text import plain
from distdiag_tui.model.topology import Status
from distdiag_tui.sources import node
from distdiag_tui.sources.session import connect


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "TIMEOUT", 1.0)
    monkeypatch.setattr(node, "BACK_OFF", (0.2, 0.4))


def with_neighbour(lab: LiveLab, port: int) -> Target:
    """A real node, and what listens on `port` in front of or beside it."""
    odd = Endpoint(LOOPBACK, port, "odd", "zone9")
    return dataclasses.replace(lab.target, endpoints=(lab.target.endpoints[0], odd))


def kept_pace(watch: Watch, name: str = "n1") -> None:
    """The named server was sampled through it all; where the machine is busy, a late answer costs a frame."""
    sampled = [s for s in watch.seen if (age := server(s, name).age) is not None and age < s.interval]
    assert len(sampled) >= 0.4 * len(watch.seen)
    assert max(s.health.tick_latency for s in watch.seen) < 0.9  # none waited for the time limit


@pytest.mark.parametrize("bytes_of_answer", [0, 3, 60, 400])
async def test_a_connection_cut_in_the_middle_of_a_result(lab: LiveLab, bytes_of_answer: int) -> None:
    proxy = Proxy(lab.target.endpoints[1])
    async with listening(proxy) as port, watching(with_neighbour(lab, port)) as watch:
        await watch.until(lambda s: figure_of(s, "odd") > 0)
        proxy.cut_after = bytes_of_answer
        down = await watch.until_status("odd", Status.UNREACHABLE)
        gone = len(watch.seen)
        assert down.detail
        assert "\n" not in down.detail
        after = await watch.until(lambda s: figure_of(s, "odd") > 0)
        assert server(after, "odd").status is Status.UP
        back = next(s for s in watch.seen[gone:] if server(s, "odd").status is Status.UP)
        assert math.isnan(figure_of(back, "odd"))  # nothing to compare with: a gap, not a spike
        assert figure_of(after, "odd") < 1e5
    assert proxy.connections == 2
    kept_pace(watch)


async def test_an_answer_that_stalls(lab: LiveLab) -> None:
    proxy = Proxy(lab.target.endpoints[1])
    async with listening(proxy) as port, watching(with_neighbour(lab, port)) as watch:
        await watch.until(lambda s: figure_of(s, "odd") > 0)
        proxy.stall()
        slow = await watch.until_status("odd", Status.SLOW)
        assert slow.detail.startswith("no answer for ")
        down = await watch.until_status("odd", Status.UNREACHABLE)
        assert down.detail == "no answer within 1 s"
        assert down.uptime is None
        proxy.resume()
        await watch.until(lambda s: figure_of(s, "odd") > 0)
    kept_pace(watch)


async def test_a_short_stall_costs_ticks_but_no_connection(lab: LiveLab) -> None:
    proxy = Proxy(lab.target.endpoints[1])
    async with listening(proxy) as port, watching(with_neighbour(lab, port)) as watch:
        await watch.until(lambda s: figure_of(s, "odd") > 0)
        proxy.stall()
        await watch.until(lambda s: (server(s, "odd").age or 0) > 0.3)
        proxy.resume()
        back = await watch.until(lambda s: figure_of(s, "odd") > 0)
        assert server(back, "odd").status.answers
        assert back.health.dropped > 0
    assert proxy.connections == 1


GREETING = (
    b"\x0a5.7.25\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x2d\x02\x00\x0f\x80\x15"
    + b"\x00" * 10 + b"ijklmnopqrst\x00mysql_native_password\x00"
)  # fmt: skip
ERROR = b"\xff\x6a\x04#HY000Host '\x1b[2J\xc2\x9b31m\n\xe2\x80\xae' is not allowed"


@pytest.mark.parametrize("method", [b"mysql_clear_password", b"dialog", b"mysql_old_password"])
async def test_whoever_asks_for_the_password_in_clear_does_not_get_it(method: bytes) -> None:
    heard = bytearray()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes([len(GREETING), 0, 0, 0]) + GREETING)
        login = await reader.readexactly(4)
        heard.extend(await reader.readexactly(int.from_bytes(login[:3], "little")))
        asked = b"\xfe" + method + b"\x00" + b"\x04Password: "
        writer.write(bytes([len(asked), 0, 0, login[3] + 1]) + asked)
        heard.extend(await reader.read(4096))

    async with listening(handler) as port:
        endpoint = Endpoint(LOOPBACK, port)
        target = Target("shop", (endpoint,), "root", Secret("tiger"))
        with pytest.raises(OperationalError, match="asks for the password in clear, which is refused"):
            await connect(endpoint, target, 5.0)
    assert heard
    assert b"tiger" not in heard


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (saying(b"", then_close=False), "no answer within 1 s"),  # a listener that never says a word
        (
            saying(bytes([len(GREETING), 0, 0, 0]) + GREETING, then_close=False),
            "though it greets after 0.0 s",
        ),
        (saying(b"", then_close=True), "Lost connection"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", then_close=True), "not a MySQL server"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n", then_close=False), "not a MySQL server"),
        (saying(b"\xff" * 70000, then_close=True), "not a MySQL server"),
        (saying(b"\x05\x00\x00\x00\x0aabc\x00", then_close=False), "not a MySQL server"),
        (saying(b"\x00" * 64, then_close=True), "not a MySQL server"),
        (saying(bytes([len(ERROR), 0, 0, 0]) + ERROR, then_close=True), "is not allowed"),
    ],
    ids=["silent", "greets", "hangs up", "http", "ssh", "ff", "short greeting", "zeros", "evil error"],
)
async def test_a_port_that_is_no_server(lab: LiveLab, handler: Handler, words: str) -> None:
    async with listening(handler) as port, watching(with_neighbour(lab, port)) as watch:
        down = await watch.until_status("odd", Status.UNREACHABLE)
        for _ in range(5):
            await watch.next()
        last = await watch.until(lambda s: figure_of(s, "n1") > 0)
    assert words in down.detail
    assert down.detail.strip()
    assert "\n" not in down.detail
    assert math.isnan(figure_of(last, "odd"))
    for text in (_document(last), *_lines(last).split("\n")):
        assert text == plain(text, len(text))
    assert _lines(last).count("\n") == 1
    kept_pace(watch)


async def test_a_port_where_nobody_listens(lab: LiveLab) -> None:
    async with listening(saying(b"", then_close=True)) as port:
        pass
    async with watching(with_neighbour(lab, port)) as watch:
        down = await watch.until_status("odd", Status.UNREACHABLE)
    assert down.detail == "connection refused"


async def test_a_name_that_is_no_host(lab: LiveLab) -> None:
    target = with_neighbour(lab, 1)
    nowhere = Endpoint("nowhere.invalid", 2881, "odd", "zone9")
    async with watching(dataclasses.replace(target, endpoints=(target.endpoints[0], nowhere))) as watch:
        down = await watch.until_status("odd", Status.UNREACHABLE)
        await watch.until(lambda s: figure_of(s, "n1") > 0)
    assert "name" in down.detail  # "name or service not known" where the C library is glibc
    assert "\n" not in down.detail


async def test_attempts_become_rarer(lab: LiveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "BACK_OFF", (0.5, 60.0))
    attempts = 0

    async def counting(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1

    async with listening(counting) as port, watching(with_neighbour(lab, port)) as watch:
        await watch.until_status("odd", Status.UNREACHABLE)
        for _ in range(15):  # three seconds: at once, after 0.5, 1.5 and perhaps 3.5
            await watch.next()
    assert 2 <= attempts <= 4

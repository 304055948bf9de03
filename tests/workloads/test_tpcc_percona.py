"""Percona's tpcc_start as the driver: how it is called, what is made of its words, how it ends.

The program itself is in no package; a stand-in after its source takes its place, on the real way to a real
server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncmy
import pytest
from asyncmy.errors import MySQLError
from conftest import LiveLab, run
from live_load import alive, load_of, nodes_of, running, until
from mariadb import mariadb
from wholesale import drop, prepare, wrong

from distdiag_tui.model.errors import ConfigError
from distdiag_tui.model.target import Endpoint, Secret, Target
from distdiag_tui.workloads.kinds import find_kind
from distdiag_tui.workloads.options import Value, checked
from distdiag_tui.workloads.session import Node
from distdiag_tui.workloads.tpcc.percona.output import Beat, read_line
from distdiag_tui.workloads.tpcc.percona.relay import plain_greeting, proof, relay

OPTIONS: dict[str, Value] = {"warehouses": 1, "threads": 3, "interval": 1.0, "driver": "percona"}
FAKE = Path(__file__).with_name("fake_tpcc_start.py")


@pytest.fixture(scope="module")
def shop(lab: LiveLab) -> Iterator[Target]:
    target = replace(lab.target, endpoints=lab.target.endpoints[:2])
    run(drop(target))
    run(prepare(nodes_of(target)))
    yield target
    run(drop(target))


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in, where it is looked for."""
    program = tmp_path / "tpcc_start"
    program.write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return program


def children(pid: int | None) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def seen_by_others(pid: int) -> bytes:
    return b"".join(Path(f"/proc/{pid}/{part}").read_bytes() for part in ("cmdline", "environ"))


async def test_its_reports_are_added_up(shop: Target, on_path: Path) -> None:
    async with running(shop, OPTIONS, ("run",), "tpcc") as (load, feed):
        reports = await feed.over(3, skip=0)
        programs = children(load.pid)
        shown = b"".join(map(seen_by_others, programs))
    total = (await feed.end())[-1]
    assert len(programs) == 2
    assert b"tpcc_start" in shown
    assert shop.password.reveal().encode() not in shown
    assert not any(alive(pid) for pid in programs)
    for report in reports:  # 2 threads on one server, 1 on the other; 230 transactions a second for each
        assert report.threads == 3
        assert report.tps == 690
        assert report.figures["tpmC"] == 18_000
        assert report.figures["new_order p95 ms"] == 9.0
    assert [report.elapsed for report in reports] == [1, 2, 3]
    assert sum(report.errors.get(1213, 0) for report in reports) == 2
    assert total.total
    assert total.errors == {1213: 2}
    assert total.figures == {"tpmC": 18_000}
    assert total.tps == 690
    assert load.record.phase == "stopped"
    assert await wrong(nodes_of(shop)) == []


async def test_it_cannot_be_steered(shop: Target, on_path: Path) -> None:
    async with running(shop, OPTIONS, ("run",), "tpcc") as (load, feed):
        await feed.over(1, skip=0)
        load.set_threads(9)
        await until(lambda: "cannot change to 9 threads" in load.refusal, 5)
        load.set_rate(9)
        await until(lambda: "not at 9/s" in load.refusal, 5)


async def test_no_program_outlives_a_killed_worker(shop: Target, on_path: Path) -> None:
    """Nor does it first have to find out, with its next report, that nobody reads it."""
    replace_by(on_path, "exec sleep 60")
    load = load_of(shop, OPTIONS, ("run",), "tpcc")
    await load.start()
    assert load.pid
    await until(lambda: len(children(load.pid)) == 2, 10)
    programs = children(load.pid)
    os.kill(load.pid, signal.SIGKILL)
    await until(lambda: not any(alive(pid) for pid in programs), 10)
    await load.ended()


def replace_by(program: Path, commands: str) -> None:
    program.write_text(f"#!/bin/sh\n{commands}\n")


async def test_a_program_that_ends_by_itself_ends_the_run(shop: Target, on_path: Path) -> None:
    replace_by(on_path, "echo '1040, 08004, Too many connections' >&2; exit 1")
    load = load_of(shop, OPTIONS, ("run",), "tpcc")
    await load.start()
    async for _ in load.reports():
        pass
    assert load.record.phase == "failed"
    assert load.record.message.endswith("tpcc_start ended by itself: Too many connections")


async def test_without_the_program_one_clear_line(shop: Target) -> None:
    load = load_of(shop, OPTIONS, ("run",), "tpcc")
    await load.start()
    async for _ in load.reports():
        pass
    assert load.record.phase == "failed"
    assert load.record.message == "--driver percona needs tpcc_start, of Percona's tpcc-mysql, on the PATH"


@pytest.mark.parametrize("option", [{"keying": True}, {"rate": 5.0}])
async def test_what_it_does_not_know_is_refused(on_path: Path, option: dict[str, Value]) -> None:
    kind = find_kind("tpcc")
    with pytest.raises(ConfigError, match="knows neither"):
        kind.create(
            [Node(Endpoint("localhost", 1), "root", Secret())], checked(kind.options, OPTIONS | option)
        )


async def log_in(node: Node, user: str, database: str | None) -> str:
    """Who we are to the server when we come through the relay without password."""
    async with (
        relay(node) as socket,
        asyncmy.connect(unix_socket=str(socket), user=user, password="", database=database) as connection,
        connection.cursor() as cursor,
    ):
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        await cursor.execute(
            "SELECT CONCAT(CURRENT_USER(), ' ', COALESCE(DATABASE(), '')), REPEAT('x', 300000)"
        )
        [(who, long)] = await cursor.fetchall()
        assert len(long) == 300_000
        return str(who)


async def test_the_relay_logs_in(shop: Target) -> None:
    node = nodes_of(shop)[0]
    assert shop.password.reveal()
    assert (await log_in(node, node.user, "distdiag_tpcc")).endswith("distdiag_tpcc")
    assert (await log_in(node, node.user, None)).startswith("root@")


async def test_the_relay_knows_mariadbs_greeting(on_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, mariadb())
        node = nodes_of(server.target)[0]
        assert (await log_in(node, node.user, "mysql")).startswith("tester@")
        stranger = Node(node.endpoint, node.user, Secret("not this one"))
        with pytest.raises(MySQLError, match="Access denied"):
            await log_in(stranger, node.user, None)


async def test_a_server_that_is_not_there_tears_the_relay(shop: Target) -> None:
    with pytest.raises((MySQLError, OSError)):
        await log_in(Node(Endpoint("127.0.0.1", 1), "root", Secret("x")), "root", None)


def test_the_proof_is_that_of_the_method() -> None:
    """Against the definition, undone: SHA1(password) comes back out of it."""
    import hashlib  # noqa: PLC0415  only here

    nonce = bytes(range(20))
    once = hashlib.sha1(b"tiger").digest()
    mask = hashlib.sha1(nonce + hashlib.sha1(once).digest()).digest()
    assert bytes(a ^ b for a, b in zip(proof(b"tiger", nonce), mask, strict=True)) == once
    assert proof(b"", nonce) == b""


def test_the_greeting_offers_no_encryption() -> None:
    greeting = b"\x0a5.7\0" + bytes(4) + b"12345678\0" + b"\xff\xff" + bytes(5)
    at = greeting.index(b"\xff\xff")
    assert plain_greeting(greeting)[at : at + 2] == b"\xdf\xf7"
    assert plain_greeting(greeting)[:at] == greeting[:at]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "  20, trx: 7788, 95%: 35.259, 99%: 47.493, max_rt: 75.225, "
            "7789|74.724, 779|12.381, 779|75.441, 780|162.908",
            Beat(20, 7788, 7788 + 7789 + 779 + 779 + 780, 35.259, 47.493),
        ),
        ("   0, trx: 0", None),
        ("       [pass]: 1234, 5", None),
        ("neword 0:87", None),
        ("STOPPING THREADS", None),
        ("", None),
    ],
)
def test_lines(line: str, found: Beat | None) -> None:
    assert read_line(line) == found

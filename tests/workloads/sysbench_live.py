"""sysbench on the live lab: small tables, the processes it consists of, its database gone afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from live_load import Feed, load_of, nodes_of, running, sql, until

from distdiag_tui.model.target import Endpoint, Target
from distdiag_tui.workloads.options import Value, checked
from distdiag_tui.workloads.report import IntervalReport
from distdiag_tui.workloads.runner import LoadProcess
from distdiag_tui.workloads.sysbench.kind import SYSBENCH
from distdiag_tui.workloads.sysbench.load import create

needs_sysbench = pytest.mark.skipif(not shutil.which("sysbench"), reason="sysbench is not installed")
DATABASE = "distdiag_sysbench"
TABLES, SIZE = 2, 500
SMALL: dict[str, Value] = {"tables": TABLES, "table_size": SIZE, "threads": 6}


@asynccontextmanager
async def at_work(target: Target, **options: Value) -> AsyncIterator[tuple[LoadProcess, Feed]]:
    """A run on what was prepared, in a process of its own as the console has it."""
    async with running(target, SMALL | options, ("run",), "sysbench") as (load, feed):
        yield load, feed


class Direct:
    """A run in the test's own process: quicker to start, and over at once."""

    def __init__(self, target: Target, options: dict[str, Value]) -> None:
        self.seen: list[IntervalReport] = []
        self.load = create(nodes_of(target), checked(SYSBENCH.options, SMALL | options))
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for report in self.load.run():
            self.seen.append(report)

    async def until(self, wanted: Callable[[IntervalReport], bool]) -> IntervalReport:
        """The next report like that."""
        first = len(self.seen)
        await until(lambda: self.task.done() or any(map(wanted, self.seen[first:])), 30)
        return next(filter(wanted, self.seen[first:]))


@asynccontextmanager
async def directly(target: Target, **options: Value) -> AsyncIterator[Direct]:
    direct = Direct(target, options)
    try:
        yield direct
    finally:
        direct.task.cancel()
        await asyncio.wait({direct.task})


async def all_gone() -> None:
    """No sysbench of the test's own is left."""
    await until(lambda: children(os.getpid(), "sysbench") == [], 10)


def busy(report: IntervalReport) -> bool:
    return report.tps > 0


async def failure(load: LoadProcess) -> str:
    """The message of a run that fails; it has no reports that are not its total."""
    await load.start()
    async for _ in load.reports():
        pass
    assert load.record.phase == "failed", load.record
    assert "\n" not in load.record.message
    return load.record.message


async def prepare(target: Target, **options: Value) -> None:
    load = load_of(target, SMALL | options, ("prepare",), "sysbench")
    await load.start()
    await load.ended()
    assert load.record.phase == "done", load.record


async def drop(target: Target) -> None:
    """The lab without sysbench's database."""
    for endpoint in target.endpoints:
        await sql(target, endpoint, f"DROP DATABASE IF EXISTS {DATABASE}")


async def rows(target: Target, *numbers: int) -> list[tuple[int, int]]:
    """(rows, greatest id) of those tables on each node, node by node."""
    found: list[tuple[int, int]] = []
    for endpoint in target.endpoints:
        for number in numbers:
            query = f"SELECT COUNT(*), COALESCE(MAX(id), 0) FROM {DATABASE}.sbtest{number}"
            [(count, last)] = await sql(target, endpoint, query)
            found.append((int(count), int(last)))
    return found


def children(pid: int | None, name: str = "") -> list[int]:
    """The processes that process started, such as a worker's sysbench; ended ones left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = entry.read_text().rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        state, parent, *_ = rest.split()
        if int(parent) == pid and state != "Z" and name in head:
            found.append(int(entry.parent.name))
    return sorted(found)


class Door:
    """A port that leads to a server while it is open; to its client, a server that dies and comes again."""

    def __init__(self, server: Endpoint, host: str = "127.0.0.1") -> None:
        self.endpoint = Endpoint(host, 0)
        self._server = server
        self._listener: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Door:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def open(self) -> None:
        """Accept connections, again on the same port if it was closed."""
        host, port = self.endpoint.host, self.endpoint.port
        self._listener = await asyncio.start_server(self._accept, host, port)
        self.endpoint = Endpoint(host, self._listener.sockets[0].getsockname()[1], "door")

    def close(self) -> None:
        """Break all connections and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self._server.host, self._server.port)
        self._writers += (writer, server_writer)
        await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
    except OSError:
        pass  # the door was closed
    finally:
        writer.transport.abort()
